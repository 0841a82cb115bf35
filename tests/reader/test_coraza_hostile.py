"""Whatever bytes a record holds: an event, or one of the errors that the framing expects."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reader.coraza_samples import CONTEXT, SAMPLES, H, K, lines, sample, split_native

from wafscope.event.model import Event
from wafscope.event.text import storable, to_bytes
from wafscope.reader import coraza_error, coraza_json, coraza_legacy, coraza_native, coraza_ocsf
from wafscope.reader.coraza_fired import read_fired
from wafscope.reader.coraza_line import read_line
from wafscope.reader.coraza_match import target_of
from wafscope.reader.coraza_quote import unquote
from wafscope.reader.coraza_rule import read_rule, split_rules

Reader = Callable[[bytes], Event]


def read_error(data: bytes) -> Event:
    return coraza_error.read(data.split(b"\n"), CONTEXT)


READERS: dict[str, tuple[Reader, ...]] = {
    "json": (
        lambda data: coraza_json.read_fast(data, CONTEXT),
        lambda data: coraza_json.read_tolerant(data, CONTEXT),
    ),
    "jsonlegacy": (
        lambda data: coraza_legacy.read_fast(data, CONTEXT),
        lambda data: coraza_legacy.read_tolerant(data, CONTEXT),
    ),
    "ocsf": (lambda data: coraza_ocsf.read(data, CONTEXT),),
    "native": (lambda data: coraza_native.read(data, CONTEXT),),
    "error": (read_error,),
}


@cache
def records(kind: str) -> tuple[bytes, ...]:
    """Some genuine records of a kind, none of them large."""
    if kind == "error":
        bare = lines((SAMPLES / "gen-coraza-3.7.0-errorlog.log").read_bytes())
        wrapped = [
            json.dumps({"ts": 1795521600.5, "msg": line.decode("utf-8", "replace")}).encode() for line in bare[:2]
        ]
        return (*(b"2026/11/24 02:43:53 " + line for line in bare[:4]), *wrapped)
    if kind == "native":
        found = [r for v in ("3.0.4", "3.3.3", "3.4.0", "3.7.0") for r in split_native(sample(v, "native", H))[:3]]
        return (*found, split_native(sample("3.3.3", "native", K))[0])
    version, parts = {"json": ("3.7.0", H), "jsonlegacy": ("3.7.0", K), "ocsf": ("3.3.3", H)}[kind]
    return (*lines(sample(version, kind, parts))[:3], lines(sample("3.7.0", "json", K))[0])


def read(kind: str, data: bytes) -> list[Event]:
    """Ask every reader of a kind; what can be read must be lossless, and the same on every path."""
    found = []
    for reader in READERS[kind]:
        try:
            event = reader(data)
        except (ValueError, RecursionError):
            continue
        assert data == event.raw
        for text in (event.uri, event.host or "", *(m.data for m in event.matches)):
            storable(text).encode()
        for number in (event.time, *(m.line or 0 for m in event.matches), *(m.rule_id or 0 for m in event.matches)):
            assert abs(number) < 1 << 63
        found.append(event)
    if len(READERS[kind]) == len(found) == 2:
        assert found[0] == found[1]
    return found


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_a_record_cut_anywhere_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(records(kind)))
    end = data.draw(st.integers(0, len(record)))
    read(kind, record[:end])
    read(kind, record[end:])


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_a_record_with_other_bytes_in_it_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(records(kind)))
    start = data.draw(st.integers(0, len(record)))
    end = data.draw(st.integers(start, min(len(record), start + 40)))
    pieces = (
        b'"',
        b"\\",
        b"\n",
        b"\xff",
        b"\\ud800",
        b"]",
        b"[",
        b"{",
        b"null",
        b'[file "',
        b"--abcdefghij-H--\n",
        b"9" * 40,
    )
    other = data.draw(st.binary(max_size=12) | st.sampled_from(pieces))
    read(kind, record[:start] + other + record[end:])


@pytest.mark.parametrize("kind", READERS)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused(kind: str, data: bytes) -> None:
    for head in (b"", b"{", b'{"transaction":{"id":"x","unix_timestamp":1', b"--abcdefghij-A--\n", b"Coraza: "):
        read(kind, head + data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, each in inner for place in places(each, (*path, name)))]


@pytest.mark.parametrize("kind", ["json", "jsonlegacy", "ocsf"])
@given(data=st.data())
def test_a_value_of_any_type_anywhere_does_not_break_a_reader(kind: str, data: st.DataObject) -> None:
    top = json.loads(data.draw(st.sampled_from(records(kind)[:2])))
    path = data.draw(st.sampled_from([p for p in places(top) if p]))
    owner = top
    for name in path[:-1]:
        owner = owner[name]
    owner[path[-1]] = data.draw(values)
    line = json.dumps(top).encode("utf-8", "surrogatepass")
    found = read(kind, line)
    if path[0] != "transaction" or len(path) > 2:
        assert kind == "ocsf" or found, line


@given(text=st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_texts_of_any_kind_are_taken_apart(text: str) -> None:
    for each in (text, f'[client "1"] Coraza: Warning. {text} [file "{text}"]', f"Matched Data: {text}"):
        read_line(each)
        read_fired(each)
        read_rule(each)
        split_rules(each)
        target_of(each)
        to_bytes(unquote(each))


@given(
    message=st.text(st.sampled_from('a"\\[] \n\x00é日\udcff'), max_size=30),
    data=st.text(st.sampled_from('a"\\[] \n\x00é日\udcff'), max_size=30),
)
def test_what_go_quotes_comes_back(message: str, data: str) -> None:
    def quoted(text: str) -> str:
        escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\x00": "\\x00", "\udcff": "\\xff"}
        return "".join(escapes.get(c, c) for c in text)

    line = (
        f'[client "1"] Coraza: Warning. {message} [file "f"] [line "1"] [id "2"] [rev ""] [msg "{quoted(message)}"] '
        f'[data "{quoted(data)}"] [severity "error"] [ver ""] [maturity "0"] [accuracy "0"] [hostname ""] '
        f'[uri "{quoted(data)}"] [unique_id "x"][msg_match_1 "{quoted(data)}"] [data_match_1 "{quoted(message)}"]'
    )
    read = read_line(line)
    told = read_fired(line)
    assert read is not None
    assert told is not None
    pairs = [(message, data)] if message or data else []
    assert (*pairs, (data, message)) == read.pairs == told.pairs
    assert (data, 2, 3) == (read.uri, read.rule.rule_id, read.rule.severity)
