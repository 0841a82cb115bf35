"""A console over a small store."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from tests.make import START, event, hour, match, write

from wafscope.event.model import Event
from wafscope.query.timespan import DAY
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app
from wafscope.web.settings import WebSettings

NOW = START + 3 * DAY
SETTINGS = WebSettings(now=NOW, names=("console.local",), patience=60)
"""A page waits for all its panels, however slow this machine is: test_late.py is about those that come later."""


def request(at: float, **values: Any) -> Event:
    known = {
        "method": "GET", "protocol": "1.1", "uri": "/a?q=1", "path": "/a", "query": "q=1", "host": "www.example.org",
        "client_address": "192.0.2.1", "client_port": 4000, "status": 200, "outcome": "would_block",
        "attack_class": "sqli", "engine_mode": "detection_only", "score": 5, "score_source": "949110_message",
        "threshold": 5, "points": 5, "request_headers": (("Host", "www.example.org"),), "transaction_id": f"t{at}",
        "gaps": ("no_body",),
    }  # fmt: skip
    made = match(942100, target="ARGS:q", operator="DetectSQLi", value="1", severity=2, points=5)
    return event(hour(at), made, match(949110), **(known | values))


@pytest.fixture
def store() -> MemoryStore:
    """Two days: 20 events, then 30, of three hosts and two clients."""
    made = MemoryStore()
    write(made, [request(n, host=f"h{n % 3}.example", client_address=f"192.0.2.{1 + n // 20}") for n in range(50)])
    return made


@pytest.fixture
def app(store: MemoryStore) -> Litestar:
    return create_app(store, SETTINGS)


@pytest.fixture
def client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app, base_url="http://console.local") as made:
        yield made
