"""From the logs alone, the doctor tells what the configurations of the real runs leave out, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import zstandard
from tests.corpus.place import CORPUS, RUNS

from wafscope.doctor.examine import examine
from wafscope.rules.site import find
from wafscope.settings import Source

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

_MUCH = 4 << 20
_DIRECTIVE = re.compile(r"^(SecAuditLog\w+|SecAuditEngine)\s+(\S+)", re.MULTILINE)


def configuration(run: str) -> Path:
    folder = CORPUS / run / "config"
    return next(path for name in ("modsecurity.conf", "coraza.conf") if (path := folder / name).exists())


SERIAL = [run for run in RUNS if (CORPUS / run / "config").is_dir() and "-serial-" in run]


@pytest.mark.parametrize("run", SERIAL)
def test_a_log_shows_what_its_configuration_leaves_out(run: str, tmp_path: Path) -> None:
    # The last of a name holds, told without any part of the product.
    given = dict(_DIRECTIVE.findall(configuration(run).read_text()))
    folder = CORPUS / run / "audit"
    log = next(path for name in ("modsec_audit.log", "modsec_audit.log.zst") if (path := folder / name).exists())
    data = log.read_bytes()[:_MUCH]
    if log.suffix == ".zst":
        with log.open("rb") as packed:
            data = zstandard.ZstdDecompressor().stream_reader(packed).read(_MUCH)
    (tmp_path / "modsec_audit.log").write_bytes(data[: data.rfind(b"\n") + 1])
    found = examine(Source(path=str(tmp_path / "modsec_audit.log")), ())

    expected = set()
    if "C" not in given["SecAuditLogParts"] and not run.startswith("ap") and b"POST" in data:
        expected.add("no_part_c")  # mod_security2 writes bodies for part I, too
    if run.startswith("cz") and "K" not in given["SecAuditLogParts"] and given["SecAuditLogFormat"] == "JSON":
        expected.add("no_part_k")
    assert {each.code for each in found.diagnoses} == expected
    assert found.records > 0


@pytest.mark.parametrize("run", [run for run in RUNS if (CORPUS / run / "config").is_dir()])
def test_a_configuration_is_read_as_it_is_written(run: str) -> None:
    path = configuration(run)
    (setup,) = find.read(str(path)).setups

    assert {name: setup.value(name) for name in dict(_DIRECTIVE.findall(path.read_text()))} == {
        name: value.strip('"') for name, value in _DIRECTIVE.findall(path.read_text())
    }
