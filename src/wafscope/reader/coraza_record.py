"""One record of Coraza's JSON: its members as written, versions 2 to 3.8.

`messages` stands beside `transaction`.  Part K gives every entry its `data`; without it 3.4 and later write
`error_message` alone, earlier versions write nothing.  The key is left out when it would be empty, so that a
record without it cannot tell "no rule fired" from "not logged" (formats specification, section 8.2).
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from wafscope.reader.coraza_coercion import Int32, Int64

Lists = TypeVar("Lists")
"""Headers: raw JSON on the fast path, lists of values by name on the tolerant one."""
Body = TypeVar("Body")
"""The body of a response: a text, or raw JSON where it is not wanted (`Context.whole`)."""
Entries = TypeVar("Entries")
"""Entries of `messages`: raw JSON on the fast path, `Message` on the tolerant one."""
HeaderLists = dict[str, tuple[str, ...]]


class Data(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`data` of a message: the rule, with part K."""

    file: str = ""
    line: Int32 | None = None
    id: Int32 | None = None
    rev: str = ""
    msg: str = ""
    data: str = ""
    severity: Int32 | None = None
    ver: str = ""
    maturity: Int32 | None = None
    accuracy: Int32 | None = None
    tags: tuple[str, ...] | None = None
    raw: str = ""


class Message(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One matched value of one rule, or one link of its chain."""

    actionset: str = ""
    message: str = ""
    error_message: str = ""
    data: Data | None = None


class Upload(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An uploaded file, part J."""

    name: str = ""
    size: Int64 | None = None
    mime: str = ""


class Request(msgspec.Struct, Generic[Lists], frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction.request`."""

    method: str = ""
    protocol: str = ""
    uri: str = ""
    http_version: str = ""
    headers: Lists = None  # type: ignore[assignment]  # None: absent
    body: str = ""
    files: tuple[Upload, ...] | None = None
    args: dict[str, Any] | None = None
    length: int | None = None


class Response(msgspec.Struct, Generic[Lists, Body], frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction.response`."""

    protocol: str = ""
    status: Int32 | None = None
    headers: Lists = None  # type: ignore[assignment]  # None: absent
    body: Body = ""  # type: ignore[assignment]


class Producer(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Part H: who wrote the record."""

    connector: str = ""
    version: str = ""
    server: str = ""
    rule_engine: str = ""
    stopwatch: str = ""
    rulesets: tuple[str, ...] | None = None


class Transaction(msgspec.Struct, Generic[Lists, Body], frozen=True, gc=False, forbid_unknown_fields=True):
    """`transaction`."""

    timestamp: str = ""
    unix_timestamp: int = 0
    id: str = ""
    client_ip: str = ""
    client_port: Int32 = 0
    host_ip: str = ""
    host_port: Int32 = 0
    server_id: str = ""
    request: Request[Lists] | None = None
    response: Response[Lists, Body] | None = None
    producer: Producer | None = None
    highest_severity: str = ""
    is_interrupted: bool | None = None


class Record(msgspec.Struct, Generic[Lists, Body, Entries], frozen=True, gc=False, forbid_unknown_fields=True):
    """One line."""

    transaction: Transaction[Lists, Body]
    messages: Entries = None  # type: ignore[assignment]  # None: absent
