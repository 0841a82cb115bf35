"""Look at first: what stands out in the window.  Only what holds is said; what was looked for is listed too."""

from __future__ import annotations

from typing import Literal

import msgspec

from wafscope.panel import clients as client_panel
from wafscope.panel import outcome
from wafscope.panel.answers import Answers
from wafscope.panel.series import peak_bin
from wafscope.panel.view import Quality, View, one_of, quality
from wafscope.query.filter import Filter, Term
from wafscope.query.question import Count, Scope, Top, TopValue
from wafscope.query.timespan import MINUTE, Window

_BURST_SHARE = 0.2
_BURST_LEAST = 20
"""Below so many events a large share says nothing."""
_BURST_PART = 24
"""A burst lasts at most this part of the window: an hour of a day, seven hours of a week."""

_MOST_NEW = 1_000

UNEXPLAINED: Filter = Term("waf.score.unexplained", "range", (1, None))
SERVER_ERROR: Filter = Term("http.response.status_code", "range", (500, 599))


class Burst(msgspec.Struct, frozen=True):
    """A client with a large share of the hits inside a short time."""

    client: str | None
    events: int
    share: float
    first: int
    last: int
    hosts: int
    only_host: str | None
    seen_before: bool | None
    """None where nothing before the window is held."""


class Peak(msgspec.Struct, frozen=True):
    """A bin far above the others, of no single client."""

    start: int
    end: int
    events: int
    client: str | None
    client_events: int


class Newcomers(msgspec.Struct, frozen=True):
    """Values that no event before the window has."""

    field: Literal["rule.id", "client.address"]
    count: int
    values: tuple[TopValue, ...]
    """The most frequent ones."""
    events: int | None
    """Hits of all of them; None where there are too many to add up."""


class Tally(msgspec.Struct, frozen=True):
    """Events of a kind, and what they have most in common."""

    events: int
    most: TopValue | None


class First(msgspec.Struct, frozen=True):
    """Answer of the panel."""

    total: int
    burst: Burst | None
    peak: Peak | None
    rules: Newcomers | None
    """None where nothing before the window is held, or nothing is new."""
    clients: Newcomers | None
    unexplained: Tally
    server_errors: Tally
    held_before: bool
    quality: Quality


class Presets(msgspec.Struct, frozen=True):
    """Counts of the ready-made filters; None where nothing before the window is held."""

    new_rules: tuple[TopValue, ...] | None
    new_rule_count: int
    new_clients: tuple[TopValue, ...] | None
    new_client_count: int
    unexplained: int
    server_errors: int
    would_block: int
    blocked: int


def ask(answers: Answers, view: View) -> First:
    """Ask for the panel."""
    total = answers.count(Count(view.scope))
    found = burst(answers, view)
    before = held_before(answers, view)
    rules = newcomers(answers, view, "rule.id") if before else None
    clients = newcomers(answers, view, "client.address") if before else None
    return First(
        total=total.value.events,
        burst=found,
        peak=None if found else peak(answers, view),
        rules=rules if rules and rules.count else None,
        clients=clients if clients and clients.count else None,
        unexplained=_unexplained(answers, view),
        server_errors=_server_errors(answers, view),
        held_before=before,
        quality=quality(total),
    )


def presets(answers: Answers, view: View) -> Presets:
    """Ask for the counts beside the filter chips."""
    before = held_before(answers, view)
    rules = newcomers(answers, view, "rule.id") if before else None
    clients = newcomers(answers, view, "client.address") if before else None
    outcomes, _ = outcome.ask(answers, view).value
    counts = {value.value: value.events for value in outcomes.values}
    return Presets(
        new_rules=rules.values if rules else None,
        new_rule_count=rules.count if rules else 0,
        new_clients=clients.values if clients else None,
        new_client_count=clients.count if clients else 0,
        unexplained=answers.count(Count(view.narrowed(UNEXPLAINED))).value.events,
        server_errors=_server_errors(answers, view).events,
        would_block=counts.get("would_block", 0),
        blocked=counts.get("blocked", 0),
    )


def held_before(answers: Answers, view: View) -> bool:
    """Tell whether any event before the window is held: without one, everything would be new."""
    first = answers.held().value.first
    return first is not None and first < view.window.start


def newcomers(answers: Answers, view: View, field: Literal["rule.id", "client.address"]) -> Newcomers:
    """Values of a field that no event before the window has."""
    question = Top(field, view.scope, limit=_MOST_NEW, new=True, bookkeeping=False, brief=True)
    answer = answers.top(question).value
    whole = len(answer.values) >= answer.distinct
    return Newcomers(field, answer.distinct, answer.values, sum(v.events for v in answer.values) if whole else None)


def burst(answers: Answers, view: View) -> Burst | None:
    """The largest burst of a client, if there is one."""
    answer = answers.top(Top(client_panel.FIELD, view.scope, limit=client_panel.LIMIT, bookkeeping=False)).value
    longest = max(view.window.length // _BURST_PART, 10 * MINUTE)
    for value in answer.values:
        short = value.last - value.first <= longest
        if value.events >= _BURST_LEAST and value.events >= _BURST_SHARE * answer.events and short:
            return _burst(answers, view, value, answer.events)
    return None


def _burst(answers: Answers, view: View, value: TopValue, total: int) -> Burst:
    client = None if value.value is None else str(value.value)
    condition = one_of("client.address", (client,))
    hosts = answers.top(Top("host", view.narrowed(condition), limit=1, brief=True)).value
    seen = None
    if held_before(answers, view):
        earlier = Scope(Window(-(1 << 60), view.window.start), condition)
        seen = answers.count(Count(earlier)).value.events > 0
    only = hosts.values[0].value if hosts.distinct == 1 else None
    return Burst(
        client=client,
        events=value.events,
        share=value.events / total,
        first=value.first,
        last=value.last,
        hosts=hosts.distinct,
        only_host=None if only is None else str(only),
        seen_before=seen,
    )


def peak(answers: Answers, view: View) -> Peak | None:
    """The bin that the chart has to cut, if there is one."""
    found = peak_bin(answers, view)
    if found is None:
        return None
    start, events = found
    window = Window(start, start + view.window.step())
    top = answers.top(Top("client.address", Scope(window, view.filter), limit=1, brief=True)).value.values
    client = top[0].value if top else None
    return Peak(start, window.end, events, None if client is None else str(client), top[0].events if top else 0)


def _unexplained(answers: Answers, view: View) -> Tally:
    """Events of which the log explains too little, and the rule that fired most in them."""
    scope = view.narrowed(UNEXPLAINED)
    events = answers.count(Count(scope)).value.events
    if not events:
        return Tally(0, None)
    most = answers.top(Top("rule.id", scope, limit=1, bookkeeping=False, brief=True)).value.values
    return Tally(events, most[0] if most else None)


def _server_errors(answers: Answers, view: View) -> Tally:
    """Server errors, and the most frequent one."""
    found = answers.top(Top("http.response.status_code", view.narrowed(SERVER_ERROR), limit=1)).value
    return Tally(found.events, found.values[0] if found.values else None)
