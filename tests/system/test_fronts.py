"""The console behind Apache with the CRS in On mode, as the shipped example has it (nginx: tests/browser)."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.conftest import load, sample_lines, served
from tests.browser.test_hostile import hostile_log
from tests.system.fronts import CRS, EXAMPLES, NAME, WORDS, behind_apache
from tests.system.servers import NGINX_MODULE, PATIENCE, free_port, needs, nginx, program, running, visit

from wafscope.query.parser import encode
from wafscope.store.memory import MemoryStore
from wafscope.web.settings import WebSettings

ATTACKS = ('"union select"', '"<script>alert(1)</script>"', "@uri:*../../etc/passwd*", '"eval($x)"', '"$(id)"')


@pytest.fixture(scope="module")
def console() -> Iterator[str]:
    store = MemoryStore()
    load(store, b"\n".join(sample_lines()) + b"\n")
    load(store, hostile_log(), sensor="hostile")
    with served(store, WebSettings(names=(NAME,), year=2026, patience=60)) as address:
        yield address


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the children of the server, who are nobody, may enter."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_pages_are_whole_behind_apache(console: str, place: Path) -> None:
    with behind_apache(place, console) as front:
        answers = {line: front.ask(f"/events?t=all&f={encode(line)}") for line in ATTACKS}
        events = front.ask("/events?t=all").body.split('data-href="')[1:11]
        pages = ["/?t=all", "/top/rule.id?t=all", *(part.split('"')[0].replace("&amp;", "&") for part in events)]
        whole = {page: front.ask(page) for page in pages}

        assert {200} == {answer.status for answer in answers.values()}
        assert len(whole) == 12
        assert {(200, True)} == {(answer.status, "</html>" in answer.body) for answer in whole.values()}
        assert front.ask("/events?q=union+select+password+from+users+..%2F..%2Fetc%2Fpasswd").status == 303
        assert front.ask("/events?x=union+select+password+from+users").status == 403
        assert front.ask("/", headers={"Authorization": ""}).status == 401


def test_a_search_is_not_blocked_by_apache_without_the_exclusions(console: str, place: Path) -> None:
    with behind_apache(place, console, exclusions=False) as front:
        for line in ATTACKS:
            # Compressed, as a browser asks for it: the rules about answers can not read it.
            answer = front.ask(f"/events?t=all&f={encode(line)}", headers={"Accept-Encoding": "gzip"})
            assert (answer.status, "</html>" in answer.body) == (200, True), line
        assert front.ask("/events?q=union+select+password+from+users").status == 403


def test_no_rule_fires_on_a_filter_at_the_highest_paranoia_level(tmp_path: Path) -> None:
    """Attacks that the engine saw, sent as a filter is: nothing in it is decoded, counted or recognised."""
    needs("nginx", files=[NGINX_MODULE, CRS])
    records = [json.loads(line.decode("latin-1"))["transaction"] for line in sample_lines()]
    seen = {message["details"]["data"][:200] for record in records for message in record.get("messages", ())}
    log = tmp_path / "audit.log"
    at = free_port()
    rules = (
        f"SecAuditLogFormat JSON\nSecAuditLogParts ABHZ\nSecAuditLog {log}\n"
        "Include /etc/modsecurity/crs/crs-setup.conf\n"
        'SecAction "id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=4"\n'
        "Include /usr/share/modsecurity-crs/rules/*.conf"
    )
    headers = {"Host": NAME, "User-Agent": WORDS, "Accept": "text/html", "Accept-Language": "en"}
    with nginx(tmp_path, rules, at):
        for line in sorted(seen)[::3]:
            visit(at, f"/events?f={encode(line)}&t=7d", headers)
        visit(at, "/events?f=eval(1)", headers)
    # A record is written after its answer: two workers of nginx may write theirs in the other order.
    written = [json.loads(line)["transaction"] for line in log.read_bytes().splitlines()]
    quiet = [record for record in written if record["request"]["uri"] != "/events?f=eval(1)"]
    (loud,) = [record for record in written if record not in quiet]
    fired = [message["details"]["data"] for record in quiet for message in record["messages"]]

    assert len(quiet) > 200
    assert [data for data in fired if "ARGS:f" in data or not data] == []
    assert loud["messages"] != []


SITE = """
load_module {module}; {user} daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/error.log;
events {{}}
http {{
    access_log off; {temporary}
    modsecurity on;
    modsecurity_rules_file {place}/site.conf;
    server {{ listen 127.0.0.1:{port}; server_name other.example.org; root {place}/www; }}
    server {{ listen 127.0.0.1:{port}; server_name wafscope.example.org; root {place}/www; {own} }}
}}
"""


def first_line(at: int, target: str) -> str:
    """Ask with the name of the console in the Host header, whatever the request line names."""
    with socket.create_connection(("127.0.0.1", at), timeout=PATIENCE) as opened:
        opened.sendall(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
        with opened.makefile("rb") as answer:
            return answer.readline().decode().split(maxsplit=1)[1].strip()


@pytest.mark.parametrize("where", ["server", "http"])
def test_exclusions_stand_in_the_server_block_of_the_console(place: Path, where: str) -> None:
    """The rules of the site hold for all servers. Why the guide warns of loading the exclusions there, too."""
    needs("nginx", files=[NGINX_MODULE, CRS])
    exclusions = EXAMPLES / "crs" / "wafscope-console.conf"
    (place / "www").mkdir()
    (place / "www" / "events").write_text("ok")
    (place / "site.conf").write_text(
        "Include /etc/nginx/modsecurity.conf\nSecRuleEngine On\nSecAuditEngine Off\n"
        "Include /etc/modsecurity/crs/crs-setup.conf\n"
        + (f"Include {exclusions}\n" if where == "http" else "")
        + "Include /usr/share/modsecurity-crs/rules/*.conf\n"
    )
    at = free_port()
    (place / "nginx.conf").write_text(
        SITE.format(
            module=NGINX_MODULE,
            user="user root;" if os.geteuid() == 0 else "",
            place=place,
            port=at,
            temporary=" ".join(
                f"{n}_temp_path {place}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            ),
            own=f"modsecurity_rules_file {exclusions};" if where == "server" else "",
        )
    )
    command: list[str | Path] = [program("nginx"), "-p", place, "-e", place / "error.log", "-c", place / "nginx.conf"]
    with running(command, at, place / "nginx.out"):
        attack = "union+select+password+from+users"
        answers = [
            first_line(at, target)
            for target in (f"/events?q={attack}", f"/events?x={attack}", f"http://other.example.org/events?q={attack}")
        ]

    assert answers == ["200 OK", "403 Forbidden", "403 Forbidden" if where == "server" else "200 OK"]
