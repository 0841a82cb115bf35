"""OCSF: each event as HTTP Activity (4002), and one with matches of scoring rules as Detection Finding (2004), too.

Attributes, types and captions are those of github.com/ocsf/ocsf-schema 1.6.0 (events/network/http_activity.json,
events/findings/detection_finding.json, objects/*.json, profiles/security_control.json and host.json).  Times are
milliseconds.  What has no attribute there stands under `unmapped`.
"""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from typing import Any

import msgspec

from wafscope.event.model import Event, Headers, Match
from wafscope.export import facts
from wafscope.export.base import Options, Place, matched, some
from wafscope.export.encode import line
from wafscope.export.ocsf_object import (
    Actor,
    Analytic,
    Attack,
    DetectionFinding,
    Device,
    Endpoint,
    Enrichment,
    Evidence,
    FindingInfo,
    FirewallRule,
    Header,
    HttpActivity,
    HttpRequest,
    HttpResponse,
    Metadata,
    Named,
    Policy,
    Product,
    RelatedEvent,
    Url,
    User,
)
from wafscope.export.own import Own, OwnRequest, OwnResponse, named, own
from wafscope.export.technique import Technique, techniques

VERSION = "1.6.0"
"""Written to `metadata.version`."""

PROFILES = ("host", "security_control")
_OTHER = 99
HTTP_ACTIVITY, DETECTION_FINDING = 4002, 2004
ACTIVITIES = {
    "CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8, "PATCH": 9,
}  # fmt: skip
SEVERITIES = ("Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal")
SEVERITY_IDS = (6, 5, 5, 4, 3, 2, 1, 1)
"""By severity of the rule: emergency, alert, critical, error, warning, notice, info, debug."""
_INFORMATIONAL = 1
ACTIONS = {0: "Unknown", 1: "Allowed", 2: "Denied", 3: "Observed"}
DISPOSITIONS = {0: "Unknown", 1: "Allowed", 2: "Blocked", 6: "Dropped", 15: "Detected", 17: "Logged"}
VERDICTS = {"blocked": (2, 2), "would_block": (3, 15), "below": (1, 17), "no_match": (1, 1), "unknown": (0, 0)}
"""Outcome to action_id and disposition_id; a request that was dropped has 6."""
STATUSES = ("Unknown", "Success", "Failure")
_DROPPED = 6
_LARGEST = (1 << 31) - 1
"""Of what is called an integer there; longer ones are `long_t`."""
_RULE_TYPE = 1
_SERVER_TYPE = 1
_VENDOR = "OWASP"


class Ocsf:
    """Writes OCSF events, one or two lines for an event."""

    def __init__(self, options: Options) -> None:
        self._raw = options.raw

    def head(self) -> bytes:
        return b""

    def lines(self, event: Event, place: Place) -> bytes:
        common = _common(event)
        activity = _activity(event, place, common, raw=self._raw)
        matches = facts.scoring(event)
        if not matches:
            return line(activity)
        return line(activity) + line(_detection(event, activity, matches, common))


def _activity(event: Event, place: Place, common: dict[str, Any], *, raw: bool) -> HttpActivity:
    activity_id = ACTIVITIES.get(event.method, _OTHER if event.method else 0)
    name = event.method.capitalize() if 0 < activity_id < _OTHER else event.method or "Unknown"
    status_id = _status(event)
    return HttpActivity(
        **_class(HTTP_ACTIVITY, "HTTP Activity", "Network Activity", activity_id, name),
        **common,
        status=STATUSES[status_id],
        status_code=None if event.status is None else str(event.status),
        status_id=status_id,
        metadata=_metadata(event, place),
        device=_device(event, place),
        src_endpoint=some(_endpoint(event.client_address, event.client_port)),
        dst_endpoint=some(_endpoint(event.server_address, event.server_port, event.server_name)),
        http_request=_request(event),
        http_response=_response(event),
        enrichments=[_enrichment(match) for match in event.matches] or None,
        raw_data=_text(event.raw) if raw else None,
        raw_data_size=len(event.raw) if raw else None,
        unmapped=_unmapped(event, raw=raw),
    )


def _detection(
    event: Event, activity: HttpActivity, matches: tuple[Match, ...], common: dict[str, Any]
) -> DetectionFinding:
    """Build the Detection Finding of an event, whose activity and scoring matches are known."""
    data = [each.data for each in activity.enrichments or () if not each.data["bookkeeping"]]
    first = Evidence(
        data=data[0],
        src_endpoint=activity.src_endpoint,
        dst_endpoint=activity.dst_endpoint,
        http_request=activity.http_request,
        http_response=activity.http_response,
    )
    return DetectionFinding(
        **_class(DETECTION_FINDING, "Detection Finding", "Findings", 1, "Create"),
        **common,
        status="New",
        status_id=1,
        metadata=msgspec.structs.replace(activity.metadata, uid=f"{activity.metadata.uid}-finding"),
        device=activity.device,
        finding_info=_finding(event, activity, matches),
        evidences=[first, *(Evidence(data=each) for each in data[1:])],
    )


def _class(uid: int, name: str, category: str, activity_id: int, activity: str) -> dict[str, Any]:
    # Captions of the schema: of an activity that is not in it, the caption in the type is Other.
    caption = "Other" if activity_id == _OTHER else activity
    return {
        "activity_id": activity_id,
        "activity_name": activity,
        "category_name": category,
        "category_uid": uid // 1000,
        "class_name": name,
        "class_uid": uid,
        "type_name": f"{name}: {caption}",
        "type_uid": uid * 100 + activity_id,
    }


def _common(event: Event) -> dict[str, Any]:
    """What both events of an event have."""
    severity_id = _severity(event)
    action, disposition = VERDICTS[event.outcome]
    if event.outcome == "blocked" and event.action == "drop":
        disposition = _DROPPED
    time = event.time // 1000
    return {
        "severity": SEVERITIES[severity_id],
        "severity_id": severity_id,
        "time": time,
        "start_time": time,
        "end_time": None if event.duration is None else (event.time + event.duration) // 1000,
        "duration": None if event.duration is None else event.duration // 1000,
        "message": facts.messages(event) or None,
        "status_detail": event.action_message or None,
        "action": ACTIONS[action],
        "action_id": action,
        "disposition": DISPOSITIONS[disposition],
        "disposition_id": disposition,
        "attacks": [_attack(each) for each in techniques(event)] or None,
        "firewall_rule": _firewall_rule(facts.disruptive(event), event.attack_class),
        "is_alert": event.outcome in {"blocked", "would_block"},
        "policy": _policy(event.rulesets),
        "risk_score": _integer(event.score),
        "actor": Actor(user=User(name=event.user)) if event.user else None,
    }


def _severity(event: Event) -> int:
    """The severity of the worst match; a request without a match is informational, not unknown."""
    severity = facts.worst(event)
    if severity is not None:
        return SEVERITY_IDS[severity]
    return _INFORMATIONAL if event.outcome == "no_match" else 0


def _status(event: Event) -> int:
    """Whether the client got what it asked for."""
    if event.interrupted:
        return 2
    return 0 if event.status is None else 1 if event.status < 400 else 2


def _metadata(event: Event, place: Place) -> Metadata:
    known = event.engine.startswith(("ModSecurity", "Coraza"))
    return Metadata(
        product=Product(
            name=event.engine or "Unknown",
            vendor_name=_VENDOR if known else None,
            version=event.engine_version or None,
        ),
        version=VERSION,
        correlation_uid=event.transaction_id or None,
        log_name=place.source or None,
        logged_time=None if event.time_logged is None else event.time_logged // 1000,
        original_time=event.time_original or None,
        profiles=PROFILES,
        uid=facts.digest(event),
    )


def _device(event: Event, place: Place) -> Device | None:
    if not place.sensor and not event.server_id:
        return None
    return Device(name=place.sensor or None, type="Server", type_id=_SERVER_TYPE, uid=event.server_id or None)


def _endpoint(address: str | None, port: int | None, hostname: str | None = None) -> Endpoint:
    ip = facts.address(address)
    known = bool(address or hostname)
    return Endpoint(
        hostname=hostname or None,
        ip=ip,
        # `unix:` and the like; an endpoint needs one of ip, name and hostname.
        name=address if address and ip is None else None,
        port=facts.port(port) if known else None,
    )


def _request(event: Event) -> HttpRequest:
    return HttpRequest(
        body_length=_integer(facts.content_length(event.request_headers)),
        http_headers=_headers(event.request_headers),
        http_method=event.method or None,
        referrer=event.referer,
        uid=event.transaction_id or None,
        url=_url(event),
        user_agent=event.user_agent,
        version=event.protocol or None,
        x_forwarded_for=_forwarded(event.request_headers),
    )


def _url(event: Event) -> Url | None:
    if not event.uri and not event.path:
        return None
    host = None if event.host is None else facts.host_name(event.host)
    return Url(
        hostname=None if host is None else host.name or None,
        path=event.path or None,
        port=None if host is None else host.port,
        query_string=event.query,
        url_string=event.uri or None,
    )


def _forwarded(headers: Headers) -> list[str] | None:
    """The addresses of X-Forwarded-For, without what is none."""
    said = [each.strip() for value in facts.all_of(headers, "x-forwarded-for") for each in value.split(",")]
    return [found for each in said if (found := facts.address(each))] or None


def _response(event: Event) -> HttpResponse | None:
    code = _integer(event.status)
    if code is None:
        return None
    return HttpResponse(
        code=code,
        body_length=_integer(facts.content_length(event.response_headers)),
        content_type=facts.header(event.response_headers, "content-type"),
        http_headers=_headers(event.response_headers),
        status=event.response_reason or None,
    )


def _integer(number: int | None) -> int | None:
    return number if number is not None and -_LARGEST <= number <= _LARGEST else None


def _headers(headers: Headers) -> list[Header] | None:
    return [Header(name=name, value=value) for name, value in headers] or None


def _firewall_rule(match: Match | None, attack_class: str | None) -> FirewallRule | None:
    if match is None or (match.rule_id is None and not match.message):
        return None
    values = [match.value, *(each.value for each in match.others)]
    return FirewallRule(
        category=attack_class or match.attack_class,
        desc=match.data or None,
        match_details=[value for value in values if value] or None,
        match_location=match.target or None,
        name=match.message or None,
        uid=None if match.rule_id is None else str(match.rule_id),
        version=match.version or None,
    )


@lru_cache(maxsize=256)
def _policy(rulesets: tuple[str, ...]) -> Policy | None:
    """The first rule set, which is the CRS where it is loaded: `OWASP_CRS/3.3.4`."""
    for ruleset in rulesets:
        name, _, version = ruleset.rpartition("/")
        if ruleset:
            return Policy(name=name or ruleset, version=version if name else None)
    return None


def _enrichment(match: Match) -> Enrichment:
    value = match.message if match.rule_id is None else str(match.rule_id)
    return Enrichment(data=matched(match), name="firewall_rule.uid", type="match", value=value)


def _attack(technique: Technique) -> Attack:
    return Attack(
        sub_technique=Named(name=technique.sub_name, uid=technique.sub_id) if technique.sub_id else None,
        tactic=Named(name=technique.tactic, uid=technique.tactic_id),
        technique=Named(name=technique.name, uid=technique.id),
    )


def _finding(event: Event, activity: HttpActivity, matches: tuple[Match, ...]) -> FindingInfo:
    told = next((match for match in matches if match.message), matches[0])
    others = {_analytic(match): None for match in matches if match.rule_id != told.rule_id}
    uid = activity.metadata.uid or ""
    return FindingInfo(
        analytic=_analytic(told),
        attacks=activity.attacks,
        created_time=activity.time,
        desc=told.data or None,
        related_analytics=[each for each in others if each is not None] or None,
        related_events=[RelatedEvent(type_uid=activity.type_uid, uid=uid)],
        title=told.message or f"Rule {told.rule_id}",
        uid=event.transaction_id or uid,
    )


def _analytic(match: Match) -> Analytic | None:
    if match.rule_id is None and not match.message:
        return None
    return Analytic(
        category=match.attack_class,
        name=match.message or None,
        type="Rule",
        type_id=_RULE_TYPE,
        uid=None if match.rule_id is None else str(match.rule_id),
        version=match.version or None,
    )


def _unmapped(event: Event, *, raw: bool) -> Own:
    request = OwnRequest(
        line=event.request_line or None, body=event.request_body or None, body_kind=event.body_kind or None
    )
    lost = _integer(event.status) is None  # There is no http_response then.
    response = OwnResponse(
        protocol=event.response_protocol or None,
        reason=event.response_reason or None if lost else None,
        headers=named(event.response_headers) if lost else None,
        body=event.response_body or None,
    )
    return own(
        event,
        format=event.format,
        request=some(request),
        response=some(response),
        encoding="base64" if raw and facts.text_of(event.raw) is None else None,
    )


def _text(raw: bytes) -> str:
    text = facts.text_of(raw)
    return b64encode(raw).decode() if text is None else text
