"""What stands on a printed page alone: where the events rest, as of when, and the filter as it was written."""

import re

import msgspec
import pytest
from litestar.testing import TestClient
from tests.web.conftest import SETTINGS

from wafscope.query.parser import encode
from wafscope.store.memory import MemoryStore
from wafscope.web.app import create_app

FILTER = '@rule_class:sqli uri:"<b>"'


@pytest.mark.parametrize("name", ["", "/var/lib/wafscope/<i>.duckdb"])
def test_a_page_tells_store_time_and_filter_for_its_print(store: MemoryStore, name: str) -> None:
    with TestClient(
        create_app(store, msgspec.structs.replace(SETTINGS, store_name=name)), "http://console.local"
    ) as it:
        page = it.get(f"/?f={encode(FILTER)}").text
    told, asked = re.findall(r'<p class="paper">(.*?)</p>', page)
    moment = "21 Nov 2026 00:00:00 UTC"
    assert told == (f"Store /var/lib/wafscope/&lt;i&gt;.duckdb, as of {moment}" if name else f"As of {moment}")
    assert asked == "Filter: <code>@rule_class:sqli uri:&#34;&lt;b&gt;&#34;</code>"
