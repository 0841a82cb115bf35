"""What every form says of an event in the same way, and no record says outright."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_pton

import msgspec

from wafscope.event.model import Event, Headers, Match
from wafscope.event.rule import BLOCKING

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"
_MOST_SEVERE_FIRST = 8
_HOST = re.compile(r"(?P<name>[^:\[\]]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_LARGEST_PORT = 65535
_LONGEST_ADDRESS = 64
_LONGEST_NAME = 300
"""A name of the DNS with its port is shorter; longer ones are not remembered."""
_LENGTH = re.compile(r"[0-9]{1,18}")
_EXTENSION = re.compile(r"[^/]\.([A-Za-z0-9]{1,16})$")
_STOPPING = frozenset({"deny", "drop", "redirect", "proxy"})


def instant(time: int) -> str:
    """Return a time in microseconds in ISO 8601, UTC; what no calendar holds becomes its end."""
    second, microsecond = divmod(time, 1_000_000)
    try:
        return f"{_second(second)}.{microsecond:06}Z"
    except OverflowError:
        return _FIRST if time < 0 else _LAST


@lru_cache(maxsize=256)
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


def scoring(event: Event) -> tuple[Match, ...]:
    """Return the matches of rules that do more than keep books."""
    return tuple([match for match in event.matches if not match.bookkeeping])


def leading(event: Event) -> Match | None:
    """Return the match that tells most: the one with most points, the first of several."""
    matches = scoring(event) or event.matches
    return max(matches, key=lambda match: match.points) if matches else None


def disruptive(event: Event) -> Match | None:
    """Return the match whose rule stopped the request, or would have; else the leading one."""
    if event.outcome in {"blocked", "would_block"}:
        for match in event.matches:
            if match.action in _STOPPING:
                return match
        for match in event.matches:
            if match.rule_id in BLOCKING:
                return match
    return leading(event)


def worst(event: Event) -> int | None:
    """Return the severity of the worst match, 0 to 7; None where none is set."""
    severities = [m.severity for m in scoring(event) or event.matches if m.severity is not None]
    known = [severity for severity in severities if 0 <= severity < _MOST_SEVERE_FIRST]
    return min(known, default=None)


def messages(event: Event) -> str:
    """Return what the rules say, each message once."""
    return "; ".join(dict.fromkeys(match.message for match in scoring(event) if match.message))


def tags(event: Event) -> tuple[str, ...]:
    """Return the tags of the rules that fired, each once."""
    if not event.matches:
        return ()
    return tuple(dict.fromkeys(tag for match in event.matches for tag in match.tags if tag))


def digest(event: Event) -> str:
    """Return an id of the record that another conversion gives again."""
    return blake2b(event.raw, digest_size=16).hexdigest()


def text_of(raw: bytes) -> str | None:
    """Return a record as text; None where it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def address(text: str | None) -> str | None:
    """Return an address without its scope or brackets; None where the text is none (`unix:`, or a name)."""
    return _address(text) if text and len(text) <= _LONGEST_ADDRESS else None


@lru_cache(maxsize=1 << 14)
def _address(text: str) -> str | None:
    # Coraza's middleware logs an IPv6 address in brackets.
    plain = text.partition("%")[0].removeprefix("[").removesuffix("]")
    try:
        inet_pton(AF_INET6 if ":" in plain else AF_INET, plain)
    except (OSError, ValueError):
        return None
    return plain


def port(number: int | None) -> int | None:
    """Return a port; None where a record has a number that is none."""
    return number if number is not None and 0 <= number <= _LARGEST_PORT else None


class HostName(msgspec.Struct, frozen=True, gc=False):
    """A Host header taken apart."""

    name: str
    port: int | None


def host_name(host: str) -> HostName:
    """Take a Host header apart; one in no usual form is a name as it stands."""
    return _host_name(host) if len(host) <= _LONGEST_NAME else HostName(host, None)


@lru_cache(maxsize=1 << 12)
def _host_name(host: str) -> HostName:
    found = _HOST.fullmatch(host)
    if found is None:
        return HostName(host, None)
    number = port(int(found["port"])) if found["port"] else None
    if found["port"] and number is None:
        return HostName(host, None)
    return HostName(found["name"].strip("[]"), number)


def extension(path: str) -> str | None:
    """Return the extension of the file that a path names, without the dot."""
    found = _EXTENSION.search(path)
    return found[1] if found else None


def header(headers: Headers, name: str) -> str | None:
    """Return the first value of a header; `name` in small letters."""
    for each, value in headers:
        if len(each) == len(name) and each.lower() == name:
            return value
    return None


def all_of(headers: Headers, name: str) -> list[str]:
    """Return all values of a header; `name` in small letters."""
    return [value for each, value in headers if len(each) == len(name) and each.lower() == name]


def content_length(headers: Headers) -> int | None:
    """Return what Content-Length says; None where it says no number."""
    said = header(headers, "content-length")
    return int(said) if said is not None and _LENGTH.fullmatch(said) else None
