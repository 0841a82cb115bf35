"""One record of ModSecurity 2 JSON: its members as written, and the event made of them.

A member is absent when its part is not selected or has nothing to tell; `audit_data` is empty without part H.  The
writer can split a character over two chunks of the body (formats specification, section 3).
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import msgspec

from wafscope.event.model import Event, File, Headers
from wafscope.event.text import from_bytes, to_bytes
from wafscope.reader.base import Context, NotARecord
from wafscope.reader.v2_record import Answered, Asked, Int32, Names, Record, Trailer, Transaction, build, uploaded

FORMAT = "v2.json"

Part = TypeVar("Part")
"""Headers: raw JSON on the fast path, Python objects on the tolerant one."""
Body = TypeVar("Body")
"""The body of a response: a text, or raw JSON where it is not wanted (`Context.whole`)."""
Int64 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]


class Request(msgspec.Struct, Generic[Part], frozen=True, gc=False, forbid_unknown_fields=True):
    """`request`, parts B, C and I."""

    request_line: str | None = None
    headers: Part = None  # type: ignore[assignment]  # None: absent
    body: list[str] | None = None
    fake_body: str | None = None


class Response(msgspec.Struct, Generic[Part, Body], frozen=True, gc=False, forbid_unknown_fields=True):
    """`response`, parts F and E."""

    protocol: str = ""
    status: Int32 | None = None
    headers: Part = None  # type: ignore[assignment]  # None: absent
    body: Body = None  # type: ignore[assignment]  # None: absent


class Interception(msgspec.Struct, frozen=True, gc=False):
    """`audit_data.action`: there only when the request was interrupted."""

    intercepted: bool = False
    phase: Int32 | None = None
    message: str = ""


class Sanitized(msgspec.Struct, frozen=True, gc=False):
    """`audit_data.sanitized`: what was masked, by kind; each kind that there is in an object of its own."""

    args: Names | None = None
    request_headers: Names | None = None
    response_headers: Names | None = None


class WebApplication(msgspec.Struct, frozen=True, gc=False):
    """`audit_data.webapp_info`."""

    id: str | None = None
    session: str | None = None
    user_id: str | None = None


class Audit(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """`audit_data`, part H."""

    messages: Names = ()
    error_messages: Names = ()
    action: Interception | None = None
    handler: str = ""
    stopwatch: dict[str, Int32] | None = None
    response_body_dechunked: bool = False
    producer: str | Names = ()
    server: str = ""
    sanitized: Sanitized | None = None
    webapp_info: WebApplication | None = None
    sensor_id: str | None = None
    engine_mode: str = ""


class Upload(msgspec.Struct, frozen=True, gc=False):
    """One of `uploads.info`, part J."""

    file_size: Int64 | None = None
    file_name: str = ""
    content_type: str = ""


class Uploads(msgspec.Struct, frozen=True, gc=False):
    """`uploads`."""

    info: list[Upload] = []
    total: Int64 | None = None


class Link(msgspec.Struct, frozen=True, gc=False):
    """A rule, or a link of a chain."""

    unparsed: str = ""
    is_matched: bool = True


class Chain(msgspec.Struct, frozen=True, gc=False):
    """One of `matched_rules`, part K: a rule, or all links of a chain."""

    rules: list[Link] = []


class Told(msgspec.Struct, Generic[Part, Body], frozen=True, gc=False, forbid_unknown_fields=True):
    """A record."""

    transaction: Transaction
    request: Request[Part] = Request()
    response: Response[Part, Body] = Response()
    audit_data: Audit | None = None
    uploads: Uploads | None = None
    matched_rules: list[Chain] = []


_NO_AUDIT = Audit()
_QUOTE = ord('"')


def event_of(
    line: bytes,
    context: Context,
    told: Told[Any, Any],
    request_headers: Headers | None,
    response_headers: Headers | None,
    odd: tuple[Names, tuple[tuple[str, str], ...]] = ((), ()),
) -> Event:
    """Make the event of a record whose values have the types they should; `odd` are flags and unknown members."""
    transaction, request, response = told.transaction, told.request, told.response
    if not (transaction.time or transaction.transaction_id or transaction.remote_address):
        raise NotARecord("no_time", foreign=False)
    record = Record(
        FORMAT,
        transaction,
        Asked(
            request.request_line,
            request_headers,
            None if request.body is None else _joined(request.body),
            request.fake_body,
            () if told.uploads is None else _files(told.uploads),
        ),
        Answered(response.protocol, response.status, "", response_headers, _answer(response.body)),
        None if told.audit_data is None or told.audit_data == _NO_AUDIT else _trailer(told.audit_data),
        [_rule(chain) for chain in told.matched_rules] if told.matched_rules else (),
        *odd,
    )
    return build(line, record, context)


def _answer(body: str | msgspec.Raw | None) -> str | None:
    """Return the body of a response; "" in place of one that is not wanted."""
    if not isinstance(body, msgspec.Raw):
        return body
    first = memoryview(body)[0]
    if first not in b'"n':
        raise ValueError("the body of a response")
    return "" if first == _QUOTE else None


def _trailer(audit: Audit) -> Trailer:
    action, application, producer = audit.action, audit.webapp_info, audit.producer
    # By place: see `v2_record.build`.
    return Trailer(
        audit.messages,
        audit.error_messages,
        action is not None and action.intercepted,
        None if action is None else action.phase,
        "" if action is None else action.message,
        "flag",
        None,  # the start stands in `transaction`
        None,  # no duration
        () if audit.stopwatch is None else tuple(audit.stopwatch.items()),
        (producer,) if isinstance(producer, str) else producer,
        audit.engine_mode,
        audit.server,
        audit.handler,
        audit.sensor_id,
        None if application is None else application.id,
        None if application is None else application.session,
        None if application is None else application.user_id,
        () if audit.sanitized is None else _masked(audit.sanitized),
    )


def _masked(sanitized: Sanitized) -> tuple[tuple[str, Names], ...]:
    kinds = (
        ("args", sanitized.args),
        ("request_headers", sanitized.request_headers),
        ("response_headers", sanitized.response_headers),
    )
    return tuple([(kind, names) for kind, names in kinds if names is not None])


def _joined(chunks: list[str]) -> str:
    """Return a body; a character may stand in two chunks of it."""
    body = "".join(chunks)
    return body if len(chunks) < 2 or body.isascii() else from_bytes(b"".join([to_bytes(chunk) for chunk in chunks]))


def _files(uploads: Uploads) -> tuple[File, ...]:
    return tuple([uploaded(each.file_size, each.file_name, each.content_type) for each in uploads.info])


def _rule(chain: Chain) -> str:
    """Return a rule as the native format writes it: `#` before a link that did not match."""
    return "\n".join([link.unparsed if link.is_matched else f"#{link.unparsed}" for link in chain.rules])
