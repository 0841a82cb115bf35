"""Values of a record that are of another type than they should be, converted one by one."""

from __future__ import annotations

import json
from typing import Any

from wafscope.event.model import Event, Headers
from wafscope.reader.base import Context
from wafscope.reader.modsecurity_match import Details
from wafscope.reader.modsecurity_record import (
    UNKNOWN_MAKER,
    Message,
    Parts,
    Producer,
    Request,
    Response,
    Transaction,
    build,
    maker_of,
    not_a_record,
    scored,
)


def has_surrogate(text: str) -> bool:
    """Tell a text with a lone surrogate, which no UTF-8 can hold."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


class Coercion:
    """Converts the values of one record to the types of the model, and remembers what was odd."""

    def __init__(self, flags: list[str], *, escaped: bool) -> None:
        self.flags = flags
        self.escaped = escaped

    def event(self, line: bytes, context: Context, t: dict[str, Any]) -> Event:
        if not any(t.get(k) for k in ("client_ip", "time_stamp", "unique_id")):
            raise not_a_record(t.get("id"))
        request, response = self.mapping(t, "request"), self.mapping(t, "response")
        producer = self.mapping(t, "producer") if t.get("producer") is not None else None
        transaction: Transaction[Any] = Transaction(
            client_ip=self.maybe_text(t, "client_ip"),
            time_stamp=self.text(t, "time_stamp"),
            server_id=self.maybe_text(t, "server_id"),
            client_port=self.integer(t, "client_port"),
            host_ip=self.maybe_text(t, "host_ip"),
            host_port=self.integer(t, "host_port"),
            unique_id=self.text(t, "unique_id"),
            id=self.text(t, "id"),
            is_interrupted=self.boolean(t, "is_interrupted"),
            request=Request(
                method=self.text(request, "method"),
                protocol=self.text(request, "protocol"),
                hostname=self.maybe_text(request, "hostname"),
                uri=self.text(request, "uri"),
                body=self.maybe_text(request, "body"),
            ),
            response=Response(body=self.maybe_text(response, "body"), http_code=self.integer(response, "http_code")),
        )
        messages = self.messages(t["messages"]) if t.get("messages") is not None else None
        version = request.get("http_version")
        parts = Parts(
            "" if version is None else self.word(version),
            maker_of(self.producer(producer)) if producer is not None else UNKNOWN_MAKER,
            *scored(None if messages is None else [message.match() for message in messages]),
            self.headers(request),
            self.headers(response),
            tuple(self.flags),
        )
        return build(line, context, transaction, parts)

    def odd(self, flag: str = "wrong_type") -> None:
        if flag not in self.flags:
            self.flags.append(flag)

    def word(self, value: object) -> str:
        if isinstance(value, str):
            if self.escaped and has_surrogate(value):
                self.odd("lone_surrogate")
            return value
        if isinstance(value, bool) or value is None or isinstance(value, tuple | list):
            self.odd()
            return json.dumps(value)
        return str(value)

    def mapping(self, owner: dict[str, Any], key: str) -> dict[str, Any]:
        value = owner.get(key)
        if isinstance(value, dict | tuple):
            return dict(value)
        if key in owner:
            self.odd()
        return {}

    def text(self, owner: dict[str, Any], key: str) -> str:
        if key in owner and owner[key] is None:
            self.odd()
        return self.maybe_text(owner, key) or ""

    def maybe_text(self, owner: dict[str, Any], key: str) -> str | None:
        value = owner.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.odd()
        return self.word(value)

    def integer(self, owner: dict[str, Any], key: str) -> int | None:
        value = owner.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31:
            return value
        if value is not None:
            self.odd()
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        return None

    def boolean(self, owner: dict[str, Any], key: str) -> bool | None:
        value = owner.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.odd()
        return None

    def headers(self, owner: dict[str, Any]) -> Headers | None:
        value = owner.get("headers")
        if isinstance(value, dict | tuple):
            pairs = value.items() if isinstance(value, dict) else value
            return tuple((self.word(name), self.word(item)) for name, item in pairs)
        if "headers" in owner:
            self.odd()
        return None

    def words(self, owner: dict[str, Any], key: str) -> tuple[str, ...]:
        value = owner.get(key)
        if isinstance(value, list):
            return tuple([self.word(v) for v in value])
        if key in owner:
            self.odd()
        return ()

    def producer(self, owner: dict[str, Any]) -> Producer:
        return Producer(
            modsecurity=self.text(owner, "modsecurity"),
            connector=self.text(owner, "connector"),
            secrules_engine=self.text(owner, "secrules_engine"),
            components=self.words(owner, "components"),
        )

    def messages(self, value: object) -> list[Message] | None:
        if not isinstance(value, list):
            self.odd()
            return None
        found = []
        for item in value:
            if not isinstance(item, dict | tuple):
                self.odd()
                continue
            owner = dict(item)
            details = self.mapping(owner, "details")
            texts = {k: self.text(details, k) for k in _DETAIL_TEXTS}
            found.append(Message(self.text(owner, "message"), Details(tags=self.words(details, "tags"), **texts)))
        return found


_DETAIL_TEXTS = Details.__struct_fields__[:-1]
