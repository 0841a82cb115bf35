"""Prefixes of containers and collectors come off, and the way back to the input is exact."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reader.covering import covering, ranges
from tests.reader.v2_samples import ID, MESSAGE, native

from wafscope.reader.base import Context, Foreign, Found, Unreadable
from wafscope.reader.framing import read_pieces
from wafscope.reader.walk import settled

SAMPLES = Path(__file__).parents[1] / "samples"
JSON = (SAMPLES / "gen-v3.0.15-json-serial.log").read_bytes().splitlines()[:3]
NATIVE = (SAMPLES / "gen-v3.0.15-native-serial.log").read_bytes().split(b"Z--\n\n")[0] + b"Z--\n"
V2 = native(boundary="0a1b2c3d", body="a=1").rstrip(b"\n").split(b"\n")
ERROR = (
    b"[Tue Nov 24 02:28:34.934870 2026] [security2:error] [pid 6495:tid 6534] [client 127.0.0.1:42982] "
    b"[client 127.0.0.1] ModSecurity: " + MESSAGE.encode() + b' [hostname "a"] [uri "/"] [unique_id "' + ID.encode()
    + b'"]'
)  # fmt: skip
LOG = b"".join(line + b"\n" for line in JSON) + NATIVE + JSON[0].replace(b"unique_id", b"unique_id ") + b"\n"

STAMP = b"2026-11-24T02:44:43.123456789Z"


def docker(line: bytes) -> bytes:
    """What docker's json-file driver makes of a line."""
    entry = {"log": line.decode() + "\n", "stream": "stdout", "time": STAMP.decode()}
    return json.dumps(entry, separators=(",", ":")).encode()


def made(entry: dict[str, object]) -> bytes:
    """One line of what a collector writes."""
    return json.dumps(entry).encode()


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "cri": lambda line: STAMP + b" stdout F " + line,
    "docker": docker,
    "compose": lambda line: b"waf-1  | " + line,
    "kubectl": lambda line: b"[pod/waf-7d9f/nginx] " + line,
    "syslog": lambda line: b"<134>2026-11-24T02:44:43Z vm com.coraza.waf[24798]: " + line,
    "rsyslog": lambda line: b"Nov 24 02:44:43 vm nginx[17]: " + line,
    "rfc5424": lambda line: b"<134>1 2026-11-24T02:44:43Z vm waf 24798 - - " + line,
    "journal": lambda line: b"MESSAGE=" + line,
    "docker by another program": lambda line: json.dumps(
        {"time": "", "stream": "stdout", "log": line.decode()}
    ).encode(),
    "journal json": lambda line: json.dumps({"__CURSOR": "s=1", "MESSAGE": line.decode() or None}).encode(),
    "journal short-iso": lambda line: b"2026-11-24T02:44:43+0900 vm nginx[17]: " + line,
    "journal short-precise": lambda line: b"Nov 24 02:44:43.123456 vm nginx[17]: " + line,
    "compose, named by hand": lambda line: b"waf  | " + line,
    "compose in colours": lambda line: b"\x1b[36mwaf-1  | \x1b[0m" + line,
    "kubectl with times": lambda line: b"[pod/waf-7d9f/nginx] " + STAMP + b" " + line,
    "docker logs -t": lambda line: STAMP + b" " + line,
    "syslog without a host": lambda line: b"<187>Nov 24 02:44:43 nginx: " + line,
    "rfc5424 with data": lambda line: b'<134>1 2026-11-24T02:44:43Z vm waf 7 ID [a@1 b="1"][c@2 d="\\]"] ' + line,
    "docker service logs": lambda line: b"web.1.x5k2m9q8r7t6@node1    | " + line,
    "docker service logs -t": lambda line: STAMP + b" web_waf.12.x5k2m9q8r7t6@node-1.example     | " + line,
    "docker service logs --no-task-ids": lambda line: b"web.0@node1    | " + line,
    "stern": lambda line: b"waf-7d9f8c6b54-x5k2m nginx " + line,
    "stern -A": lambda line: b"ingress waf-0 nginx " + line,
    "stern -t": lambda line: b"waf-7d9f8c6b54-x5k2m nginx " + STAMP + b" " + line,
    "stern -t short": lambda line: b"waf-7d9f8c6b54-x5k2m nginx 11-24 02:44:43 " + line,
    "stern in colours": lambda line: b"\x1b[35mwaf-7d9f8c6b54-x5k2m\x1b[0m \x1b[95mnginx\x1b[0m " + line,
    "stern -o json": lambda line: json.dumps(
        {"message": line.decode(), "nodeName": "n", "namespace": "x", "podName": "waf-0", "containerName": "nginx"}
    ).encode(),
    "journal short-full": lambda line: b"Tue 2026-11-24 02:44:43 UTC vm nginx[17]: " + line,
    "journal short-unix": lambda line: b"1795488283.123456 vm nginx[17]: " + line,
    "fluentd": lambda line: STAMP + b"\twaf\t" + made({"message": line.decode()}),
    "filebeat": lambda line: made(
        {
            "@timestamp": "2026-11-24T02:44:43.123Z",
            "log": {"offset": 1, "file": {"path": "/a"}},
            "message": line.decode(),
        }
    ),
    "vector": lambda line: made({"file": "/a", "message": line.decode(), "timestamp": STAMP.decode()}),
    "logcli": lambda line: made({"labels": {"job": "waf"}, "line": line.decode(), "timestamp": STAMP.decode()}),
    "elasticsearch": lambda line: made(
        {"_index": "waf", "_source": {"@timestamp": "", "event": {"original": line.decode()}, "message": "parsed"}}
    ),
    "splunk": lambda line: made({"preview": False, "result": {"_raw": line.decode(), "_time": STAMP.decode()}}),
    "cloud": lambda line: made({"insertId": "x", "textPayload": line.decode(), "timestamp": STAMP.decode()}),
    "cloudwatch": lambda line: made({"timestamp": 1795488283123, "message": line.decode(), "ingestionTime": 1}),
    "filebeat in docker": lambda line: docker(made({"@timestamp": "", "message": line.decode()})),
    "syslog in docker": lambda line: docker(b"<134>Nov 24 02:44:43 vm nginx: " + line),
}


def wrapped(kind: str, log: bytes = LOG) -> bytes:
    """A log behind the prefixes of a collector."""
    return b"".join(WRAPPERS[kind](line) + b"\n" for line in log.removesuffix(b"\n").split(b"\n"))


def raws(data: bytes) -> list[bytes]:
    """The records found, as the engine wrote them."""
    return sorted(piece.event.raw for piece in covering(data) if isinstance(piece, Found))


@pytest.mark.parametrize("kind", WRAPPERS)
def test_a_prefix_changes_no_record(kind: str) -> None:
    plain = raws(LOG)

    assert len(plain) == 5
    assert raws(wrapped(kind)) == plain


@pytest.mark.parametrize("kind", WRAPPERS)
def test_the_bytes_of_a_record_have_their_prefix_with_them(kind: str) -> None:
    data = wrapped(kind)
    for piece in covering(data):
        if isinstance(piece, Found):
            taken = b"".join(data[offset : offset + length] for offset, length in ranges(piece))
            assert taken in data
            assert taken.startswith(WRAPPERS[kind](b"")[:3])


@pytest.mark.parametrize("kind", ["kubectl with times", "docker logs -t"])
def test_a_line_of_a_body_that_looks_like_syslog_is_one_of_the_body(kind: str) -> None:
    head, mark, rest = NATIVE.partition(b"\n\n---")
    boundary = re.findall(rb"---([0-9A-Za-z]{8})---B--", NATIVE)[0]
    body = b"\n\n---" + boundary + b"---C--\nDear all: hello\nsee host program[7]: {x}\n"
    log = head + body + mark + rest

    assert raws(log)
    assert raws(wrapped(kind, log)) == raws(log)
    # Behind host and program of syslog, too.
    assert raws(wrapped("journal short-iso", log)) == raws(log)


@pytest.mark.parametrize("name", ["jsonPayload", "message", "_source"])
def test_a_record_that_a_collector_keeps_as_an_object_is_read_byte_for_byte(name: str) -> None:
    log = b"".join(b'{"timestamp": "", "' + name.encode() + b'": ' + line + b"}\n" for line in JSON)

    assert raws(log) == sorted(JSON)


@pytest.mark.parametrize("sample", ["coraza-3.7.0-json-ABIJDEFHZ", "v2-json-serial", "v3.0.15-json-serial"])
def test_a_record_among_what_a_collector_adds_is_read(sample: str) -> None:
    lines = (SAMPLES / f"gen-{sample}.log").read_bytes().splitlines()
    added = b'{"@timestamp":"2026-11-24T02:44:43Z","agent":{"type":"filebeat"},'
    assert len(raws(b"".join(added + line[1:] + b"\n" for line in lines))) == len(lines)
    # Nor does an unknown prefix make a record an error line.
    assert len(raws(b"".join(b"17: " + line + b"\n" for line in lines))) == len(lines)


def test_what_is_known_of_ecs_is_no_record_but_the_line_in_it_is() -> None:
    event: dict[str, object] = {"@timestamp": "", "transaction": {"id": "1"}, "http": {"request": {"method": "GET"}}}
    original = {"event": {"original": JSON[0].decode(), "kind": "event"}}

    assert not [piece for piece in read_pieces(made(event), 0, Context()) if not isinstance(piece, Foreign)]
    assert raws(made(event | original)) == [JSON[0]]


def test_records_of_two_hosts_that_one_collector_brings_are_told_apart() -> None:
    lines = NATIVE.splitlines()
    woven = b"".join(
        made({"@timestamp": "", "host": {"name": host}, "message": line.decode()}) + b"\n"
        for line in lines
        for host in ("a", "b")
    )

    assert raws(woven) == [NATIVE.rstrip()] * 2


CORAZA_LINE = (SAMPLES / "gen-coraza-3.7.0-errorlog.log").read_bytes().split(b"\n", 1)[0]


@pytest.mark.parametrize(
    "prefix",
    [
        b"2026-11-24T02:44:43.123456789Z stdout F ",
        b"[pod/waf-7d9f/nginx] 2026-11-24T02:44:43.123456789Z ",
        b"2026-11-24T11:44:43.123456+0900 vm waf[17]: ",
    ],
)
def test_a_line_that_tells_no_time_has_that_of_its_prefix(prefix: bytes) -> None:
    line = CORAZA_LINE.replace(b"\0", b"")
    found = [p.event for p in read_pieces(prefix + line + b"\n", 0, Context(arrival=5)) if isinstance(p, Found)]

    assert [event.time for event in found] == [1795488283123456]
    assert "no_time" in found[0].gaps


def test_a_line_without_a_time_in_an_object_has_that_of_the_object() -> None:
    text = CORAZA_LINE.decode("utf-8", "replace") + "\n"
    docker_line = json.dumps({"log": text, "stream": "stdout", "time": STAMP.decode()}).encode()
    journal_line = json.dumps({"__REALTIME_TIMESTAMP": "1795488283123456", "MESSAGE": text}).encode()
    brought = made({"@timestamp": STAMP.decode(), "message": text})
    counted = made({"timestamp": 1795488283123.456, "message": text, "ingestionTime": 1})
    logged = made({"timestamp": "", "jsonPayload": {"level": "error", "ts": 1795488283.123456, "msg": text.rstrip()}})
    for line in (docker_line, journal_line, brought, counted, logged):
        found = [piece.event for piece in read_pieces(line, 0, Context(arrival=5)) if isinstance(piece, Found)]
        assert [event.time for event in found] == [1795488283123456]


def test_a_part_of_a_line_that_fluent_bit_marks_is_joined() -> None:
    def entry(text: bytes, tag: str) -> bytes:
        return json.dumps({"time": "", "stream": "stdout", "logtag": tag, "log": text.decode()}).encode() + b"\n"

    assert raws(entry(JSON[0][:500], "P") + entry(JSON[0][500:], "F") + entry(JSON[1], "F")) == sorted(JSON[:2])


def test_a_message_of_the_journal_that_is_no_text_is_a_list_of_bytes() -> None:
    line = JSON[0].replace(b"curl", b"\xff\xfe")

    assert raws(json.dumps({"__CURSOR": "s=1", "MESSAGE": list(line)}).encode()) == [line]


def exported(log: bytes) -> bytes:
    """What `journalctl -o export` makes of a log: a message that is no plain text is written by its length."""
    entries = []
    for line in log.removesuffix(b"\n").split(b"\n"):
        text = line.decode("utf-8", "replace")
        plain = text.encode() == line and text.isprintable()
        message = b"MESSAGE=" + line if plain else b"MESSAGE\n" + len(line).to_bytes(8, "little") + line
        entries.append(b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\n" + message + b"\nPRIORITY=6\n\n")
    return b"".join(entries)


@pytest.mark.parametrize(
    "name", ["gen-v3.0.9-json-serial.log", "gen-v3.0.15-native-raw-bytes.log", "gen-coraza-3.7.0-native-ABIJDEFHZ.log"]
)
def test_messages_of_the_journal_that_are_written_by_their_length(name: str) -> None:
    log = (SAMPLES / name).read_bytes()

    assert raws(log)
    assert raws(exported(log)) == raws(log)
    assert not any(isinstance(piece, Unreadable) for piece in covering(exported(log)))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_message_of_the_journal_is_cut_nowhere(data: st.DataObject) -> None:
    log = exported((SAMPLES / "gen-v3.0.15-native-raw-bytes.log").read_bytes() + JSON[0].replace(b"curl", b"\xff\xfe"))
    position, found = 0, []
    for cut in sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4))):
        end = position + settled(log[position:cut])
        found += raws(log[position:end])
        position = end

    assert sorted(found + raws(log[position:])) == raws(log)


def test_a_line_that_only_looks_like_a_message_of_the_journal() -> None:
    log = b"MESSAGE\nis not one\n" + JSON[0] + b"\nMESSAGE\n" + JSON[1] + b"\nMESSAGE"

    assert raws(log) == sorted(JSON[:2])


def test_lines_that_a_runtime_split_are_joined() -> None:
    parts = [JSON[0][start : start + 500] for start in range(0, len(JSON[0]), 500)]
    cri = b"".join(STAMP + b" stdout " + (b"P " if p is not parts[-1] else b"F ") + p + b"\n" for p in parts)
    split = [docker(part).replace(b"\\n", b"", 1) if part is not parts[-1] else docker(part) for part in parts]

    assert raws(cri) == [JSON[0]]
    assert raws(b"".join(line + b"\n" for line in split)) == [JSON[0]]


def test_streams_that_alternate_are_read_each_on_its_own() -> None:
    one, two = NATIVE.split(b"\n")[:-1], NATIVE.replace(b"1795", b"1796").split(b"\n")[:-1]
    log = b"".join(b"a-1  | " + first + b"\nb-1  | " + second + b"\n" for first, second in zip(one, two, strict=True))

    assert len(raws(log)) == 2


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (b"web.1.x5k2m9q8r7t6@node1    | ", b"web.2.c4d5f6g7h8j9@node2    | "),
        (STAMP + b" web.1.x5k2m9q8r7t6@n    | ", STAMP.replace(b":43.", b":44.") + b" web.10.c4d5f6g7h8j9@n    | "),
        (b"[pod/waf-7d9f8c6b54-x5k2m/nginx] ", b"[pod/waf-7d9f8c6b54-c4d5f/nginx] "),
        (b"waf-7d9f8c6b54-x5k2m nginx ", b"waf-7d9f8c6b54-c4d5f nginx "),
        (b"waf-0 nginx ", b"waf-0 waf "),
    ],
)
def test_streams_of_a_cluster_are_read_each_on_its_own(one: bytes, two: bytes) -> None:
    error = ERROR.replace(b"awT2", b"cwT2")
    woven = [each for line in V2 for each in (one + line.replace(b"awT2", b"bwT2"), two + line)]
    lines = [two + error, *woven]
    data = b"\n".join([*lines, one + JSON[0], one + b'192.0.2.7 - - [24/Nov/2026] "GET / HTTP/1.1" 200', b""])

    pieces = covering(data)
    found = [piece.event for piece in pieces if isinstance(piece, Found)]
    assert sorted(event.format for event in found) == ["err.apache.v2", "v2.native", "v2.native", "v3.json"]
    assert sum(piece.lines for piece in pieces if isinstance(piece, Foreign)) == 1
    assert not [piece for piece in pieces if isinstance(piece, Unreadable)]


@pytest.mark.parametrize(
    "text",
    [
        b"hello world ", b"203.0.113.66 x ", b"shop.example nginx ", b"waf-7d9f8c6b54-x5k2m nginx: ", b"waf-0 Nginx ",
        b"web.1.x5k2m9q8r7t6@node1 | ", b"web@node1    | ", b"web.one@node1    | ", b"GET web.1@n    | ",
    ],
)  # fmt: skip
def test_what_a_client_can_put_before_a_record_is_no_prefix(text: bytes) -> None:
    """Its name, address or agent can stand first in the line of an access log; none of them is a pod or a task."""
    pieces = covering(b"".join(text + line + b"\n" for line in V2))
    assert not [piece for piece in pieces if isinstance(piece, Found)]


def test_two_words_are_no_prefix_before_a_record_showed_it() -> None:
    lines = [b"waf-0 nginx hello", *(b"waf-0 nginx " + line for line in V2), b"waf-0 nginx 11-24 02:44:43 hello", b""]
    pieces = covering(b"\n".join(lines))
    assert [type(piece) for piece in sorted(pieces, key=lambda p: p.offset)] == [Foreign, Found, Foreign]


@pytest.mark.parametrize("kind", WRAPPERS)
def test_a_body_that_imitates_a_prefix_stays_one(kind: str) -> None:
    head, mark, rest = NATIVE.partition(b"\n\n---")
    boundary = re.findall(rb"---([0-9A-Za-z]{8})---B--", NATIVE)[0]
    starts = (
        b"web.1.x5k2m9q8r7t6@node1    | ", b"waf-0 nginx ", b"11-24 02:44:43 ", b"stdout F ", b"vm nginx: ",
        STAMP + b" ", b"[pod/waf-7d9f/nginx] ", b"waf-1  | ", b"",
    )  # fmt: skip
    body = b"\n\n---" + boundary + b"---C--\n" + b"\n".join(start + JSON[0] for start in starts) + b"\n"
    log = head + body + mark + rest

    assert raws(log) == [log.rstrip(b"\n")]
    assert raws(wrapped(kind, log)) == raws(log)


@pytest.mark.parametrize("prefix", [b"web.1.x5k2m9q8r7t6@node1    | ", STAMP + b" web.1.x5k2m9q8r7t6@node1    | "])
def test_a_long_line_that_docker_divided_is_put_together(prefix: bytes) -> None:
    """Each part has its prefix, but only the last one a line feed."""
    long = JSON[0].replace(b'"request":{', b'"request":{"x":"' + b"y" * 40_000 + b'",', 1)
    parts = [long[start : start + (16 << 10)] for start in range(0, len(long), 16 << 10)]
    data = b"".join(prefix + part for part in parts) + b"\n" + prefix + JSON[1] + b"\n"

    assert len(parts) == 3
    assert raws(data) == sorted([long, JSON[1]])


def test_an_access_log_behind_the_same_prefix_is_foreign() -> None:
    access = b'192.0.2.7 - - [24/Nov/2026:02:44:43 +0000] "GET / HTTP/1.1" 200 5'
    pieces = covering(WRAPPERS["cri"](access) + b"\n" + WRAPPERS["cri"](JSON[0]) + b"\n")

    assert sum(piece.lines for piece in pieces if isinstance(piece, Foreign)) == 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WRAPPERS)), st.integers(0, 1 << 30))
def test_what_is_settled_can_be_read_alone(kind: str, place: int) -> None:
    data = wrapped(kind)
    cut = settled(data[: place % len(data)])

    assert sorted(raws(data[:cut]) + raws(data[cut:])) == raws(data)
    assert settled(data[:cut]) == cut


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*(w(b"--x") for w in WRAPPERS.values()), b"{", b"a", JSON[0][:40], b""]), max_size=8))
def test_any_prefixed_bytes_are_covered(lines: list[bytes]) -> None:
    covering(b"\n".join(lines))
