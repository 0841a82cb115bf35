"""The samples of ModSecurity 2: records taken apart by their own boundaries, and small ones made to order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from wafscope.reader.base import Context

SAMPLES = Path(__file__).parents[1] / "samples"
CONTEXT = Context()
_OPENING = re.compile(rb"^--([0-9a-f]{8})-A--\r?$", re.MULTILINE)


def sample(name: str) -> bytes:
    """The bytes of a sample."""
    return (SAMPLES / name).read_bytes()


def native_records(data: bytes) -> Iterator[bytes]:
    """Each record from its A line to the Z line of the same boundary, without the line end."""
    position = 0
    while (opening := _OPENING.search(data, position)) is not None:
        end = re.compile(rb"^--" + opening[1] + rb"-Z--(?=\r?$)", re.MULTILINE).search(data, opening.end())
        if end is None:
            return
        yield data[opening.start() : end.end()]
        position = end.end()


def json_records(data: bytes) -> list[bytes]:
    """Each line that holds something."""
    return [line for line in data.split(b"\n") if line]


NATIVE = tuple(native_records(sample("gen-v2-native-serial.log")))
JSON = tuple(json_records(sample("gen-v2-json-serial.log")))

MESSAGE = (
    'Warning. Pattern match "^[\\\\d.:]+$" at REQUEST_HEADERS:Host. [file "/crs/REQUEST-920.conf"] [line "736"] '
    '[id "920350"] [msg "Host header is a numeric IP address"] [data "127.0.0.1:18081"] [severity "WARNING"] '
    '[ver "OWASP_CRS/3.3.4"] [tag "attack-protocol"] [tag "paranoia-level/1"]'
)
ID = "awT2Vge-8WWW2SLRDGt5gwAAAEg"
"""2026-11-24 02:28:38 UTC."""


def native(
    *,
    boundary: str = "0a1b2c3d",
    time: str = "24/Nov/2026:02:28:38.954996 +0000",
    transaction_id: str = ID,
    request: str | None = "GET /a?q=1 HTTP/1.1\nHost: a.example\n",
    body: str | None = None,
    fields: str | None = None,
    status: str | None = "HTTP/1.1 200 OK\nServer: x\n",
    answer: str | None = None,
    trailer: str | None = 'Engine-Mode: "ENABLED"\n',
    more: str = "",
) -> bytes:
    """A record as mod_security2 writes it; a part that is None is not selected, `more` stands before Z."""
    parts = {"B": request, "C": body, "I": fields, "F": status, "E": answer, "H": trailer}
    opening = f"--{boundary}-A--\n[{time}] {transaction_id} 192.0.2.7 40000 198.51.100.1 443"
    sections = "".join([f"\n--{boundary}-{letter}--\n{text}" for letter, text in parts.items() if text is not None])
    return f"{opening}{sections}{more}\n--{boundary}-Z--".encode("utf-8", "surrogateescape")
