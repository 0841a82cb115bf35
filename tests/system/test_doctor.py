"""The doctor finds what is wrong with real servers, and has nothing to say about those that are well.

Each set-up is broken on the server itself, which runs so and is visited; what follows from it is seen in its log first.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.system.servers import PATIENCE, RULES, apache, coraza, free_port, needs, nginx, visit

from wafscope.doctor.diagnosis import Diagnosis
from wafscope.doctor.examine import Examined, examine
from wafscope.doctor.person import named
from wafscope.settings import Source

pytestmark = pytest.mark.system

ATTACK = "/?q=attack"
FORM = b"q=attack&password=1"
SERIAL = "SecAuditLogType Serial\nSecAuditLog {directory}/audit.log\n"
CONCURRENT = "SecAuditLogType Concurrent\nSecAuditLog {directory}/index.log\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


VISITS = 3


def use(at: int) -> None:
    """Be a visitor, with and without a body, VISITS times; what is logged may be written after the answers."""
    assert visit(at, ATTACK) == 200
    assert visit(at, "/plain") == 404
    assert visit(at, "/index.html", body=FORM) in {200, 405}


def examined(directory: Path, configuration: str = "", **source: str) -> Examined:
    """Examine with a configuration, or by the log alone."""
    config = str(directory / configuration) if configuration else ""
    given = {"path": str(directory / "audit.log")} | source
    return examine(Source(config=config, **given), ())  # type: ignore[arg-type]


def codes(found: Examined) -> list[str]:
    return [each.code for each in found.diagnoses]


def only(found: Examined, code: str) -> Diagnosis:
    assert codes(found) == [code]
    return found.diagnoses[0]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_written(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def holds(directory: Path, records: int = VISITS, /, **source: str) -> Callable[[], bool]:
    """Whether the log holds so many records; `audit.log`, where nothing else is said."""
    path = Path(source.get("path", directory / "audit.log"))
    return lambda: path.exists() and examined(directory, **source).records == records


# --- nginx with libmodsecurity ---


@pytest.mark.parametrize("form", ["Native", "JSON"])
def test_a_healthy_nginx_has_nothing(directory: Path, form: str) -> None:
    at = free_port()
    with nginx(
        directory, f"SecAuditLogFormat {form}\nSecAuditLogParts ABCFHZ\n{SERIAL.format(directory=directory)}", at
    ):
        use(at)
        until(holds(directory))
        found = examined(directory, "nginx.conf")
        assert (codes(found), found.files) == ([], (str(directory / "nginx.conf"),))
        assert found.records > 0
        assert codes(examined(directory)) == []
        # Somebody follows what it does not write.
        wrong = only(examined(directory, "nginx.conf", path=str(directory / "other.log")), "other_path")
        assert wrong.evidence.values["path"] == str(directory / "audit.log")


def test_a_healthy_concurrent_log_has_nothing(directory: Path) -> None:
    at = free_port()
    (directory / "audit").mkdir()
    directives = (
        f"SecAuditLogParts ABCFHZ\nSecAuditLogStorageDir {directory}/audit\n{CONCURRENT.format(directory=directory)}"
    )
    with nginx(directory, directives, at):
        use(at)
        source = {"kind": "concurrent", "path": str(directory / "audit")}
        until(holds(directory, **source))
        assert codes(examined(directory, "nginx.conf", **source)) == []
        assert codes(examined(directory, **source)) == []
        # Its index is no serial log, and another directory is empty.
        assert codes(examined(directory, "nginx.conf", path=str(directory / "index.log"))) == ["other_type"]
        assert codes(examined(directory, path=str(directory / "index.log"))) == ["other_type"]
        other = source | {"path": str(directory / "www")}
        assert codes(examined(directory, "nginx.conf", **other)) == ["other_path"]


@pytest.mark.parametrize(
    ("parts", "code", "then"),
    [("ABCFZ", "no_part_h", "ABCFHZ"), ("ABIJDEFHZ", "no_part_c", "ABCIJDEFHZ"), ("ACFHZ", "no_part_b", "ABCFHZ")],
)
@pytest.mark.parametrize("form", ["Native", "JSON"])
def test_a_part_that_nginx_does_not_log_is_found(directory: Path, form: str, parts: str, code: str, then: str) -> None:
    at = free_port()
    with nginx(
        directory, f"{SERIAL.format(directory=directory)}SecAuditLogFormat {form}\nSecAuditLogParts {parts}\n", at
    ):
        use(at)
        until(holds(directory))
        found = only(examined(directory, "nginx.conf"), code)
        assert found.change is not None
        assert (found.change.now, found.change.then) == (f"SecAuditLogParts {parts}", f"SecAuditLogParts {then}")
        line = (directory / "rules.conf").read_text().splitlines()[found.place.line - 1]
        assert (line, found.place.file) == (found.change.now, str(directory / "rules.conf"))
        if code != "no_part_b":
            assert only(examined(directory), code).place.file == str(directory / "audit.log")
        else:
            # Without headers nobody knows that there was a body.
            assert code in codes(examined(directory))


@pytest.mark.parametrize(
    ("directives", "switch", "code", "then"),
    [
        ("SecAuditEngine Off", "on", "audit_engine_off", "SecAuditEngine On"),
        ("SecRuleEngine Off", "on", "rule_engine_off", "SecRuleEngine DetectionOnly"),
        ("", "off", "module_off", "modsecurity on;"),
    ],
)
def test_what_is_switched_off_is_found(directory: Path, directives: str, switch: str, code: str, then: str) -> None:
    at = free_port()
    with nginx(
        directory, f"SecAuditLogParts ABCFHZ\n{SERIAL.format(directory=directory)}{directives}\n", at, switch=switch
    ):
        use(at)
        found = only(examined(directory, "nginx.conf"), code)
        assert found.severity == "error"
        assert found.change is not None
        assert found.change.then == then
        assert found.place.line > 0
    if code != "rule_engine_off":
        assert not is_written(directory / "audit.log")


def test_relevant_only_is_told_with_what_it_leaves_out(directory: Path) -> None:
    at = free_port()
    directives = 'SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus "^5"\nSecAuditLogParts ABCFHZ\n'
    with nginx(directory, directives + SERIAL.format(directory=directory), at):
        use(at)
        until(holds(directory, 2))
        found = only(examined(directory, "nginx.conf"), "relevant_only")
        assert (found.severity, found.evidence.values) == ("notice", {"status": "^5"})


def test_a_concurrent_log_without_a_storage_directory_is_found(directory: Path) -> None:
    at = free_port()
    (directory / "audit").mkdir()
    source = {"kind": "concurrent", "path": str(directory / "audit")}
    with nginx(directory, f"SecAuditLogParts ABCFHZ\n{CONCURRENT.format(directory=directory)}", at):
        use(at)
        found = only(examined(directory, "nginx.conf", **source), "no_storage_dir")
        assert found.change is not None
        assert found.change.then == f"SecAuditLogStorageDir {directory}/audit"
    assert list((directory / "audit").iterdir()) == []


@as_root
def test_a_storage_directory_that_the_engine_may_not_write_to_is_found(directory: Path) -> None:
    at = free_port()
    (directory / "audit").mkdir(mode=0o755)
    directives = (
        f"SecAuditLogStorageDir {directory}/audit\n{CONCURRENT.format(directory=directory)}SecAuditLogParts ABCFHZ\n"
    )
    source = {"kind": "concurrent", "path": str(directory / "audit")}
    with nginx(directory, directives, at, user="www-data"):
        use(at)
        found = only(examined(directory, "nginx.conf", **source), "storage_dir_not_writable")
        assert found.evidence.values == {"user": "www-data", "path": f"{directory}/audit"}
        assert list((directory / "audit").iterdir()) == []
        shutil.chown(directory / "audit", "www-data")
        assert codes(examined(directory, "nginx.conf", **source)) == ["log_empty"]
        use(at)
        until(holds(directory, **source))
        assert codes(examined(directory, "nginx.conf", **source)) == []


@as_root
def test_a_log_that_the_reader_may_not_read_is_found(directory: Path) -> None:
    at = free_port()
    nobody = named("nobody")
    with nginx(directory, f"SecAuditLogParts ABCFHZ\n{SERIAL.format(directory=directory)}", at):
        use(at)
        until(holds(directory))
        (directory / "audit.log").chmod(0o640)
        log = Source(path=str(directory / "audit.log"))
        found = only(examine(log, (), reader=nobody), "not_readable")
        assert (found.evidence.values["user"], found.evidence.values["mode"]) == ("nobody", "0640")
        (directory / "audit.log").chmod(0o644)
        assert codes(examine(log, (), reader=nobody)) == []
        directory.chmod(0o700)
        assert only(examine(log, (), reader=nobody), "not_readable").evidence.values["path"] == str(directory)


WITHOUT_JSON = """
#include <string>
namespace modsecurity { struct Transaction { std::string toJSON(int); }; }
std::string modsecurity::Transaction::toJSON(int) {
    return "{\\"error\\":\\"ModSecurity was not compiled with JSON support.\\"}";
}
"""


def test_an_engine_without_yajl_is_found(directory: Path) -> None:
    """The one function that a build without YAJL has otherwise is put in the place of the engine's own."""
    needs("g++")
    (directory / "json.cc").write_text(WITHOUT_JSON)
    library = directory / "json.so"
    subprocess.run(["g++", "-shared", "-fPIC", "-o", library, directory / "json.cc"], check=True)
    at = free_port()
    directives = f"SecAuditLogFormat JSON\nSecAuditLogParts ABCFHZ\n{SERIAL.format(directory=directory)}"
    with nginx(directory, directives, at, environment={"LD_PRELOAD": str(library)}):
        use(at)
        until(lambda: is_written(directory / "audit.log"))
        found = only(examined(directory, "nginx.conf"), "engine_without_yajl")
        assert found.change is not None
        assert (found.change.now, found.change.then) == ("SecAuditLogFormat JSON", "SecAuditLogFormat Native")
        assert codes(examined(directory)) == ["engine_without_yajl"]


@as_root
def test_a_log_that_nginx_does_not_open_again_is_found(directory: Path) -> None:
    at = free_port()
    log = directory / "audit.log"
    with nginx(directory, f"SecAuditLogParts ABCFHZ\n{SERIAL.format(directory=directory)}", at) as process:
        use(at)
        until(holds(directory))
        shutil.copy2(log, directory / "audit.log.1")
        os.truncate(log, 0)
        use(at)
        until(holds(directory))
        assert codes(examined(directory, "nginx.conf")) == []  # copytruncate
        log.rename(directory / "audit.log.1")
        log.touch()
        process.send_signal(signal.SIGUSR1)
        size = (directory / "audit.log.1").stat().st_size
        use(at)
        until(lambda: (directory / "audit.log.1").stat().st_size > size)
        found = only(examined(directory, "nginx.conf"), "not_reopened")
        assert found.place.file == str(directory / "audit.log.1")
        assert log.stat().st_size == 0
        (directory / "audit.log.1").unlink()
        assert codes(examined(directory, "nginx.conf")) == ["not_reopened"]


def test_records_that_a_shared_pipe_cuts_are_found(directory: Path) -> None:
    """Both processes of nginx write to one pipe, which takes 64 KiB: larger records end up in each other."""
    at = free_port()
    directives = "SecAuditLogFormat JSON\nSecAuditLogParts ABCFHZ\nSecAuditLogType Serial\nSecAuditLog /dev/stdout\n"
    body = b"q=attack&x=" + b"x" * 120_000

    def torn() -> bool:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: visit(at, "/index.html", body=body), range(16)))
        return "cut_on_pipe" in codes(examined(directory, "nginx.conf", path=str(directory / "nginx.out")))

    with nginx(directory, directives, at, piped=True):
        until(torn)
    found = examined(directory, "nginx.conf", path=str(directory / "nginx.out"))
    assert [each.change is not None for each in found.diagnoses if each.code == "cut_on_pipe"] == [True]


# --- Apache with mod_security2 ---


@pytest.mark.parametrize("form", ["Native", "JSON"])
def test_a_healthy_apache_has_nothing(directory: Path, form: str) -> None:
    at = free_port()
    directives = f"SecAuditLogFormat {form}\nSecAuditLogParts ABIJFHZ\n{SERIAL.format(directory=directory)}"
    with apache(directory, directives, at) as process:
        use(at)
        until(holds(directory))
        found = examined(directory, "apache.conf")
        assert (codes(found), found.files) == ([], (str(directory / "apache.conf"),))
        assert codes(examined(directory)) == []
        # Its rotation reloads it, as that of Debian does.
        (directory / "audit.log").rename(directory / "audit.log.1")
        process.send_signal(signal.SIGUSR1)
        until((directory / "audit.log").exists)
        until(lambda: codes(examined(directory, "apache.conf")) == [])
        use(at)  # by a process that may still be an old one
        until(lambda: codes(examined(directory, "apache.conf")) == [])


@as_root
def test_a_broken_apache_is_found(directory: Path) -> None:
    at = free_port()
    with apache(directory, f"SecAuditLogParts AFZ\n{SERIAL.format(directory=directory)}", at):
        use(at)
        until(holds(directory))
        found = examined(directory, "apache.conf")
        assert codes(found) == ["no_part_h", "no_part_b", "no_part_c"]
        assert {each.change.then for each in found.diagnoses if each.change} == {"SecAuditLogParts ABCFHZ"}
        assert codes(examined(directory)) == ["no_part_h", "no_part_b"]
        (directory / "audit.log").rename(directory / "audit.log.1")
        (directory / "audit.log").touch()
        use(at)
        until(lambda: "not_reopened" in codes(examined(directory, "apache.conf")))


@as_root
def test_an_apache_that_may_not_write_its_concurrent_log_is_found(directory: Path) -> None:
    at = free_port()
    (directory / "audit").mkdir(mode=0o755)
    source = {"kind": "concurrent", "path": str(directory / "audit")}
    directives = (
        f"SecAuditLogParts ABCFHZ\nSecAuditLogStorageDir {directory}/audit\n{CONCURRENT.format(directory=directory)}"
    )
    with apache(directory, directives + CONCURRENT.format(directory=directory), at):
        use(at)
        assert only(examined(directory, "apache.conf", **source), "storage_dir_not_writable").place.line > 0
        assert list((directory / "audit").iterdir()) == []


# --- Coraza ---


def follow(directory: Path, directives: str) -> str:
    """Write down what the server is told; return it."""
    directives = directives.format(directory=directory)
    (directory / "coraza.conf").write_text(RULES + directives)
    return directives


def test_a_healthy_coraza_has_nothing(built: Path, directory: Path) -> None:
    at = free_port()
    directives = follow(directory, "SecAuditLogFormat JSON\nSecAuditLogParts ABCFHKZ\n" + SERIAL)
    with coraza(built, directory, directives, at):
        for target in (ATTACK, "/plain"):
            assert visit(at, target) == 200
        assert visit(at, ATTACK, body=FORM) == 200
        until(holds(directory))
        assert codes(examined(directory, "coraza.conf")) == []
        assert codes(examined(directory)) == []


def test_a_coraza_without_part_k_is_found(built: Path, directory: Path) -> None:
    at = free_port()
    directives = follow(directory, "SecAuditLogFormat JSON\nSecAuditLogParts ABCFHZ\n" + SERIAL)
    with coraza(built, directory, directives, at):
        assert visit(at, ATTACK) == 200
        until(holds(directory, 1))
        found = only(examined(directory, "coraza.conf"), "no_part_k")
        assert found.change is not None
        assert found.change.then == "SecAuditLogParts ABCFHKZ"
        assert only(examined(directory), "no_part_k").hint is not None


def test_a_coraza_with_ocsf_that_fails_at_every_record_is_found(built: Path, directory: Path) -> None:
    at = free_port()
    directives = follow(directory, "SecAuditLogFormat OCSF\nSecAuditLogParts ABCFHZ\n" + SERIAL)
    with coraza(built, directory, directives, at):
        with pytest.raises(http.client.RemoteDisconnected):
            visit(at, ATTACK)
        found = only(examined(directory, "coraza.conf"), "ocsf_without_k")
        assert found.change is not None
        assert found.change.then == "SecAuditLogParts ABCFHKZ"
    assert "nil pointer" in (directory / "coraza.out").read_text()
    assert not is_written(directory / "audit.log")


def test_a_coraza_without_a_storage_directory_is_found(built: Path, directory: Path) -> None:
    at = free_port()
    directives = follow(directory, "SecAuditLogParts ABCFHZ\n" + CONCURRENT)
    source = {"kind": "concurrent", "path": str(directory / "audit")}
    (directory / "audit").mkdir()
    with coraza(built, directory, directives, at):
        assert visit(at, ATTACK) == 200
        assert only(examined(directory, "coraza.conf", **source), "no_storage_dir").change is not None
    assert list((directory / "audit").iterdir()) == []


def test_a_coraza_that_does_not_start_for_its_status_is_found(built: Path, directory: Path) -> None:
    def started(status: str) -> bool:
        directives = f'{RULES}SecAuditLogRelevantStatus "{status}"\nSecAuditLog {directory}/audit.log\n'
        (directory / "Caddyfile").write_text(f":80 {{\n coraza_waf {{\n directives `\n{directives}`\n }}\n}}\n")
        done = subprocess.run(
            [built, "127.0.0.1:99999", directives], cwd=directory, capture_output=True, text=True, check=False
        )
        return "invalid port" in done.stderr  # it came so far

    assert not started("^(?:5|4(?!04))")
    found = examined(directory, "Caddyfile").diagnoses[0]
    assert (found.code, found.place.line) == ("relevant_status", 9)
    assert found.change is not None
    assert started(found.change.then.split()[1].strip('"'))
    assert "relevant_status" not in codes(examined(directory, "Caddyfile"))
