"""What no server need run for: rotation told by times alone, folders of users, files that are not read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.make import v3_record

from wafscope.doctor import log as look
from wafscope.doctor import process, rotation
from wafscope.doctor.case import with_parts
from wafscope.doctor.diagnosis import Diagnosis
from wafscope.doctor.examine import examine
from wafscope.i18n.text import text
from wafscope.rules.seclang.nodes import Place
from wafscope.rules.site import find
from wafscope.settings import Source

WELL = "SecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine On\nSecAuditLogParts ABCFHZ\n"


def written(folder: Path, directives: str) -> str:
    (folder / "rules.conf").write_text(WELL + directives.format(folder=folder))
    return str(folder / "rules.conf")


def codes(diagnoses: tuple[Diagnosis, ...]) -> list[str]:
    return [each.code for each in diagnoses]


@pytest.mark.parametrize(
    ("given", "wanted", "whole"),
    [
        ("ABIJDEFHZ", "C", "ABCIJDEFHZ"),
        ("ABIJDEFHZ", "K", "ABIJDEFHKZ"),
        ("ABIJDEFZ", "H", "ABHIJDEFZ"),
        ("z", "BCFH", "ABCFHZ"),
        ("", "H", "AHZ"),
        ("ABHZ", "H", "ABHZ"),
    ],
)
def test_a_part_is_added_where_it_stands_by_custom(given: str, wanted: str, whole: str) -> None:
    assert with_parts(given, wanted) == whole


def test_a_rotated_log_that_is_newer_is_told_by_its_time(tmp_path: Path) -> None:
    log, old = tmp_path / "audit.log", tmp_path / "audit.log.1"
    log.touch()
    old.write_bytes(v3_record() + b"\n")
    os.utime(log, (1_000, 1_000))
    os.utime(old, (1_030, 1_030))
    source = Source(path=str(log))

    assert codes(examine(source, ()).diagnoses) == []  # a reload may take a while
    os.utime(old, (1_100, 1_100))
    assert codes(examine(source, ()).diagnoses) == ["not_reopened"]
    (tmp_path / "audit.log.1.gz").write_bytes(b"x")
    old.unlink()
    assert codes(examine(source, ()).diagnoses) == []  # it was rotated, and nothing has come since
    (tmp_path / "audit.log.1.gz").unlink()
    assert codes(examine(source, ()).diagnoses) == ["log_empty"]


def test_a_directory_that_is_emptied_by_its_reader_lacks_nothing(tmp_path: Path) -> None:
    off = find.read(written(tmp_path, "SecAuditEngine Off\nSecAuditLog /elsewhere.log\n"))
    (tmp_path / "conc").mkdir()
    source = Source(kind="concurrent", path=str(tmp_path / "conc"), after="delete")

    assert "audit_engine_off" in codes(examine(source, [off]).diagnoses)
    assert codes(examine(source, []).diagnoses) == ["log_empty"]
    assert codes(examine(source, [off], is_heard=True).diagnoses) == []
    kept = msgspec.structs.replace(source, after="keep")
    assert codes(examine(kept, [off], is_heard=True).diagnoses) == ["log_empty"]


def test_who_may_not_read_a_log_hears_nothing_of_other_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off = find.read(written(tmp_path, "SecAuditEngine Off\nSecAuditLog /elsewhere.log\n"))
    log = tmp_path / "audit.log"
    log.touch()
    source = Source(path=str(log))
    assert "audit_engine_off" in codes(examine(source, [off]).diagnoses)
    told = ((str(log), text("It can not be read: {reason}", reason="Permission denied")),)
    monkeypatch.setattr(look, "look_at_file", lambda *_: look.Seen(refused=told))
    assert codes(examine(source, [off]).diagnoses) == ["not_readable"]


def test_a_source_that_waits_for_what_is_written_to_a_file_is_of_another_type(tmp_path: Path) -> None:
    config = written(tmp_path, "SecAuditLog {folder}/audit.log\n")
    for kind in ("stdin", "receiver", "syslog"):
        (found,) = examine(Source(kind=kind, path="-", config=config)).diagnoses
        assert (found.code, found.hint and found.hint.values["line"]) == (
            "other_type",
            f'kind = "serial", path = "{tmp_path}/audit.log"',
        )
    config = written(tmp_path, "SecAuditLog /dev/stdout\n")
    assert codes(examine(Source(kind="stdin", path="-", config=config)).diagnoses) == []
    config = written(tmp_path, "SecAuditLogType HTTPS\nSecAuditLog https://127.0.0.1:1/in/token\n")
    assert codes(examine(Source(kind="receiver", config=config)).diagnoses) == []


NGINX = """/var/log/nginx/*.log {{
	daily
	missingok
	create 0640 www-data adm
	sharedscripts
	prerotate
		if [ -d /etc/logrotate.d/httpd-prerotate ]; then \\
			run-parts /etc/logrotate.d/httpd-prerotate; \\
		fi \\
	endscript
	postrotate
		{after}
	endscript
{more}}}
"""
"""As Debian's package of nginx has it."""


@pytest.mark.parametrize(
    ("after", "more", "heard"),
    [
        ("invoke-rc.d nginx rotate >/dev/null 2>&1", "", {"v2"}),
        ("systemctl reload nginx", "", {"v2"}),
        ("systemctl restart nginx", "", {"v2", "v3", "coraza"}),
        ("true", "\tcopytruncate\n", {"v2", "v3", "coraza"}),
        ("true", "", set()),
    ],
)
def test_a_rotation_that_the_engine_does_not_hear_of_is_known(
    tmp_path: Path, after: str, more: str, heard: set[str]
) -> None:
    (tmp_path / "nginx").write_text(NGINX.format(after=after, more=more))
    found = rotation.find("/var/log/nginx/modsec_audit.log", [str(tmp_path), str(tmp_path / "gone")])

    assert found is not None
    assert (found.place, found.patterns) == (
        Place(str(tmp_path / "nginx"), 1, 14 + bool(more)),
        ("/var/log/nginx/*.log",),
    )
    assert {engine for engine in ("v2", "v3", "coraza") if found.is_heard_by(engine)} == heard
    assert rotation.find("/var/log/modsec_audit.log", [str(tmp_path)]) is None


def test_blocks_of_logrotate_are_read_whatever_they_look_like() -> None:
    source = """weekly
copytruncate
include /etc/logrotate.d
/var/log/a.log
"/var/log/b c.log" {
}
/var/log/d.log { daily
}
'/var/log/e {
"""
    found = list(rotation.parse(source, "x"))
    assert [(each.patterns, each.place.line) for each in found] == [
        (("/var/log/a.log", "/var/log/b c.log"), 4),
        (("/var/log/d.log",), 7),
    ]
    assert found[0].options == {"weekly", "copytruncate", "include"}
    assert found[1].options == {"weekly", "copytruncate", "include", "daily"}


def test_a_rotation_that_is_still_to_come_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(v3_record() + b"\n")
    (tmp_path / "rotate").write_text(f"{tmp_path}/*.log {{\n daily\n}}\n")
    monkeypatch.setattr(rotation, "PLACES", (str(tmp_path / "rotate"),))
    (found,) = examine(Source(path=str(log)), ()).diagnoses

    assert (found.code, found.where, found.severity) == ("rotation_unheard", f"{tmp_path}/rotate:1", "warning")
    assert found.change is not None
    assert found.change.then == "copytruncate"


def test_a_record_that_is_still_being_written_is_no_fault(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes((v3_record() + b"\n") * 2 + v3_record()[:40])

    found = examine(Source(path=str(log)), ())
    assert (found.records, codes(found.diagnoses)) == (2, [])


def test_what_begins_in_the_middle_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "audit.log"
    record = v3_record() + b"\n"
    log.write_bytes(record * 5)
    monkeypatch.setattr("wafscope.doctor.log._NEWEST", len(record) * 2 + 20)

    found = examine(Source(path=str(log)), ())
    assert (found.records, codes(found.diagnoses)) == (2, [])


def test_the_other_log_that_the_engine_writes_is_named(tmp_path: Path) -> None:
    config = written(tmp_path, "SecAuditLog {folder}/here.log\n")
    (tmp_path / "here.log").write_bytes(v3_record() + b"\n")
    (found,) = examine(Source(path=str(tmp_path / "there.log"), config=config)).diagnoses

    assert (found.code, found.where) == ("other_path", f"{config}:5")
    assert found.hint is not None
    assert found.hint.values["line"] == f'path = "{tmp_path}/here.log"'


def test_a_serial_source_of_a_concurrent_log_is_of_another_type(tmp_path: Path) -> None:
    config = written(
        tmp_path, "SecAuditLogType Concurrent\nSecAuditLogStorageDir {folder}\nSecAuditLog {folder}/index\n"
    )
    (tmp_path / "index").write_text("")
    (found,) = examine(Source(path=str(tmp_path / "index"), config=config)).diagnoses

    assert found.code == "other_type"
    assert found.hint is not None
    assert found.hint.values["line"] == f'kind = "concurrent", path = "{tmp_path}"'
    config = written(tmp_path, "SecAuditLog {folder}/audit.log\n")
    (found,) = examine(Source(kind="concurrent", path=str(tmp_path), config=config)).diagnoses
    assert found.code == "other_type"
    assert found.change is not None
    assert found.change.then == "SecAuditLogType Concurrent"


def test_a_file_of_an_engine_that_sends_its_records_is_of_another_type(tmp_path: Path) -> None:
    config = written(tmp_path, "SecAuditLogType HTTPS\nSecAuditLog https://127.0.0.1:1/in/token\n")
    (found,) = examine(Source(path=str(tmp_path / "audit.log"), config=config)).diagnoses

    assert (found.code, found.change and found.change.then) == ("other_type", "SecAuditLogType Serial")
    assert found.hint is not None
    assert found.hint.values["line"] == 'kind = "receiver", listen = "127.0.0.1:8643"'


@pytest.fixture
def entered() -> Iterator[Path]:
    """A directory that other users may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_caddy_that_may_not_write_is_told(entered: Path) -> None:
    (entered / "Caddyfile").write_text(
        f":80 {{\n coraza_waf {{\n directives `\n{WELL}SecAuditLog {entered}/a.log\n`\n }}\n}}\n"
    )
    site = find.read(str(entered / "Caddyfile"))
    setups = tuple(msgspec.structs.replace(setup, user="nobody") for setup in site.setups)
    nobody = [msgspec.structs.replace(site, setups=setups)]
    source = Source(path=str(entered / "a.log"))

    assert [setup.user for setup in site.setups] == ["caddy"]
    assert codes(examine(source, nobody).diagnoses) == ["log_not_writable"]
    (entered / "a.log").write_bytes(v3_record() + b"\n")
    assert codes(examine(source, nobody).diagnoses) == ["log_not_writable"]
    os.chown(entered / "a.log", 65534, 65534)
    assert codes(examine(source, nobody).diagnoses) == []


def test_another_log_and_the_index_of_a_concurrent_one_are_told(tmp_path: Path) -> None:
    access = tmp_path / "access.log"
    access.write_text('192.0.2.1 - - [27/Nov/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n' * 3)
    index = tmp_path / "index.log"
    index.write_text(
        'h 127.0.0.1 - [24/Nov/2026:02:39:37 +0000] "GET / HTTP/1.1" 200 15 - "p" 179548797731.334602 -'
        " /var/log/20261124/20261124-0239/20261124-023937-179548797731.334602 0 440.000000 md5:" + "8" * 32 + "\n"
    )

    assert codes(examine(Source(path=str(access)), ()).diagnoses) == ["no_records"]
    assert codes(examine(Source(path=str(index)), ()).diagnoses) == ["other_type"]


def test_a_configuration_that_writes_another_log_is_not_asked_about_this_one(tmp_path: Path) -> None:
    site = find.read(written(tmp_path, "SecAuditLog {folder}/other.log\nSecAuditLogParts AZ\n"))
    (tmp_path / "audit.log").write_bytes(v3_record() + b"\n")

    found = examine(Source(path=str(tmp_path / "audit.log")), [site])
    assert (found.files, found.diagnoses) == ((), ())


def test_what_could_stand_in_an_unread_file_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "rules.conf").write_text(f"SecAuditLog {tmp_path}/audit.log\nInclude gone.conf\n")
    (tmp_path / "audit.log").write_bytes(v3_record() + b"\n")

    found = examine(Source(path=str(tmp_path / "audit.log"), config=str(tmp_path / "rules.conf")))
    assert [(each.code, each.where) for each in found.diagnoses] == [
        ("config_not_readable", f"{tmp_path}/rules.conf:2")
    ]


def test_a_configuration_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(v3_record() + b"\n")
    found = examine(Source(path=str(tmp_path / "audit.log"), config=str(tmp_path / "gone.conf")))

    assert codes(found.diagnoses) == ["config_not_readable"]


def test_a_folder_of_a_user_below_the_storage_directory_is_of_it(tmp_path: Path) -> None:
    config = written(tmp_path, "SecAuditLogType Concurrent\nSecAuditLogStorageDir {folder}/audit\n")
    minute = tmp_path / "audit" / "www-data" / "20261127" / "20261127-0900"
    minute.mkdir(parents=True)
    (minute / "20261127-090000-abc").write_bytes(v3_record() + b"\n")

    for path in (tmp_path / "audit", tmp_path / "audit" / "www-data"):
        found = examine(Source(kind="concurrent", path=str(path), config=config))
        assert (found.records, codes(found.diagnoses)) == (1, [])


def test_a_library_without_yajl_is_told_by_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = written(tmp_path, "SecAuditLog {folder}/audit.log\nSecAuditLogFormat JSON\n")
    (tmp_path / "audit.log").write_bytes(v3_record() + b"\n")
    source = Source(path=str(tmp_path / "audit.log"), config=config)
    library = tmp_path / "libmodsecurity.so.3"
    monkeypatch.setattr(process, "libraries", lambda _: (str(library),))

    library.write_bytes(b"\x7fELF... libyajl.so.2 ...")
    assert codes(examine(source).diagnoses) == []
    library.write_bytes(b'\x7fELF {"error":"ModSecurity was not compiled with JSON support."}')
    assert codes(examine(source).diagnoses) == ["engine_without_yajl"]


def test_the_quarantine_tells_of_a_pipe_that_nobody_can_look_at_again() -> None:
    found = examine(Source(kind="stdin", path="-"), (), pieces={"cut": 3, "damaged_archive": 1})

    assert codes(found.diagnoses) == ["cut_on_pipe"]
    assert found.diagnoses[0].evidence.values["n"] == 3
