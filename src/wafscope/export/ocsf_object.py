"""The objects and classes of OCSF, with the attributes that the log of a firewall can fill.

Names and types are those of github.com/ocsf/ocsf-schema 1.6.0; the docstring of each is its name there.
"""

from __future__ import annotations

from typing import Any

from wafscope.export.base import Part
from wafscope.export.own import Own


class Header(Part, frozen=True, kw_only=True):
    """http_header."""

    name: str
    value: str


class Url(Part, frozen=True, kw_only=True):
    """url."""

    hostname: str | None = None
    path: str | None = None
    port: int | None = None
    query_string: str | None = None
    url_string: str | None = None


class HttpRequest(Part, frozen=True, kw_only=True):
    """http_request."""

    body_length: int | None = None
    http_headers: list[Header] | None = None
    http_method: str | None = None
    referrer: str | None = None
    uid: str | None = None
    url: Url | None = None
    user_agent: str | None = None
    version: str | None = None
    x_forwarded_for: list[str] | None = None


class HttpResponse(Part, frozen=True, kw_only=True):
    """http_response."""

    code: int
    body_length: int | None = None
    content_type: str | None = None
    http_headers: list[Header] | None = None
    status: str | None = None


class Endpoint(Part, frozen=True, kw_only=True):
    """network_endpoint."""

    hostname: str | None = None
    ip: str | None = None
    name: str | None = None
    port: int | None = None


class Product(Part, frozen=True, kw_only=True):
    """product."""

    name: str
    vendor_name: str | None = None
    version: str | None = None


class Metadata(Part, frozen=True, kw_only=True):
    """metadata."""

    product: Product
    version: str
    correlation_uid: str | None = None
    log_name: str | None = None
    logged_time: int | None = None
    original_time: str | None = None
    profiles: tuple[str, ...] = ()
    uid: str | None = None


class Device(Part, frozen=True, kw_only=True):
    """device."""

    name: str | None = None
    type: str | None = None
    type_id: int
    uid: str | None = None


class User(Part, frozen=True, kw_only=True):
    """user."""

    name: str


class Actor(Part, frozen=True, kw_only=True):
    """actor."""

    user: User


class FirewallRule(Part, frozen=True, kw_only=True):
    """firewall_rule."""

    category: str | None = None
    desc: str | None = None
    match_details: list[str] | None = None
    match_location: str | None = None
    name: str | None = None
    uid: str | None = None
    version: str | None = None


class Policy(Part, frozen=True, kw_only=True):
    """policy."""

    name: str
    version: str | None = None


class Enrichment(Part, frozen=True, kw_only=True):
    """enrichment."""

    data: dict[str, Any]
    name: str
    type: str
    value: str


class Named(Part, frozen=True, kw_only=True):
    """tactic, technique and sub_technique."""

    name: str
    uid: str


class Attack(Part, frozen=True, kw_only=True):
    """attack."""

    sub_technique: Named | None = None
    tactic: Named
    technique: Named


class Analytic(Part, frozen=True, kw_only=True):
    """analytic."""

    category: str | None = None
    name: str | None = None
    type: str
    type_id: int
    uid: str | None = None
    version: str | None = None


class RelatedEvent(Part, frozen=True, kw_only=True):
    """related_event."""

    type_uid: int
    uid: str


class FindingInfo(Part, frozen=True, kw_only=True):
    """finding_info."""

    analytic: Analytic | None = None
    attacks: list[Attack] | None = None
    created_time: int
    desc: str | None = None
    related_analytics: list[Analytic] | None = None
    related_events: list[RelatedEvent]
    title: str
    uid: str


class Evidence(Part, frozen=True, kw_only=True):
    """evidences."""

    data: dict[str, Any]
    dst_endpoint: Endpoint | None = None
    http_request: HttpRequest | None = None
    http_response: HttpResponse | None = None
    src_endpoint: Endpoint | None = None


class Common(Part, frozen=True, kw_only=True):
    """What both classes have: classification, occurrence, and the profiles host and security_control."""

    activity_id: int
    activity_name: str
    category_name: str
    category_uid: int
    class_name: str
    class_uid: int
    type_name: str
    type_uid: int
    severity: str
    severity_id: int
    time: int
    start_time: int
    end_time: int | None = None
    duration: int | None = None
    message: str | None = None
    status: str
    status_code: str | None = None
    status_detail: str | None = None
    status_id: int
    action: str
    action_id: int
    disposition: str
    disposition_id: int
    attacks: list[Attack] | None = None
    firewall_rule: FirewallRule | None = None
    is_alert: bool
    policy: Policy | None = None
    risk_score: int | None = None
    actor: Actor | None = None
    device: Device | None = None
    metadata: Metadata


class HttpActivity(Common, frozen=True, kw_only=True):
    """http_activity."""

    src_endpoint: Endpoint | None = None
    dst_endpoint: Endpoint | None = None
    http_request: HttpRequest
    http_response: HttpResponse | None = None
    enrichments: list[Enrichment] | None = None
    raw_data: str | None = None
    raw_data_size: int | None = None
    unmapped: Own


class DetectionFinding(Common, frozen=True, kw_only=True):
    """detection_finding."""

    finding_info: FindingInfo
    evidences: list[Evidence]
