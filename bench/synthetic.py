"""Events for the bench of the questions, made without a log: which ones is a matter of their number alone.

A few hosts, clients and rules are frequent and most are rare, days are busier than nights, nine events in
ten have matches, three on average.
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec

from bench.dice import dice, zipf
from wafscope.event.model import AttackClass, Event, Match, Outcome
from wafscope.event.rule import attack_class, points_of
from wafscope.query.timespan import DAY, SECOND
from wafscope.reader.base import Found
from wafscope.reader.verdict import read_score

START = 1_793_491_200 * SECOND
"""1 November 2026."""
DAYS = 30
HOSTS, CLIENTS, RULES, PATHS, AGENTS = 1_000, 100_000, 200, 5_000, 200
_VARIANTS = 32
"""Matches of each rule, of different targets and values."""
_FILES = (911, 913, 920, 921, 930, 931, 932, 933, 941, 942, 943, 944)
_SCORING = (0, 1, 2, 3, 4, 5, 7)
_SCORING_WEIGHTS = (10, 30, 25, 17, 10, 5, 3)
_STATUS = (200, 301, 403, 404, 500, 502)
_STATUS_WEIGHTS = (60, 8, 12, 16, 2, 2)
_SWING = 0.6
"""How much busier than the mean the busiest hour is."""
_THRESHOLD = 5
_SITES_THAT_BLOCK = 5
"""Every so many hosts one has its engine on."""


class World(msgspec.Struct, frozen=True):
    """What events are made of, most frequent first, with cumulative weights."""

    hosts: list[str]
    host_weights: list[float]
    clients: list[str]
    client_weights: list[float]
    rules: list[tuple[Match, ...]]
    rule_weights: list[float]
    paths: list[str]
    path_weights: list[float]
    agents: list[str]
    agent_weights: list[float]


@lru_cache(maxsize=1)
def world() -> World:
    """The same one in every process."""
    roll = dice("world")
    clients = [_address(n) for n in range(CLIENTS)]
    roll.shuffle(clients)
    numbers = [_FILES[n % len(_FILES)] * 1000 + 100 + n // len(_FILES) * 10 for n in range(RULES)]
    roll.shuffle(numbers)
    return World(
        hosts=[f"site{n}.example.org" for n in range(HOSTS)],
        host_weights=zipf(HOSTS, 1.0),
        clients=clients,
        client_weights=zipf(CLIENTS, 0.7),
        rules=[tuple(_match(rule_id, variant) for variant in range(_VARIANTS)) for rule_id in numbers],
        rule_weights=zipf(RULES, 1.0),
        paths=[f"/section{n % 40}/page{n}" for n in range(PATHS)],
        path_weights=zipf(PATHS, 0.9),
        agents=[f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(AGENTS)],
        agent_weights=zipf(AGENTS, 1.0),
    )


def _address(n: int) -> str:
    """One half of IPv4, the other of IPv6; all different, all as machines write them."""
    if n % 2:
        return f"203.{n >> 16}.{n >> 8 & 255}.{n & 255}"
    return f"2001:db8:{1 + (n >> 4):x}::{1 + n % 16:x}:{1 + n % 61:x}"


def _match(rule_id: int, variant: int) -> Match:
    severity = 2 if rule_id // 10 % 4 else 4
    name = attack_class(rule_id, ())
    value = f"{variant}' or {rule_id} union select {variant * 37}--"
    return Match(
        rule_id=rule_id,
        message=f"Rule {rule_id} found a {name} attack",
        data=f"Matched Data: union select found within ARGS:p{variant}: {value}",
        target=f"ARGS:p{variant}",
        operator="Rx",
        parameter="(?i)union.*select",
        value=value,
        justification=f"Matched \"Operator `Rx' with parameter `(?i)union.*select' against variable `ARGS:p{variant}'",
        reference=f"o0,12v{variant},30t:urlDecodeUni",
        severity=severity,
        file=f"/usr/share/modsecurity-crs/rules/REQUEST-{rule_id // 1000}.conf",
        line=rule_id % 1000,
        tags=("application-multi", f"attack-{name}", "paranoia-level/1", "OWASP_CRS"),
        version="OWASP_CRS/3.3.4",
        points=points_of(rule_id, severity),
        attack_class=name,
    )


@lru_cache(maxsize=256)
def _summary(score: int) -> Match:
    return Match(
        rule_id=949110,
        message=f"Inbound Anomaly Score Exceeded (Total Score: {score})",
        target="TX:ANOMALY_SCORE",
        operator="Ge",
        parameter=str(_THRESHOLD),
        value=str(score),
        severity=2,
        file="/usr/share/modsecurity-crs/rules/REQUEST-949-BLOCKING-EVALUATION.conf",
        line=81,
        tags=("application-multi", "attack-generic"),
        bookkeeping=True,
    )


def moment(part: float) -> int:
    """The time, in microseconds, at which this part of all events has happened; above 1 after the last day."""
    turns = 2 * math.pi * DAYS * part
    return START + int((part + _SWING * math.sin(turns) / (2 * math.pi * DAYS)) * DAYS * DAY)


def make(first: int, count: int, total: int) -> list[Found]:
    """The events number `first` to `first + count` out of `total`, in order of time, each as a reader would give it."""
    roll, w = dice("events", first), world()
    hosts = roll.choices(range(HOSTS), cum_weights=w.host_weights, k=count)
    clients = roll.choices(w.clients, cum_weights=w.client_weights, k=count)
    paths = roll.choices(w.paths, cum_weights=w.path_weights, k=count)
    agents = roll.choices(w.agents, cum_weights=w.agent_weights, k=count)
    statuses = roll.choices(_STATUS, _STATUS_WEIGHTS, k=count)
    numbers = roll.choices(_SCORING, _SCORING_WEIGHTS, k=count)
    found, offset = [], first * 100
    for i in range(count):
        rules = roll.choices(w.rules, cum_weights=w.rule_weights, k=numbers[i])
        matches = tuple([variants[roll.randrange(_VARIANTS)] for variants in rules])
        time = moment((first + i + roll.random()) / total)
        event = _event(first + i, time, hosts[i], clients[i], (paths[i], agents[i]), statuses[i], matches)
        found.append(Found(event, offset, len(event.raw) + 1))
        offset += len(event.raw) + 1
    return found


def _event(
    number: int,
    time: int,
    host: int,
    client: str,
    request: tuple[str, str],
    status: int,
    matches: tuple[Match, ...],
) -> Event:
    points = sum(match.points for match in matches)
    if points >= _THRESHOLD:
        # One log in a hundred lacks a match that its score counts.
        matches = (*matches, _summary(points + 5 if number % 100 == 0 else points))
    score = read_score(matches)
    blocks = host % _SITES_THAT_BLOCK == 0
    outcome = _outcome(over=points >= _THRESHOLD, blocks=blocks, matches=bool(matches))
    path, agent = request
    query = f"id={number % 9973}"
    leading: AttackClass | None = score.attack_class
    name = f"site{host}.example.org"
    return Event(
        raw=b'{"transaction":{"unique_id":"%d","client_ip":"%b"}}' % (number, client.encode()),
        format="v3.json",
        time=time,
        zone_source="unique_id",
        transaction_id=str(number),
        client_address=client,
        client_port=1024 + number % 60_000,
        server_address="192.0.2.1",
        server_port=443,
        server_id="2ce124b0c5d02b433a9392782ff8b313286c1942",
        host=name,
        method="POST" if number % 7 == 0 else "GET",
        protocol="1.1",
        uri=f"{path}?{query}",
        path=path,
        query=query,
        user_agent=agent,
        status=403 if outcome == "blocked" else status,
        engine="ModSecurity",
        engine_version="3.0.9",
        connector="ModSecurity-nginx v1.0.3",
        engine_mode="on" if blocks else "detection_only",
        rulesets=("OWASP_CRS/3.3.4",),
        matches=matches,
        attack_class=leading,
        interrupted=outcome == "blocked",
        interrupted_source="inferred" if blocks else "mode",
        outcome=outcome,
        score=score.score,
        score_source=score.score_source,
        threshold=score.threshold,
        points=score.points,
    )


def _outcome(*, over: bool, blocks: bool, matches: bool) -> Outcome:
    if over:
        return "blocked" if blocks else "would_block"
    return "below" if matches else "no_match"
