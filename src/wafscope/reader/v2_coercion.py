"""ModSecurity 2 JSON that is not quite what the Structs of `v2_json_record` describe, read value by value.

What is of another type is converted and flagged; what is not known is kept by name.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from wafscope.event.model import Headers
from wafscope.reader.modsecurity_coercion import Coercion
from wafscope.reader.v2_json_record import (
    Audit,
    Chain,
    Interception,
    Link,
    Request,
    Response,
    Sanitized,
    Told,
    Upload,
    Uploads,
    WebApplication,
)
from wafscope.reader.v2_record import Transaction

Members = dict[str, Any] | tuple[tuple[str, Any], ...]
"""An object; its pairs where a name is repeated."""

_MOST_EXTRA = 200
_KINDS = ("args", "request_headers", "response_headers")


class _Words(Coercion):
    """Every text that was none is odd, in lists and among headers too."""

    def word(self, value: object) -> str:
        if not isinstance(value, str):
            self.odd()
        return super().word(value)


class Coerced:
    """One record brought into the form of its Structs; what was odd is in `flags` and `extra`."""

    def __init__(self, flags: list[str], *, escaped: bool) -> None:
        self._read = _Words(flags, escaped=escaped)
        self.extra: list[tuple[str, str]] = []
        self.headers: tuple[Headers | None, Headers | None] = (None, None)

    def record(self, top: dict[str, Any]) -> Told[Any, Any]:
        """Return a record that has the types it should have."""
        read = self._read
        transaction = read.mapping(top, "transaction")
        request, response = read.mapping(top, "request"), read.mapping(top, "response")
        self.headers = read.headers(request), read.headers(response)
        audit = top.get("audit_data")
        self._keep_unknown(top, Told, "")
        self._keep_unknown(transaction, Transaction, "transaction.")
        self._keep_unknown(request, Request, "request.")
        self._keep_unknown(response, Response, "response.")
        return Told(
            transaction=Transaction(
                time=read.text(transaction, "time"),
                transaction_id=read.text(transaction, "transaction_id"),
                remote_address=read.maybe_text(transaction, "remote_address"),
                remote_port=read.integer(transaction, "remote_port"),
                local_address=read.maybe_text(transaction, "local_address"),
                local_port=read.integer(transaction, "local_port"),
            ),
            request=Request(
                request_line=read.maybe_text(request, "request_line"),
                body=list(self._chunks(request)) if request.get("body") is not None else None,
                fake_body=read.maybe_text(request, "fake_body"),
            ),
            response=Response(
                protocol=read.text(response, "protocol"),
                status=read.integer(response, "status"),
                body=read.maybe_text(response, "body"),
            ),
            audit_data=self._audit(audit) if audit is not None else None,
            uploads=self._uploads(read.mapping(top, "uploads")) if top.get("uploads") is not None else None,
            matched_rules=[self._chain(each) for each in self._items(top, "matched_rules")],
        )

    def _audit(self, value: object) -> Audit:
        read = self._read
        if not isinstance(value, dict | tuple):
            read.odd()
            return Audit()
        pairs = value.items() if isinstance(value, dict) else value
        masked = [each for name, each in pairs if name == "sanitized"]
        audit = dict(value)
        self._keep_unknown(audit, Audit, "audit_data.")
        action = read.mapping(audit, "action") if audit.get("action") is not None else None
        application = read.mapping(audit, "webapp_info") if audit.get("webapp_info") is not None else None
        return Audit(
            messages=self._words(audit, "messages"),
            error_messages=self._words(audit, "error_messages"),
            action=None if action is None else self._interception(action),
            handler=read.text(audit, "handler"),
            stopwatch=self._stopwatch(audit) if audit.get("stopwatch") is not None else None,
            response_body_dechunked=read.boolean(audit, "response_body_dechunked") or False,
            producer=self._words(audit, "producer"),
            server=read.text(audit, "server"),
            sanitized=self._sanitized(masked) if masked else None,
            webapp_info=None if application is None else self._application(application),
            sensor_id=read.maybe_text(audit, "sensor_id"),
            engine_mode=read.text(audit, "engine_mode"),
        )

    def _interception(self, action: dict[str, Any]) -> Interception:
        read = self._read
        intercepted = read.boolean(action, "intercepted")
        return Interception(intercepted or False, read.integer(action, "phase"), read.text(action, "message"))

    def _application(self, application: dict[str, Any]) -> WebApplication:
        return WebApplication(*[self._read.maybe_text(application, key) for key in ("id", "session", "user_id")])

    def _stopwatch(self, audit: dict[str, Any]) -> dict[str, int]:
        times = self._read.mapping(audit, "stopwatch")
        found = {name: self._read.integer(times, name) for name in times}
        return {name: value for name, value in found.items() if value is not None}

    def _sanitized(self, values: list[object]) -> Sanitized:
        """Put together the members of the same name, one for each kind of what was masked."""
        found: dict[str, tuple[str, ...]] = {}
        for value in values:
            owner = self._read.mapping({"sanitized": value}, "sanitized")
            found |= {kind: self._words(owner, kind) for kind in _KINDS if kind in owner}
        return Sanitized(**found)

    def _uploads(self, uploads: dict[str, Any]) -> Uploads:
        files = [self._read.mapping({"": each}, "") for each in self._items(uploads, "info")]
        return Uploads([self._upload(each) for each in files])

    def _upload(self, file: dict[str, Any]) -> Upload:
        size = file.get("file_size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 62:
            size = self._read.integer(file, "file_size")
        return Upload(size, self._read.text(file, "file_name"), self._read.text(file, "content_type"))

    def _chain(self, value: object) -> Chain:
        owner = self._read.mapping({"": value}, "")
        links = [self._read.mapping({"": each}, "") for each in self._items(owner, "rules")]
        matched = [self._read.boolean(link, "is_matched") is not False for link in links]
        return Chain([Link(self._read.text(link, "unparsed"), ok) for link, ok in zip(links, matched, strict=True)])

    def _items(self, owner: dict[str, Any], key: str) -> list[Any]:
        value = owner.get(key)
        if isinstance(value, list):
            return value
        if key in owner:
            self._read.odd()
        return []

    def _words(self, owner: dict[str, Any], key: str) -> tuple[str, ...]:
        """Return texts; one that stands alone counts as a list of one."""
        value = owner.get(key)
        if not isinstance(value, str):
            return self._read.words(owner, key)
        if key != "producer":  # a producer alone is no list
            self._read.odd()
        return (self._read.word(value),)

    def _chunks(self, request: dict[str, Any]) -> tuple[str, ...]:
        return self._words(request, "body")

    def _keep_unknown(self, owner: dict[str, Any], form: type[msgspec.Struct], path: str) -> None:
        known = form.__struct_fields__
        for name, value in owner.items():
            if name not in known and len(self.extra) < _MOST_EXTRA:
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                self.extra.append((f"{path}{name}", text))
