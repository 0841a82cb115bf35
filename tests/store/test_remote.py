"""What goes over the socket: every method of the seam has types that can be written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from wafscope import __version__
from wafscope.errors import FilterError, InputError, StoreError, Unsupported, WafscopeError
from wafscope.i18n.text import text
from wafscope.query.parser import parse
from wafscope.query.question import Quarantine, Scope, Top
from wafscope.store.base import LastingStore
from wafscope.store.duckdb.store import DuckStore
from wafscope.store.remote import client
from wafscope.store.remote.calls import LEFT_OUT, failure, method, methods, raised
from wafscope.store.remote.client import RemoteStore, connect
from wafscope.store.remote.server import StoreServer


def test_whatever_a_store_can_do_can_be_asked() -> None:
    assert {"top", "held", "write_all", "quarantine", "release"} <= methods()
    for name in methods():
        types = method(name)
        msgspec.msgpack.Decoder(types.arguments)
        msgspec.msgpack.Decoder(types.answer)
    for name in LEFT_OUT:
        assert callable(getattr(LastingStore, name))


@pytest.mark.parametrize(
    "error",
    [
        InputError(text("Not {a}", a=1), hint=text("Try"), where="x"),
        FilterError(text("No"), column=7),
        Unsupported(text("No"), where="y"),
        WafscopeError(text("No")),
    ],
)
def test_an_error_arrives_as_it_was(error: WafscopeError) -> None:
    found = raised(msgspec.msgpack.decode(msgspec.msgpack.encode(failure(error)), type=type(failure(error))))
    assert type(found) is type(error)
    assert (found.what, found.hint, found.where) == (error.what, error.hint, error.where)
    assert getattr(found, "column", None) == getattr(error, "column", None)


def test_a_service_of_another_version_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.duckdb"
    with DuckStore(path) as store, StoreServer(store, path):
        monkeypatch.setattr(client, "__version__", "0.0.9")
        with pytest.raises(StoreError, match=f"{__version__}, this is 0.0.9") as raised_error:
            connect(path)
    assert raised_error.value.hint is not None


def test_what_is_not_asked_over_the_socket_is_said(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with DuckStore(path) as store, StoreServer(store, path, "http://127.0.0.1:1"):
        remote = connect(path)
        assert isinstance(remote, RemoteStore)
        with remote, pytest.raises(StoreError, match="can not be asked this"):
            remote.event(b"")
        with pytest.raises(AttributeError):
            remote.nonsense  # noqa: B018 - it is asked for


def test_answers_are_those_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    question = Top("rule", Scope(filter=parse("-@rule:1")))
    with DuckStore(path) as store, StoreServer(store, path):
        remote = connect(path)
        assert remote is not None
        with remote:
            assert remote.encoder() == store.encoder()
            assert remote.held().value == store.held().value
            assert remote.top(question, time_limit=3.0).value == store.top(question).value
            assert remote.quarantine(Quarantine(), time_limit=3.0).value == ()
            assert remote.positions() == {}
    assert connect(path) is None
