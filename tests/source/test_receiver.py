"""The receiver takes what each sender sends, answers as it understands, and comes to no harm."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.make import v3_record
from tests.source.receiving import HTTP, PATIENCE, TOKEN, Drain, port, receiver, send, until

from wafscope.errors import SettingsError
from wafscope.source.listener import Limits, Listener
from wafscope.source.receiver_supervisor import ReceiverProcess
from wafscope.source.segment import segments
from wafscope.store.memory import MemoryStore

SMALL = Limits(1 << 20, 4 << 20, head_seconds=PATIENCE, idle_seconds=PATIENCE, body_seconds=PATIENCE)
"""Little room, but all the time that a slow machine takes."""
BASIC = "Basic " + base64.b64encode(b"mlogc:secret").decode()


def record(number: int) -> bytes:
    return v3_record(unique_id=f"17949690{number % 100:02d}.{number:06d}")


def mlogc(body: bytes, **more: str) -> dict[str, str]:
    """Headers as mlogc sends them."""
    digest = hashlib.md5(body).hexdigest()  # noqa: S324 - mlogc does
    summary = f'h 192.0.2.7 - - [18/Nov/2026:02:30:00 +0000] "GET / HTTP/1.1" 200 0 - - {digest} "-" /f 0 {len(body)}'
    known = {
        "Authorization": BASIC,
        "X-Content-Hash": f"md5:{digest} ",
        "X-ForensicLog-Summary": f"{summary} md5:{digest}",
    }
    return known | more


def v2_record(number: int) -> bytes:
    return (
        f"--{number:08x}-A--\n[18/Nov/2026:02:30:00.000001 +0000] Zab{number:021d} 192.0.2.7 40000 198.51.100.1 80\n"
        f"--{number:08x}-B--\nGET /{number} HTTP/1.1\nHost: www.example.org\n\n"
        f"--{number:08x}-F--\nHTTP/1.1 200 OK\n\n--{number:08x}-Z--\n\n"
    ).encode()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with receiver(tmp_path / "spool", limits=SMALL) as started:
        yield started


@pytest.fixture
def drain(tmp_path: Path, process: ReceiverProcess) -> Drain:
    return Drain(tmp_path / "spool", MemoryStore())


def refused(process: ReceiverProcess, sensor: str) -> dict[str, int]:
    status = process.status()
    found = [each.refused for each in status.sensors if each.sensor == sensor] if status is not None else []
    return found[0] if found else {}


def test_every_sender_is_understood(process: ReceiverProcess, drain: Drain) -> None:
    at = port(process)
    requests: list[tuple[str, str, bytes, dict[str, str]]] = [
        ("POST", f"/in/{TOKEN}", record(1), {"User-Agent": "ModSecurity3", "Content-Type": "application/json"}),
        ("POST", f"/in/{TOKEN}", record(2), {"User-Agent": "Coraza+v3"}),
        ("POST", f"/in/{TOKEN}", v2_record(3), {"User-Agent": "Coraza+v3"}),
        ("PUT", "/rpc/auditLogReceiver", v2_record(4), mlogc(v2_record(4))),
        ("POST", "/", record(5) + b"\n" + record(6), {"Authorization": f"Bearer {TOKEN}"}),
        ("POST", "/in", gzip.compress(json.dumps([{"date": 1.5, "log": record(n).decode()} for n in (7, 8)]).encode()),
         {"Authorization": "Bearer other", "Content-Encoding": "gzip"}),
    ]  # fmt: skip
    answers = [send(at, body, path, method, headers) for method, path, body, headers in requests]
    assert [(answer.status, answer.word) for answer in answers] == [(200, "stored")] * 6
    drain.all()
    assert (drain.stored, drain.duplicate, drain.quarantined, drain.foreign) == (8, 0, 0, 0)
    assert drain.sensors == {"web1": 5, "web2": 2, "web3": 1}
    # What comes again is taken, and known.
    assert {send(at, body, path, method, headers).status for method, path, body, headers in requests} == {200}
    drain.all()
    assert (drain.stored, drain.duplicate) == (8, 8)
    until(lambda: sum(each.accepted for each in status.sensors) == 12 if (status := process.status()) else False)


def test_nothing_of_a_drained_record_stays_on_the_disk(process: ReceiverProcess, drain: Drain, tmp_path: Path) -> None:
    send(port(process), record(1))
    drain.until(1)

    def gone() -> bool:
        drain.all()
        return not segments(tmp_path / "spool")

    until(gone)
    assert [b"192.0.2.7" in file.read_bytes() for file in (tmp_path / "spool").iterdir()] == [False, False]


def test_mlogc_gets_only_200_409_and_503(process: ReceiverProcess, drain: Drain) -> None:
    at, body, path = port(process), v2_record(1), "/rpc/auditLogReceiver"
    for mark in (" ", " L", ""):
        digest = hashlib.md5(body).hexdigest()  # noqa: S324 - mlogc does
        assert send(at, body, path, "PUT", mlogc(body, **{"X-Content-Hash": f"md5:{digest}{mark}"})).status == 200
    wrong = "Basic " + base64.b64encode(b"mlogc:wrong").decode()
    answers = [
        send(at, body, path, "PUT", mlogc(body, Authorization=wrong)),
        send(at, body, "/elsewhere", "PUT", mlogc(body)),
        send(at, body, path, "DELETE", mlogc(body)),
        send(at, b"", path, "PUT", mlogc(b"")),
        send(at, bytes(SMALL.largest + 1), path, "PUT", mlogc(b"x")),
        send(at, body + b"more", path, "PUT", mlogc(body)),
    ]
    assert [(a.status, a.word) for a in answers] == [
        (503, "not_admitted"),
        (503, "wrong_path"),
        (503, "wrong_method"),
        (409, "empty"),
        (409, "too_large"),
        (503, "checksum"),
    ]
    drain.all()
    assert drain.stored == 1


def test_a_file_that_never_fits_its_checksum_does_not_hold_up_the_rest(process: ReceiverProcess, drain: Drain) -> None:
    at, path = port(process), "/rpc/auditLogReceiver"
    growing, whole = v2_record(1)[:100], v2_record(1) + v2_record(2)
    headers = mlogc(v2_record(1))
    assert send(at, growing, path, "PUT", headers).status == 503
    assert send(at, whole, path, "PUT", headers).status == 503
    until(lambda: send(at, whole, path, "PUT", headers).status == 200)
    drain.all()
    assert drain.stored == 2


def test_a_sensor_that_is_refused_again_and_again_is_named(process: ReceiverProcess) -> None:
    wrong = "Basic " + base64.b64encode(b"old-name:secret").decode()
    for _ in range(3):
        send(port(process), b"x", "/rpc/auditLogReceiver", "PUT", mlogc(b"x", Authorization=wrong))
    until(lambda: bool((status := process.status()) and status.loops))
    status = process.status()
    assert status is not None
    assert [(loop.sensor, loop.reason, loop.count) for loop in status.loops] == [
        ("old-name@127.0.0.1", "not_admitted", 3)
    ]


def test_the_probe_of_mlog2waffle_is_answered(process: ReceiverProcess, drain: Drain) -> None:
    answer = send(port(process), b"WAF-FLE PROBE\n", "/controller/", "PUT", {"Authorization": BASIC})
    assert (answer.status, answer.headers.get("x-waf-fle")) == (200, "READY")
    drain.all()
    assert drain.foreign == 0


def test_collectors_are_told_what_is_wrong(process: ReceiverProcess) -> None:
    at = port(process)
    answers = [
        send(at, record(1), "/in/wrong"),
        send(at, record(1), "/elsewhere"),
        send(at, b"", method="GET"),
        send(at, b" \n"),
        send(at, b"no gzip", headers={"Content-Encoding": "gzip"}),
        send(at, gzip.compress(bytes(5_000_000)), headers={"Content-Encoding": "gzip"}),
        send(at, record(1), headers={"Transfer-Encoding": "chunked", "Content-Length": "3"}),
    ]
    assert [a.status for a in answers] == [401, 404, 405, 400, 415, 413, 400]
    assert send(at, b"", "/health", "GET").word == "ready"
    until(lambda: refused(process, "web1") == {"empty": 1, "not_packed": 1, "too_large": 1, "two_lengths": 1})


def raw(at: int, data: bytes, *, ends: bool = False) -> bytes:
    """Send bytes, and perhaps their end; return what comes until the other side hangs up, which it may at any time."""
    with socket.create_connection(("127.0.0.1", at), timeout=PATIENCE) as connection:
        parts = []
        with suppress(OSError):
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
        return b"".join(parts)


HEAD = f"POST /in/{TOKEN} HTTP/1.1\r\nHost: a\r\n".encode()


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\n\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET / HTTP/ten\r\n\r\n", b"HTTP/1.1 400"),
        (HEAD + b"X: " + b"y" * 300_000, b"HTTP/1.1 400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", b"HTTP/1.1 400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n", b"HTTP/1.1 400"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello", b"HTTP/1.1 400"),
        (HEAD + b"Content-Length: -5\r\n\r\nhello", b"HTTP/1.1 400"),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n", b"HTTP/1.1 413"),
    ],
    ids=["tls", "version", "head", "chunk", "chunk-size", "lengths", "negative", "huge"],
)
def test_wrong_requests_are_refused_and_the_next_is_taken(process: ReceiverProcess, data: bytes, start: bytes) -> None:
    before = process.pid
    assert raw(port(process), data).startswith(start)
    assert send(port(process), record(1)).status == 200
    assert process.pid == before


@pytest.mark.parametrize(
    ("data", "limit", "start"),
    [
        (HEAD, "head_seconds", b""),
        (b"", "head_seconds", b""),
        (HEAD + b"Content-Length: 100\r\n\r\nhalf", "idle_seconds", b"HTTP/1.1 408"),
    ],
    ids=["loris", "silent", "half"],
)
def test_who_is_too_slow_is_let_go_and_the_next_is_taken(tmp_path: Path, data: bytes, limit: str, start: bytes) -> None:
    limits = msgspec.structs.replace(SMALL, **{limit: 0.5})
    with receiver(tmp_path / "spool", limits=limits) as process:
        before = process.pid
        assert raw(port(process), data).startswith(start)

        def taken() -> bool:
            with suppress(ConnectionError):  # this may be too slow, too
                return send(port(process), record(1)).status == 200
            return False

        until(taken)
        assert process.pid == before


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_endless_bodies_take_no_memory(process: ReceiverProcess) -> None:
    at, pid = port(process), process.pid
    assert pid is not None
    send(at, record(1))
    before = resident(pid)
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    for head in (HEAD, f"PUT / HTTP/1.1\r\nHost: a\r\nX-ForensicLog-Summary: s\r\nAuthorization: {BASIC}\r\n".encode()):
        raw(at, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 1000, ends=True)
    open_ones = [socket.create_connection(("127.0.0.1", at), timeout=PATIENCE) for _ in range(20)]
    for each in open_ones:
        each.sendall(HEAD + b"Content-Length: 900000\r\n\r\n" + bytes(800_000))
    until(lambda: refused(process, "web1").get("busy", 0) > 0)
    assert resident(pid) < before + (60 << 20)
    for each in open_ones:
        each.close()
    until(lambda: send(at, record(2)).status == 200)


def test_a_full_spool_says_come_again_and_recovers(tmp_path: Path) -> None:
    with receiver(tmp_path / "spool", spool_limit=50_000) as process:
        at = port(process)
        sent = 0
        while send(at, record(sent)).status == 200:
            sent += 1
        answer = send(at, record(sent))
        assert (answer.status, answer.word) == (503, "spool_full")
        assert "retry-after" in answer.headers
        drain = Drain(tmp_path / "spool", MemoryStore())
        drain.all()
        assert drain.stored == sent
        assert send(at, record(sent)).status == 200
        drain.until(sent + 1)


def test_requests_over_tls_are_taken(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-out", certificate, "-keyout", key], check=True, capture_output=True)

    def with_tls(listener: Listener) -> Listener:
        return msgspec.structs.replace(listener, tls_certificate=str(certificate), tls_key=str(key))

    syslog = with_tls(Listener("syslog", "127.0.0.1:0", sensor="web4"))
    context = ssl.create_default_context(cafile=certificate)
    with receiver(tmp_path / "spool", with_tls(HTTP), syslog) as process:
        url = f"https://127.0.0.1:{port(process)}/in/{TOKEN}"
        with urllib.request.urlopen(url, record(1), timeout=PATIENCE, context=context) as response:
            assert response.status == 200
        with (
            socket.create_connection(("127.0.0.1", port(process, 1)), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as stream,
        ):
            stream.sendall(b"<134>2026-11-24T02:44:43Z host com.coraza.waf[7]: " + record(2) + b"\n")
        drain = Drain(tmp_path / "spool", MemoryStore())
        drain.until(2)
        assert drain.sensors == {"web1": 1, "web4": 1}


def test_a_certificate_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    wrong = msgspec.structs.replace(HTTP, tls_certificate=str(tmp_path / "no.pem"), tls_key=str(tmp_path / "no.key"))
    with pytest.raises(SettingsError, match="No such file"), receiver(tmp_path / "spool", wrong):
        pass


def test_a_big_body_that_asks_to_go_on_first_is_taken(process: ReceiverProcess, drain: Drain) -> None:
    # libmodsecurity before 3.0.14 does so (formats specification, section 7.4).
    body = record(1)
    with socket.create_connection(("127.0.0.1", port(process)), timeout=PATIENCE) as connection:
        head = f"Expect: 100-continue\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(HEAD + head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    drain.until(1)


def test_requests_on_one_connection_are_taken_in_turn(process: ReceiverProcess, drain: Drain) -> None:
    requests = [HEAD + b"Content-Length: %d\r\n\r\n" % len(record(n)) + record(n) for n in range(20)]
    answers = raw(port(process), b"".join([*requests, HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n"]))
    assert (answers.count(b"HTTP/1.1 200 OK"), answers.count(b"HTTP/1.1 400")) == (20, 1)
    drain.until(20)


def test_another_process_serves_the_same_address_after_a_restart(process: ReceiverProcess, drain: Drain) -> None:
    before = process.pid
    assert send(port(process), record(1)).status == 200
    process.restart()
    assert send(port(process), record(2)).status == 200
    until(lambda: process.pid not in {None, before})
    drain.until(2)


def test_no_garbage_ends_the_process(process: ReceiverProcess) -> None:
    random = Random(8643)  # noqa: S311 - the same garbage in every run
    before = process.pid
    whole = HEAD + b"Content-Length: 40\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"[{}]") + bytes(30)
    for _ in range(300):
        data = bytearray(whole * random.randrange(1, 4))
        for _ in range(random.randrange(12)):
            place = random.randrange(len(data))
            data[place : place + random.randrange(3)] = random.randbytes(random.randrange(4))
        with socket.create_connection(("127.0.0.1", port(process)), timeout=PATIENCE) as connection:
            connection.sendall(data[: random.randrange(len(data) + 1)])
    assert send(port(process), record(1)).status == 200
    assert (process.pid, process.restarts) == (before, 0)
