"""ECS: an event as a document of Elastic Common Schema 8, in nested objects.

Names and types are those of github.com/elastic/ecs (schemas/*.yml).  `rule.*` is one rule, the one with most points,
since ECS has no list of rules; all matches stand under `modsec.matches`.  `event.outcome` is that of the firewall, as
in ECS' own example of a firewall: a request that was denied is a success.
"""

from __future__ import annotations

from base64 import b64encode

from wafscope.event.model import Event, Match
from wafscope.event.text import from_bytes, storable, to_bytes
from wafscope.export import facts
from wafscope.export.base import Options, Part, Place, matched, some
from wafscope.export.encode import line
from wafscope.export.own import Own, OwnRequest, OwnResponse, named, own
from wafscope.export.technique import FRAMEWORK, techniques
from wafscope.source.oneshot import STANDARD_INPUT

VERSION = "8.17.0"
"""Written to `ecs.version`."""

LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""`log.level` by severity."""

_VENDOR = "OWASP"
"""Both ModSecurity (since 2024) and Coraza are projects of OWASP."""
_TYPES = {True: ("access", "denied"), False: ("access", "allowed"), None: ("access",)}


class Source(Part, frozen=True, kw_only=True):
    """`source`."""

    address: str | None = None
    ip: str | None = None
    port: int | None = None


class Destination(Part, frozen=True, kw_only=True):
    """`destination`."""

    address: str | None = None
    ip: str | None = None
    port: int | None = None
    domain: str | None = None


class Body(Part, frozen=True, kw_only=True):
    """`http.request.body` and `http.response.body`."""

    bytes: int | None = None
    content: str | None = None


class Request(Part, frozen=True, kw_only=True):
    """`http.request`."""

    method: str | None = None
    referrer: str | None = None
    body: Body | None = None


class Response(Part, frozen=True, kw_only=True):
    """`http.response`."""

    status_code: int | None = None
    body: Body | None = None


class Http(Part, frozen=True, kw_only=True):
    """`http`."""

    version: str | None = None
    request: Request | None = None
    response: Response | None = None


class Url(Part, frozen=True, kw_only=True):
    """`url`."""

    original: str | None = None
    domain: str | None = None
    port: int | None = None
    path: str | None = None
    query: str | None = None
    extension: str | None = None


class UserAgent(Part, frozen=True, kw_only=True):
    """`user_agent`."""

    original: str


class User(Part, frozen=True, kw_only=True):
    """`user`."""

    name: str


class Rule(Part, frozen=True, kw_only=True):
    """`rule`."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    category: str | None = None
    ruleset: str | None = None
    version: str | None = None


class Listed(Part, frozen=True, kw_only=True):
    """`threat.tactic` and `threat.technique.subtechnique`: ids, and names in the same order."""

    id: list[str]
    name: list[str]


class Techniques(Part, frozen=True, kw_only=True):
    """`threat.technique`."""

    id: list[str]
    name: list[str]
    subtechnique: Listed | None = None


class Threat(Part, frozen=True, kw_only=True):
    """`threat`."""

    framework: str
    tactic: Listed
    technique: Techniques


class Observer(Part, frozen=True, kw_only=True):
    """`observer`."""

    type: str
    vendor: str
    product: str | None = None
    version: str | None = None
    name: str | None = None
    serial_number: str | None = None


class Details(Part, frozen=True, kw_only=True):
    """`event`."""

    kind: str
    category: tuple[str, ...]
    type: tuple[str, ...]
    outcome: str
    action: str | None = None
    dataset: str | None = None
    id: str | None = None
    duration: int | None = None
    reason: str | None = None
    risk_score: int | None = None
    severity: int | None = None
    original: str | None = None


class LogFile(Part, frozen=True, kw_only=True):
    """`log.file`."""

    path: str


class Log(Part, frozen=True, kw_only=True):
    """`log`."""

    level: str | None = None
    file: LogFile | None = None


class Related(Part, frozen=True, kw_only=True):
    """`related`."""

    ip: list[str] | None = None
    hosts: list[str] | None = None
    user: list[str] | None = None


class Identified(Part, frozen=True, kw_only=True):
    """`transaction`."""

    id: str


class Version(Part, frozen=True, kw_only=True):
    """`ecs`."""

    version: str


class Document(Part, frozen=True, kw_only=True, rename={"timestamp": "@timestamp"}):
    """One event."""

    timestamp: str
    ecs: Version
    message: str | None = None
    tags: tuple[str, ...] = ()
    event: Details
    transaction: Identified | None = None
    source: Source | None = None
    destination: Destination | None = None
    http: Http | None = None
    url: Url | None = None
    user_agent: UserAgent | None = None
    user: User | None = None
    rule: Rule | None = None
    threat: Threat | None = None
    observer: Observer
    log: Log | None = None
    related: Related | None = None
    modsec: Own


class Ecs:
    """Writes ECS documents, one a line."""

    def __init__(self, options: Options) -> None:
        self._raw = options.raw

    def head(self) -> bytes:
        return b""

    def lines(self, event: Event, place: Place) -> bytes:
        return line(document(event, place, raw=self._raw))


def document(event: Event, place: Place, *, raw: bool = False) -> Document:
    """Build the document of an event."""
    severity = facts.worst(event)
    return Document(
        timestamp=facts.instant(event.time),
        ecs=Version(version=VERSION),
        message=facts.messages(event) or None,
        tags=facts.tags(event),
        event=_details(event, severity, raw=raw),
        transaction=Identified(id=event.transaction_id) if event.transaction_id else None,
        source=some(_source(event)),
        destination=some(_destination(event)),
        http=some(_http(event)),
        url=some(_url(event)),
        user_agent=None if event.user_agent is None else UserAgent(original=event.user_agent),
        user=None if event.user is None else User(name=event.user),
        rule=_rule(event),
        threat=_threat(event),
        observer=_observer(event, place),
        log=some(_log(place, severity)),
        related=some(_related(event)),
        modsec=_modsec(event, raw=raw),
    )


def _details(event: Event, severity: int | None, *, raw: bool) -> Details:
    return Details(
        kind="event",
        category=("web",),
        type=_TYPES[event.interrupted],
        outcome="unknown" if event.interrupted is None else "success",
        action=event.outcome if event.action in {"", "unknown"} else event.action,
        dataset=event.format,
        id=event.transaction_id or None,
        duration=None if event.duration is None else event.duration * 1000,
        reason=event.action_message or None,
        risk_score=event.score,
        severity=severity,
        original=storable(from_bytes(event.raw)) if raw else None,
    )


def _source(event: Event) -> Source:
    address = event.client_address or None
    return Source(address=address, ip=facts.address(address), port=facts.port(event.client_port))


def _destination(event: Event) -> Destination:
    return Destination(
        address=event.server_address or None,
        ip=facts.address(event.server_address),
        port=facts.port(event.server_port),
        domain=event.server_name or None,
    )


def _http(event: Event) -> Http:
    length = facts.content_length(event.request_headers)
    if length is None and event.request_body is not None and event.body_kind != "fake_multipart":
        length = len(to_bytes(event.request_body))
    sent = Body(bytes=length, content=event.request_body or None)
    answered = Body(bytes=facts.content_length(event.response_headers), content=event.response_body or None)
    request = Request(method=event.method or None, referrer=event.referer, body=some(sent))
    response = Response(status_code=event.status, body=some(answered))
    return Http(version=event.protocol or None, request=some(request), response=some(response))


def _url(event: Event) -> Url:
    host = None if event.host is None else facts.host_name(event.host)
    return Url(
        original=event.uri or None,
        domain=None if host is None else host.name,
        port=None if host is None else host.port,
        path=event.path or None,
        query=event.query,
        extension=facts.extension(event.path),
    )


def _rule(event: Event) -> Rule | None:
    match = facts.leading(event)
    if match is None:
        return None
    return Rule(
        id=None if match.rule_id is None else str(match.rule_id),
        name=match.message or None,
        description=match.data or None,
        category=match.attack_class,
        ruleset=_ruleset(event, match),
        version=match.version or None,
    )


def _ruleset(event: Event, match: Match) -> str | None:
    """The rule set of a rule: the one of its version, else the only one that the record names."""
    if match.version in event.rulesets:
        return match.version
    return event.rulesets[0] if len(event.rulesets) == 1 else None


def _threat(event: Event) -> Threat | None:
    found = techniques(event)
    if not found:
        return None
    sub = {each.sub_id: each.sub_name for each in found if each.sub_id}
    tactics = {each.tactic_id: each.tactic for each in found}
    return Threat(
        framework=FRAMEWORK,
        tactic=Listed(id=list(tactics), name=list(tactics.values())),
        technique=Techniques(
            id=[each.id for each in found],
            name=[each.name for each in found],
            subtechnique=Listed(id=list(sub), name=list(sub.values())) if sub else None,
        ),
    )


def _observer(event: Event, place: Place) -> Observer:
    return Observer(
        type="waf",
        vendor=_VENDOR,
        product=event.engine or None,
        version=event.engine_version or None,
        name=place.sensor or None,
        serial_number=event.server_id or None,
    )


def _log(place: Place, severity: int | None) -> Log:
    read = place.source not in {"", STANDARD_INPUT}
    return Log(level=None if severity is None else LEVELS[severity], file=LogFile(path=place.source) if read else None)


def _related(event: Event) -> Related:
    addresses = dict.fromkeys(filter(None, (facts.address(event.client_address), facts.address(event.server_address))))
    named_hosts = (event.host and facts.host_name(event.host).name, event.server_name)
    return Related(
        ip=list(addresses) or None,
        hosts=list(dict.fromkeys(filter(None, named_hosts))) or None,
        user=[event.user] if event.user else None,
    )


def _modsec(event: Event, *, raw: bool) -> Own:
    request = OwnRequest(
        line=event.request_line or None,
        headers=named(event.request_headers),
        content_type=event.content_type,
        body_kind=event.body_kind or None,
    )
    response = OwnResponse(
        protocol=event.response_protocol or None,
        reason=event.response_reason or None,
        headers=named(event.response_headers),
        content_type=facts.header(event.response_headers, "content-type"),
    )
    return own(
        event,
        request=some(request),
        response=some(response),
        matches=[matched(match) for match in event.matches] or None,
        raw_base64=b64encode(event.raw).decode() if raw and facts.text_of(event.raw) is None else None,
    )
