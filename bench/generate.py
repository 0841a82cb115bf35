"""Makes audit logs as libmodsecurity 3.0.9 writes them, of any length, the same for the same seed.

Records with matches are those of the shipped sample, each with a client, a time and an id of its own;
records without are made here.  As in the runs that the formats were measured with, 28 % have matches, 2 %
hold bytes that are not UTF-8, and a record has some 1.6 kB.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec
import zstandard

from bench.dice import dice, zipf
from wafscope import sample

MATCHED = 0.26
INVALID = 0.02
"""Shares of the records; those that are not UTF-8 have matches, too."""

_START = 1_793_491_200
"""1 November 2026, in seconds since the epoch."""
_DAYS = 30
BURST = _START + 20 * 86_400
"""When the hour of `write_burst` begins, in seconds since the epoch."""
_BURST_MATCHED = 0.7
_CLIENTS = 5_000
_LONGEST = 8_192
"""Longer lines of the sample are left out: one in a few hundred would make up half of a log."""
_CHUNK = 5_000

_OWN = re.compile(rb'^(\{"transaction":\{"client_ip":")[^"]*(","time_stamp":")[^"]*("[^{]*"unique_id":")[^"]*(")')
_DATE = re.compile(rb'("Date":")[^"]*(")')

_PLAIN = (
    b'{"transaction":{"client_ip":"%%b","time_stamp":"%%b","server_id":"2ce124b0c5d02b433a9392782ff8b313286c1942",'
    b'"client_port":%d,"host_ip":"127.0.0.1","host_port":8430,"unique_id":"%%b","request":{"method":"GET",'
    b'"http_version":1.1,"uri":"%b","headers":{"Host":"%b","User-Agent":"%b","Accept-Encoding":"gzip, deflate, br",'
    b'"Accept":"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8","Referer":"https://%b/"}},"response":{"body":"%b",'
    b'"http_code":%d,"headers":{"Server":"nginx/1.22.1","Date":"%%b","Content-Length":"%d","Content-Type":"text/html",'
    b'"Connection":"keep-alive"}},"producer":{"modsecurity":"ModSecurity v3.0.9 (Linux)",'
    b'"connector":"ModSecurity-nginx v1.0.3","secrules_engine":"DetectionOnly",'
    b'"components":["OWASP_CRS/3.3.4\\""]},"messages":[]}}'
)
_HOSTS = (b"www.example.org", b"social.example.org", b"cloud.example.org", b"shop.example.net", b"example.com")
_PATHS = (b"", b"index.html", b"api/items", b"users/alice", b"search", b"static/app.js", b"robots.txt", b"feed")
_AGENTS = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    b"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    b"curl/8.9.1",
    b"python-requests/2.32.3",
)
_BODIES = (b"<html><body>hello</body></html>", b"<html><body>Not Found</body></html>", b"not found", b"")


class Templates(msgspec.Struct, frozen=True):
    """Lines with places for client, time, id and date, in this order."""

    plain: list[bytes]
    matched: list[bytes]
    invalid: list[bytes]


def write_log(path: Path, records: int, *, seed: int = 1) -> int:
    """Write a log of so many records and return its bytes."""
    roll = dice("log", seed)
    found = templates(seed)
    kinds = (found.plain, found.matched, found.invalid)
    shares = (1 - MATCHED - INVALID, MATCHED, INVALID)
    clients, weights = _clients(seed), zipf(_CLIENTS, 0.9)
    with path.open("wb") as file:
        for first in range(0, records, _CHUNK):
            numbers = range(first, min(first + _CHUNK, records))
            which = roll.choices(kinds, shares, k=len(numbers))
            who = roll.choices(clients, cum_weights=weights, k=len(numbers))
            lines = [
                _line(roll.choice(kind), client, number, records)
                for number, kind, client in zip(numbers, which, who, strict=True)
            ]
            file.write(b"".join(lines))
    return path.stat().st_size


def _line(template: bytes, client: bytes, number: int, records: int) -> bytes:
    return stamped(template, client, _START + number * _DAYS * 86_400 // records, number)


def stamped(template: bytes, client: bytes, second: int, number: int) -> bytes:
    """Fill a template: a record of a client and a second since the epoch, with an id that no other number has."""
    moment = time.gmtime(second)
    # Seconds, then a number below a hundred as printf's %f writes it; this one never comes twice.
    unique = b"%d%.6f" % (second, number * 7_654_321 % 100_000_000 / 1e6)
    stamp = time.strftime("%a %b %e %H:%M:%S %Y", moment).encode()
    if template.count(b"%b") == 3:
        return template % (client, stamp, unique) + b"\n"
    return template % (client, stamp, unique, time.strftime("%a, %d %b %Y %H:%M:%S GMT", moment).encode()) + b"\n"


def write_burst(path: Path, records: int, *, client: bytes = b"203.0.113.9", seed: int = 1) -> int:
    """Write what one client sends in an hour, as a scanner does, each time to another path; return its bytes."""
    roll, found = dice("burst", seed), templates(seed)
    kinds, shares = (found.plain, found.matched, found.invalid), (1 - _BURST_MATCHED - INVALID, _BURST_MATCHED, INVALID)
    with path.open("wb") as file:
        for first in range(0, records, _CHUNK):
            numbers = range(first, min(first + _CHUNK, records))
            which = roll.choices(kinds, shares, k=len(numbers))
            lines = [
                stamped(_elsewhere(roll.choice(kind), roll.getrandbits(48)), client, BURST + n * 3600 // records, n)
                for n, kind in zip(numbers, which, strict=True)
            ]
            file.write(b"".join(lines))
    return path.stat().st_size


def _elsewhere(template: bytes, word: int) -> bytes:
    """The same request to a path that no other one has."""
    return template.replace(b'"uri":"/', b'"uri":"/%x-' % word, 1)


def templates(seed: int = 1) -> Templates:
    """The lines that a log is made of."""
    data = zstandard.ZstdDecompressor().decompressobj().decompress(sample.log().read_bytes())
    lines = [line for line in data.splitlines() if len(line) <= _LONGEST and b'"messages":[{' in line]
    made = [(template, _is_text(template)) for line in lines if (template := _with_places(line))]
    return Templates(
        plain=_plain(seed),
        matched=[template for template, is_text in made if is_text],
        invalid=[template for template, is_text in made if not is_text],
    )


def _with_places(line: bytes) -> bytes:
    """Put places into a line of the sample; empty when it has another form."""
    line, number = _OWN.subn(rb"\1\0\2\0\3\0\4", line.replace(b"%", b"%%"))
    if not number:
        return b""
    return _DATE.sub(b"\\1\0\\2", line, count=1).replace(b"\0", b"%b")


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plain(seed: int) -> list[bytes]:
    roll = dice("plain", seed)
    lines = []
    for _ in range(2_000):
        host, body = roll.choice(_HOSTS), roll.choice(_BODIES)
        uri = b"/%b?page=%d" % (roll.choice(_PATHS), roll.randrange(10_000))
        status = roll.choice((200, 200, 200, 301, 404))
        port = roll.randrange(1024, 65_536)
        lines.append(_PLAIN % (port, uri, host, roll.choice(_AGENTS), host, body, status, len(body)))
    return lines


def _clients(seed: int) -> list[bytes]:
    roll = dice("clients", seed)
    four = [b"203.0.%d.%d" % (roll.randrange(256), roll.randrange(256)) for _ in range(_CLIENTS // 2)]
    six = [b"2001:db8:%x::%x" % (roll.randrange(1, 65_536), roll.randrange(1, 65_536)) for _ in range(_CLIENTS // 2)]
    both = four + six
    roll.shuffle(both)
    return both
