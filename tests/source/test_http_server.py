"""Who holds a connection and does nothing with it is let go, so that the process can go on opening files."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from tests.source.receiving import until

from wafscope.service import console
from wafscope.source.http_server import Timed
from wafscope.source.receiver import Message, Receive, Scope, Send

LARGE = 32 << 20


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a body, and answer with more than the network holds."""
    message: Message = {"more_body": True}
    while message.get("more_body"):
        message = await receive()
    headers = [(b"content-length", str(LARGE).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(LARGE)})


@contextmanager
def served(protocol: type[Timed], most: int | None = None) -> Iterator[tuple[uvicorn.Server, int]]:
    """Serve the application in a thread."""
    opened = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application, http=protocol, ws="none", lifespan="off", log_config=None, limit_concurrency=most
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[opened])))
    thread.start()
    until(lambda: server.started)
    try:
        yield server, opened.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.mark.parametrize(
    ("limit", "data"),
    [
        ("head_seconds", b""),
        ("head_seconds", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        ("body_seconds", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"),
        ("drain_seconds", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ],
    ids=["silent", "head", "body", "answer"],
)
def test_who_waits_is_let_go(limit: str, data: bytes) -> None:
    protocol = type("Protocol", (Timed,), {"body_seconds": 60.0, limit: 0.2})
    with served(protocol) as (server, port), socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(data)
        with suppress(ConnectionError):  # begun to be answered, or let go
            line.recv(1)
        until(lambda: not server.server_state.connections)


def test_who_takes_the_answer_gets_all_of_it() -> None:
    protocol = type("Protocol", (Timed,), {"body_seconds": 30.0})
    with served(protocol) as (_, port), socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\nfirst")
        line.sendall(b"second")
        with line.makefile("rb") as file:
            assert file.read().endswith(bytes(LARGE))


def test_more_connections_than_can_be_answered_are_not_held() -> None:
    with served(Timed, 2) as (server, port):
        lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(12)]
        until(lambda: sum(_is_closed(line) for line in lines) == 8)
        assert len(server.server_state.connections) == 4
        for line in lines:
            line.close()


def test_the_console_has_such_limits() -> None:
    assert issubclass(console._Protocol, Timed)
    assert console._Protocol.body_seconds is not None


def _is_closed(line: socket.socket) -> bool:
    line.settimeout(0.0)
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
