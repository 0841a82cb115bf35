"""Visits to a web server from several clients at a time, and what the server, its client and a store say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.system.servers import visit

from wafscope.query.question import Page, Scope
from wafscope.store.open import open_store

BLOCKING = """
SecRuleEngine On
SecRule ARGS "@contains block" "id:1002,phase:2,deny,status:403,log,auditlog,msg:'A blocked attack',severity:2"
"""
APACHE_LOG = 'LogFormat "%a %>s %{{Host}}i %r" truth\nCustomLog {directory}/truth.log truth\n'
THREADS = 4


class Visit(NamedTuple):
    """A request, as all sides know it."""

    client: str
    status: int
    host: str
    target: str

    @property
    def is_attack(self) -> bool:
        """A rule matches it."""
        return "?q=" in self.target


def load(at: int, name: str, numbers: Iterable[int]) -> Counter[Visit]:
    """Ask for a different thing each time, as several clients of several hosts; one in two is an attack."""

    def one(number: int) -> Visit:
        client, host = f"127.0.0.{2 + number % 5}", f"h{number % 3}.{name}.example"
        target = (f"/?q=attack{number}", f"/?q=block{number}", f"/missing{number}", f"/?n={number}")[number % 4]
        return Visit(client, visit(at, target, {"Host": host}, client=client), host, target)

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(one, numbers))


def served(file: Path) -> Counter[Visit]:
    """What a web server says in its access log."""
    found = (line.split(" ") for line in file.read_text().splitlines())
    return Counter(Visit(client, int(status), host, target) for client, status, host, _, target, _ in found)


def stored(store: Path) -> Counter[Visit]:
    """What a store holds, event by event."""
    with open_store(f"duckdb:///{store}") as opened:
        rows = opened.page(Page(Scope(), limit=100_000)).value.rows
    return Counter(Visit(r.client_address or "", r.status or 0, r.host or "", r.uri) for r in rows)
