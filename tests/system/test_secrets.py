"""No secret leaves a real service: not in its store, its spool, its log, nor on any page; what is none is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.corpus.place import CORPUS
from tests.corpus.test_secrets import NAMELESS, contents, known, needles, paths
from tests.source.receiving import send
from tests.system.serving import Serving, free_port, serving, until

from wafscope.cli.main import cli
from wafscope.export.stream import FORMS
from wafscope.reader.walk import settled
from wafscope.source.oneshot import read_once

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the real runs are not beside the project"),
]

TOKEN = "t0ken"
FOLLOWED = ("ng309-det-json-serial-all", "ap297-det-native-conc-all")
SENT = "cz381-crs4-det-json-serial-all"
SECRETS = re.compile(b"|".join(map(re.escape, needles())), re.IGNORECASE)
STAYING = [each.value for each in known() if each.policy == "must-stay"]


def held_in(data: bytes) -> set[bytes]:
    """The secrets in some bytes, one that may stay left out."""
    for nameless in NAMELESS:
        data = data.replace(nameless, b"").replace(unescape(nameless.decode()).encode(), b"")
    return {found[0] for found in SECRETS.finditer(data)}


@cache
def records(run: str) -> tuple[bytes, ...]:
    """A few records of a run that together hold all the secrets that it has, and what must stay."""
    shortest: dict[bytes, bytes] = {}
    for path in paths(run):
        for stretch in read_once(path, settled):
            # A line of JSON or of an error log, or a file of a concurrent log.
            for record in [stretch.data] if "-conc-" in run else stretch.data.splitlines(keepends=True):
                found = {each.lower() for each in held_in(record)} | {each for each in STAYING if each in record}
                for each in found:
                    if len(record) < len(shortest.get(each, record + b" ")):
                        shortest[each] = record
    return tuple(sorted(set(shortest.values())))


def settings(folder: Path, port: int) -> Path:
    lines = [f'[store]\nuri = "duckdb:///{folder}/store/store.duckdb"\n[log]\nlevel = "debug"\nformat = "json"']
    lines += [f'[[source]]\npath = "{folder}/{run}.log"\nsensor = "web"' for run in FOLLOWED]
    lines += [f'[[source]]\nkind = "receiver"\nlisten = "127.0.0.1:{port}"\ntokens = {{ {TOKEN} = "gate" }}']
    file = folder / "wafscope.toml"
    file.write_text("\n".join(lines))
    return file


def stored(service: Serving) -> int:
    """Records; some of the error log are part of an event."""
    return sum(source["stored"] for source in service.status().get("sources", ()))


def pages(service: Serving) -> Iterator[tuple[str, bytes]]:
    """All that the console shows of a small store."""
    ids: list[str] = []
    address = "/events?t=all"
    while address:
        status, page = service.get(address)
        assert status == 200
        yield address, page
        ids += re.findall(r"/events/([0-9a-f]{32})[\"?]", page.decode())
        older = re.search(r'href="(/events\?[^"]*before=[^"]*)"', page.decode())
        address = unescape(older[1]) if older else ""
    assert ids
    others = ["/", "/?t=all&full=1", "/sources", "/live", "/healthz", "/readyz", "/api/status", "/series?t=all"]
    others += [f"/top/{name}?t=all" for name in ("url.query", "url.original", "rule.data", "match.value", "referer")]
    others += [f"/panel/{name}?t=all" for name in ("rules", "clients", "facets", "first")]
    others += [f"/complete?q={word}" for word in ("password", "data:fake", "uri:")]
    others += [f"/events/{each}{part}" for each in dict.fromkeys(ids) for part in ("", "/raw")]
    for address in others:
        status, page = service.get(address)
        assert status in (200, 404), address
        yield address, page


def test_no_secret_is_stored_shown_or_logged(tmp_path: Path) -> None:
    chosen = {run: records(run) for run in (*FOLLOWED, SENT)}
    for run in FOLLOWED:
        (tmp_path / f"{run}.log").write_bytes(b"".join(chosen[run]))
    given = b"".join(record for found in chosen.values() for record in found)
    port = free_port()
    with serving("--config", settings(tmp_path, port), log=tmp_path / "service.log") as service:
        for record in chosen[SENT]:
            assert send(port, record, f"/in/{TOKEN}").status == 200
        until(lambda: stored(service) >= sum(map(len, chosen.values())))
        shown = dict(pages(service))
        assert service.stop() == 0

    assert {where: found for where, page in shown.items() if (found := held_in(page))} == {}
    assert held_in(contents(tmp_path / "store" / "store.duckdb")) == set()
    kept = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert {file.name: found for file in kept if (found := held_in(file.read_bytes()))} == {}
    assert held_in((tmp_path / "service.log").read_bytes()) == set()
    everything = unescape(b"".join(shown.values()).decode(errors="replace")).encode()
    assert [value for value in STAYING if value in given and value not in everything] == []
    assert b"masked-" in everything


def test_no_secret_is_exported_nor_shown_from_quarantine(tmp_path: Path) -> None:
    log, cut, store = tmp_path / "whole.log", tmp_path / "cut.log", str(tmp_path / "store.duckdb")
    found = [record for run in FOLLOWED for record in records(run)]
    log.write_bytes(b"".join(found))
    cut.write_bytes(b"\n".join(record[: -len(record) // 20] for record in found))
    for form in FORMS:
        told = wafscope("convert", "--to", form, *(() if form == "csv" else ("--raw",)), str(log))
        assert told.count(b"\n") > 20
        assert held_in(told) == set()
    wafscope("import", "--store", store, str(cut))
    pieces = wafscope("quarantine", "list", "--json", "--limit", "0", "--store", store).count(b'"id":')
    assert pieces > 10
    for number in range(1, pieces + 1):
        assert held_in(wafscope("quarantine", "show", str(number), "--store", store)) == set()


def wafscope(*arguments: str) -> bytes:
    """Run the program in this process; return all that it prints."""
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    return done.output_bytes
