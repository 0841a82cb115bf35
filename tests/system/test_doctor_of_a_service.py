"""The doctor beside a service that runs: its figures are those of the service, and the console says the same."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from tests.cli.test_commands import run
from tests.system.servers import free_port, nginx, visit
from tests.system.serving import serving, until

pytestmark = pytest.mark.system

TORN = b'{"transaction":{"client_ip":"192.0.2.1"\n'


def test_figures_findings_and_deeds_while_a_service_runs(directory: Path) -> None:
    at, log, store = free_port(), directory / "audit.log", directory / "waf.duckdb"
    settings = directory / "wafscope.toml"
    settings.write_text(
        f'[store]\nuri = "duckdb:///{store}"\n'
        f'[[source]]\npath = "{log}"\nsensor = "web1"\nconfig = "{directory}/nginx.conf"\n'
    )
    directives = f"SecAuditLogFormat JSON\nSecAuditLogParts ABCFZ\nSecAuditLogType Serial\nSecAuditLog {log}\n"
    with nginx(directory, directives, at), serving("--config", settings) as service:
        for number in range(5):
            assert visit(at, f"/?q=attack{number}") == 200
        until(lambda: service.events() == 5)
        with log.open("ab") as more:
            more.write(TORN)
        until(lambda: [each["quarantined"] for each in service.status().get("sources", ())] == [1])

        done = run("doctor", "--config", str(settings), "--json", status=7)
        (source,) = json.loads(done.stdout)["sources"]
        figures = {name: source[name] for name in ("state", "lag_bytes", "received", "stored", "quarantined")}
        assert figures == {"state": "following", "lag_bytes": 0, "received": 6, "stored": 5, "quarantined": 1}
        assert source["rate_per_hour"] == pytest.approx(5 / 24)
        assert source["last_record"] is not None
        assert [(each["code"], each["line"]) for each in source["diagnoses"]] == [("no_part_h", 7)]

        page = until(lambda: "Part H is not logged." in (found := service.ask("/sources")[1]) and found)
        assert f"{directory}/rules.conf:7" in page
        request = urllib.request.Request(
            f"http://127.0.0.1:{service.port}/quarantine/1/discard",
            data=b"",
            headers={"Origin": f"http://127.0.0.1:{service.port}"},
        )
        with urllib.request.urlopen(request, timeout=240) as answer:
            assert answer.url.endswith("/quarantine?told=discarded.1")
        assert visit(at, "/?q=attack") == 200
        until(lambda: service.events() == 6)
        assert service.stop() == 0
