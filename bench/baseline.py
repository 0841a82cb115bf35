"""What Wafscope is measured against: the least that reading a log can cost, and what people do today."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Details(msgspec.Struct):
    """`details` of a message (formats specification, section 7.2), every key of it."""

    match: str = ""
    reference: str = ""
    ruleId: str = ""  # noqa: N815 - as logged
    file: str = ""
    lineNumber: str = ""  # noqa: N815 - as logged
    data: str = ""
    severity: str = ""
    ver: str = ""
    rev: str = ""
    tags: list[str] = []
    maturity: str = ""
    accuracy: str = ""


class Message(msgspec.Struct):
    """A rule that fired."""

    message: str = ""
    details: Details | None = None


class Request(msgspec.Struct):
    """`transaction.request`."""

    method: str = ""
    http_version: float | str | None = None
    hostname: str | None = None
    uri: str = ""
    body: str | None = None
    headers: dict[str, str] = {}


class Response(msgspec.Struct):
    """`transaction.response`."""

    body: str | None = None
    http_code: int | None = None
    headers: dict[str, str] = {}


class Producer(msgspec.Struct):
    """`transaction.producer`."""

    modsecurity: str = ""
    connector: str = ""
    secrules_engine: str = ""
    components: list[str] = []


class Transaction(msgspec.Struct):
    """`transaction`."""

    client_ip: str | None = None
    time_stamp: str = ""
    server_id: str | None = None
    client_port: int | None = None
    host_ip: str | None = None
    host_port: int | None = None
    unique_id: str = ""
    id: str = ""
    is_interrupted: bool | None = None
    request: Request | None = None
    response: Response | None = None
    producer: Producer | None = None
    messages: list[Message] = []


class Record(msgspec.Struct):
    """One line."""

    transaction: Transaction


_decode = msgspec.json.Decoder(Record).decode


def typed(line: bytes) -> Record:
    """Decode every field of a record; bytes that are not UTF-8 are replaced first."""
    try:
        return _decode(line)
    except UnicodeDecodeError:
        return _decode(line.decode("utf-8", "replace"))


def plain(line: bytes) -> str:
    """What a loader for a search engine does in plain Python, up to the text it would send."""
    record = _lowered(json.loads(line.decode("utf-8", "replace")))
    return json.dumps(_flat(record["transaction"]) if len(record) == 1 else _flat(record))


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lowered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    return value


def _flat(transaction: dict[str, Any]) -> dict[str, Any]:
    """Replace the list of messages by one list for each key of theirs."""
    for message in transaction.pop("messages", ()):
        transaction.setdefault("messages_message", []).append(message["message"])
        for key, value in (message.get("details") or message.get("data") or {}).items():
            transaction.setdefault(f"messages_{key}", []).append(value)
    return transaction
