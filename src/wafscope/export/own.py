"""What the logs of a firewall tell and neither ECS nor OCSF has a name for.

It stands under `modsec` in ECS and under `unmapped` in OCSF, in both in the same words.
"""

from __future__ import annotations

from typing import Any

from wafscope.event.model import Event, Headers
from wafscope.export.base import Part, held, some
from wafscope.export.facts import instant, port


class Named(Part, frozen=True, kw_only=True):
    """A name and what it has: a header, a member that no version of the format is known to have."""

    name: str
    value: str


class Phase(Part, frozen=True, kw_only=True):
    """How long one phase of the engine took."""

    name: str
    microseconds: int


class Score(Part, frozen=True, kw_only=True):
    """The anomaly score; `source` tells where the inbound one was read."""

    inbound: int | None = None
    outbound: int | None = None
    threshold: int | None = None
    points: int | None = None
    source: str | None = None


class OwnRequest(Part, frozen=True, kw_only=True):
    """What else is known of the request."""

    line: str | None = None
    headers: list[Named] | None = None
    content_type: str | None = None
    body: str | None = None
    body_kind: str | None = None


class OwnResponse(Part, frozen=True, kw_only=True):
    """What else is known of the response."""

    protocol: str | None = None
    reason: str | None = None
    headers: list[Named] | None = None
    content_type: str | None = None
    body: str | None = None


class Sanitised(Part, frozen=True, kw_only=True):
    """Names whose values the engine masked, and where."""

    part: str
    names: tuple[str, ...] = ()


class Own(Part, frozen=True, kw_only=True):
    """The engine's verdict and how it is known, the matches, and the rest of the record."""

    format: str | None = None
    outcome: str | None = None
    attack_class: str | None = None
    interrupted: bool | None = None
    interrupted_source: str | None = None
    intervention: str | None = None
    intervention_phase: int | None = None
    intervention_status: int | None = None
    engine_mode: str | None = None
    connector: str | None = None
    rulesets: tuple[str, ...] = ()
    score: Score | None = None
    time_original: str | None = None
    time_logged: str | None = None
    zone_source: str | None = None
    phases: list[Phase] | None = None
    server_software: str | None = None
    handler: str | None = None
    application: str | None = None
    session: str | None = None
    client_port: int | None = None
    server_port: int | None = None
    request: OwnRequest | None = None
    response: OwnResponse | None = None
    files: list[dict[str, Any]] | None = None
    error_messages: tuple[str, ...] = ()
    sanitised: list[Sanitised] | None = None
    rule_texts: tuple[str, ...] = ()
    extra: list[Named] | None = None
    flags: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    matches: list[dict[str, Any]] | None = None
    raw_base64: str | None = None
    encoding: str | None = None


def named(pairs: Headers) -> list[Named] | None:
    """Return headers and their like as objects, in their order."""
    return [Named(name=name, value=value) for name, value in pairs] or None


def own(event: Event, **rest: Any) -> Own:
    """Build what has no name of the schema; `rest` is what only one of the two schemas has no name for."""
    score = Score(
        inbound=event.score,
        outbound=event.score_outbound,
        threshold=event.threshold,
        points=event.points if event.matches else None,
        source=event.score_source or None,
    )
    return Own(
        outcome=event.outcome,
        attack_class=event.attack_class,
        interrupted=event.interrupted,
        interrupted_source=event.interrupted_source or None,
        intervention=event.action or None,
        intervention_phase=event.action_phase,
        intervention_status=event.action_status,
        engine_mode=event.engine_mode,
        connector=event.connector or None,
        rulesets=event.rulesets,
        score=some(score),
        time_original=event.time_original or None,
        time_logged=None if event.time_logged is None else instant(event.time_logged),
        zone_source=event.zone_source,
        phases=[Phase(name=name, microseconds=time) for name, time in event.phases] or None,
        server_software=event.server_software or None,
        handler=event.handler or None,
        application=event.application,
        session=event.session,
        # Only where it is no port at all: the others have their place in the schema.
        client_port=event.client_port if port(event.client_port) is None else None,
        server_port=event.server_port if port(event.server_port) is None else None,
        files=[held(file) for file in event.files] or None,
        error_messages=event.error_messages,
        sanitised=[Sanitised(part=part, names=names) for part, names in event.sanitised] or None,
        rule_texts=event.rule_texts,
        extra=named(event.extra),
        flags=event.flags,
        gaps=event.gaps,
        **rest,
    )
