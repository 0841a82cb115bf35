"""The one field table.

Each field of an event is declared once here.  Columns of the stores, the search box, facets, CSV
headers and the reference page are derived from it; a test fails on a field without label or help.
ECS names are those of Elastic Common Schema 8, OCSF names those of schema 1.2.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from wafscope.errors import FilterError
from wafscope.event.model import AttackClass, Event
from wafscope.i18n.text import Text, text

FieldType = Literal["text", "integer", "time", "texts", "address"]


class Field(msgspec.Struct, frozen=True):
    """One field: where it is in the event, what it is called, what can be done with it."""

    name: str
    column: str
    """Attribute of `Event` (or of `Match` where `scope` is match) and column of a store."""
    type: FieldType
    label: Text
    help: Text
    aliases: tuple[str, ...] = ()
    ecs: str = ""
    ocsf: str = ""
    scope: Literal["event", "match"] = "event"
    facet: bool = False
    """Offered beside the list of events."""
    searchable: bool = False
    """Looked into by a plain word in the search box."""
    choices: tuple[str, ...] = ()
    """All values there are, where they are few."""
    derived: bool = False
    """Told by other columns: a store keeps none for it."""

    @property
    def empty_is_value(self) -> bool:
        """Whether an empty text was sent as such (a Host header without a value) rather than not at all."""
        return self.scope == "event" and self.column in _OPTIONAL


_OPTIONAL = frozenset(f.name for f in msgspec.structs.fields(Event) if f.default is None)

OUTCOMES = ("blocked", "would_block", "below", "no_match", "unknown")
ATTACK_CLASSES: tuple[AttackClass, ...] = ("policy", "scanner", "sqli", "xss", "exec", "file", "protocol", "other")
"""In the order in which charts stack them."""
ACTIONS = ("deny", "drop", "redirect", "proxy", "allow", "pass", "pause", "unknown")

_EVENT = (
    Field("time", "time", "time", text("Time"), text("Start of the transaction, in UTC."), ecs="@timestamp", ocsf="time"),
    Field(
        "waf.outcome", "outcome", "text", text("Action"),
        text("What the engine did: blocked, would_block, below (the threshold), no_match, or unknown."),
        aliases=("outcome", "action"), ecs="event.outcome", ocsf="disposition_id", facet=True, choices=OUTCOMES,
    ),
    Field(
        "host", "host", "text", text("Host"), text("The Host header exactly as sent."),
        aliases=("http.request.header.host",), ecs="url.domain", ocsf="http_request.url.hostname", facet=True, searchable=True,
    ),
    Field(
        "waf.attack_class", "attack_class", "text", text("Attack class"),
        text("Class of the matches with the most points: policy, scanner, sqli, xss, exec, file, protocol, other."),
        aliases=("class",), ecs="rule.category", ocsf="firewall_rule.category", facet=True, choices=ATTACK_CLASSES,
    ),
    Field(
        "waf.score.inbound", "score", "integer", text("Score"),
        text("Inbound anomaly score: what 949110 says, else the sum of the points of the matches."),
        aliases=("score",), ecs="event.risk_score", ocsf="risk_score",
    ),
    Field(
        "waf.score.source", "score_source", "text", text("Source of the score"),
        text("Where the score was read: 949110_message, 949110_value, report, or computed from severities."),
    ),
    Field(
        "waf.score.points", "points", "integer", text("Explained points"),
        text("Sum of the points of the scoring rules in this record."), aliases=("points",),
    ),
    Field(
        "waf.score.unexplained", "unexplained", "integer", text("Unexplained points"),
        text("Points that 949110 counts and the matches in the log do not explain."), aliases=("unexplained",),
    ),
    Field(
        "waf.score.threshold", "threshold", "integer", text("Threshold"),
        text("Inbound anomaly threshold, where the log tells it."), aliases=("threshold",),
    ),
    Field(
        "waf.score.outbound", "score_outbound", "integer", text("Outbound score"),
        text("Outbound anomaly score: what 959100 says."),
    ),
    Field(
        "http.response.status_code", "status", "integer", text("Status"),
        text("Status code in the record; not always what the client got."),
        aliases=("status",), ecs="http.response.status_code", ocsf="http_response.code", facet=True,
    ),
    Field(
        "client.address", "client_address", "address", text("Client"), text("Address of the peer as logged."),
        aliases=("client", "ip"), ecs="source.ip", ocsf="src_endpoint.ip", facet=True, searchable=True,
    ),
    Field(
        "client.port", "client_port", "integer", text("Client port"), text("Port of the peer; 0 behind a real-ip module."),
        ecs="source.port", ocsf="src_endpoint.port",
    ),
    Field(
        "http.request.method", "method", "text", text("Method"), text("Request method as logged."),
        aliases=("method",), ecs="http.request.method", ocsf="http_request.http_method", facet=True,
    ),
    Field(
        "url.path", "path", "text", text("Path"), text("Path of the request without the query."),
        aliases=("path",), ecs="url.path", ocsf="http_request.url.path", facet=True,
    ),
    Field(
        "url.query", "query", "text", text("Query"), text("Query of the request without the question mark."),
        aliases=("query",), ecs="url.query", ocsf="http_request.url.query_string",
    ),
    Field(
        "url.original", "uri", "text", text("URI"), text("Request target as sent, with the query."),
        aliases=("uri", "url"), ecs="url.original", ocsf="http_request.url.url_string", searchable=True,
    ),
    Field(
        "network.protocol.version", "protocol", "text", text("HTTP version"), text("Version of HTTP: 1.1, 2.0."),
        ecs="http.version", ocsf="http_request.version",
    ),
    Field(
        "user_agent.original", "user_agent", "text", text("User agent"), text("The User-Agent header."),
        aliases=("agent", "user_agent"), ecs="user_agent.original", ocsf="http_request.user_agent", facet=True, searchable=True,
    ),
    Field(
        "http.request.referrer", "referer", "text", text("Referer"), text("The Referer header."),
        aliases=("referer",), ecs="http.request.referrer", ocsf="http_request.referrer",
    ),
    Field(
        "http.request.content_type", "content_type", "text", text("Content type"), text("The Content-Type header of the request."),
        aliases=("content_type",), ecs="http.request.mime_type",
    ),
    Field(
        "server.address", "server_address", "text", text("Listener address"), text("Local address of the connection."),
        ecs="destination.ip", ocsf="dst_endpoint.ip",
    ),
    Field(
        "server.port", "server_port", "integer", text("Listener port"), text("Local port of the connection."),
        aliases=("port",), ecs="destination.port", ocsf="dst_endpoint.port",
    ),
    Field(
        "server.name", "server_name", "text", text("Server name"), text("Virtual host as the engine names it."),
        ecs="destination.domain", ocsf="dst_endpoint.hostname",
    ),
    Field("host.id", "server_id", "text", text("Server id"), text("Id of the machine as libmodsecurity computes it."), ecs="observer.serial_number"),
    Field(
        "transaction.id", "transaction_id", "text", text("Transaction id"), text("Id of the transaction as logged."),
        aliases=("id", "tx"), ecs="transaction.id", ocsf="http_request.uid", searchable=True,
    ),
    Field(
        "waf.engine.mode", "engine_mode", "text", text("Engine mode"), text("on, detection_only, off, or unknown."),
        aliases=("mode",), choices=("on", "detection_only", "off", "unknown"),
    ),
    Field("waf.engine.name", "engine", "text", text("Engine"), text("Name of the engine that wrote the record."), aliases=("engine",), ecs="observer.product", ocsf="metadata.product.name", facet=True),
    Field("waf.engine.version", "engine_version", "text", text("Engine version"), text("Version of the engine."), ecs="observer.version", ocsf="metadata.product.version"),
    Field("waf.engine.connector", "connector", "text", text("Connector"), text("Connector between web server and engine.")),
    Field("waf.rulesets", "rulesets", "texts", text("Rule sets"), text("Rule sets named in the record."), aliases=("ruleset",), ecs="rule.ruleset", ocsf="policy.name"),
    Field(
        "waf.interrupted", "interrupted", "text", text("Interrupted"),
        text("yes where the engine stopped the request, no where it did not; missing where the log cannot tell."),
        aliases=("interrupted",), choices=("yes", "no"),
    ),
    Field(
        "waf.interrupted_source", "interrupted_source", "text", text("Source of interrupted"),
        text("flag, action_line, error_log, status_zero, mode, or inferred."),
    ),
    Field(
        "waf.action", "action", "text", text("Intervention"),
        text("What the engine did when it interrupted: deny, drop, redirect, proxy, pause; unknown where the log doesn’t say."),
        ecs="event.action", choices=ACTIONS,
    ),
    Field("event.duration", "duration", "integer", text("Duration"), text("Microseconds from the start of the transaction to its record."), aliases=("duration",)),
    Field("user.name", "user", "text", text("User"), text("User as the web application or server named it."), aliases=("user",), ecs="user.name", ocsf="actor.user.name"),
    Field("waf.matches", "match_count", "integer", text("Matches"), text("Number of matches in the event, bookkeeping rules included."), aliases=("matches",)),
    Field("event.flags", "flags", "texts", text("Oddities"), text("What was odd about the record, such as invalid_utf8."), aliases=("flag",)),
    Field("event.gaps", "gaps", "texts", text("Gaps"), text("What this record cannot tell, such as no_body."), aliases=("gap",)),
    Field("event.format", "format", "text", text("Format"), text("Format of the record, such as v3.json."), aliases=("format",), ecs="event.dataset", facet=True),
    Field("time.original", "time_original", "text", text("Time as logged"), text("The time exactly as it stands in the record.")),
    Field(
        "time.zone_source", "zone_source", "text", text("Source of the zone"),
        text("Where the zone of the time was taken from: unique_id, date_header, configured, logged, unix, or assumed."),
        aliases=("zone_source",),
    ),
    Field("sensor", "sensor", "text", text("Sensor"), text("Name of the installation that wrote the log."), ecs="observer.name", ocsf="device.name", facet=True),
    Field("source", "source", "text", text("Source"), text("Where the record was read from."), ecs="log.file.path", ocsf="metadata.log_name"),
)  # fmt: skip

_MATCH = (
    Field("rule.id", "rule_id", "integer", text("Rule"), text("Id of a rule that fired."), aliases=("rule",), ecs="rule.id", ocsf="firewall_rule.uid", scope="match", facet=True),
    Field("rule.message", "message", "text", text("Message"), text("Message of the rule."), aliases=("message",), ecs="rule.name", ocsf="firewall_rule.name", scope="match", searchable=True),
    Field("rule.data", "data", "text", text("Data"), text("What the rule logged about the match."), aliases=("data",), ecs="rule.description", ocsf="firewall_rule.desc", scope="match", searchable=True),
    Field("match.target", "target", "text", text("Target"), text("Variable and key the rule looked at, such as ARGS:q."), aliases=("target",), ocsf="firewall_rule.match_location", scope="match"),
    Field("match.operator", "operator", "text", text("Operator"), text("Operator of the rule, without @."), aliases=("operator",), scope="match"),
    Field("match.parameter", "parameter", "text", text("Parameter"), text("Parameter of the operator; the engine cuts it."), scope="match"),
    Field("match.value", "value", "text", text("Value"), text("Value of the target as the engine logged it."), aliases=("value",), scope="match"),
    Field("match.justification", "justification", "text", text("Match text"), text("The engine's own sentence where it is not in the usual form."), scope="match"),
    Field("match.reference", "reference", "text", text("Reference"), text("Offsets and transformations as libmodsecurity logs them."), scope="match"),
    Field("rule.severity", "severity", "integer", text("Severity"), text("0 emergency to 7 debug; missing where unset."), aliases=("severity",), ecs="event.severity", scope="match"),
    Field("rule.tags", "tags", "texts", text("Tags"), text("Tags of the rule."), aliases=("tag",), ecs="tags", scope="match"),
    Field(
        "rule.attack_class", "attack_class", "text", text("Class of a rule"),
        text("Attack class of a rule that fired, bookkeeping rules left out. An event has one for each of its rules; {field} is that of most points.", field="waf.attack_class"),
        aliases=("rule_class",), scope="match", choices=ATTACK_CLASSES, derived=True,
    ),
    Field("rule.file", "file", "text", text("Rule file"), text("File of the rule."), aliases=("file",), scope="match"),
    Field("rule.line", "line", "integer", text("Rule line"), text("Line of the rule in its file."), scope="match"),
    Field("rule.revision", "revision", "text", text("Revision"), text("Revision of the rule."), scope="match"),
    Field("rule.version", "version", "text", text("Rule version"), text("Version of the rule."), ecs="rule.version", ocsf="firewall_rule.version", scope="match"),
    Field("rule.maturity", "maturity", "integer", text("Maturity"), text("Maturity of the rule, 0 where unset."), scope="match"),
    Field("rule.accuracy", "accuracy", "integer", text("Accuracy"), text("Accuracy of the rule, 0 where unset."), scope="match"),
)  # fmt: skip

FIELDS: tuple[Field, ...] = _EVENT + _MATCH

_BY_NAME = {name: f for f in FIELDS for name in (f.name, *f.aliases)}

RULE_CLASS = _BY_NAME["rule.attack_class"]
"""No column of a store: told by the number of a rule, or by its tags (`event/rule.py`)."""

DAY = Field("day", "day", "text", text("Day"), text("Day of the event in the given time zone."))
"""Not a column: derived from `time` and a zone, for `wafscope top day` only."""


def names() -> list[str]:
    """Every name and alias that a person may write."""
    return sorted(_BY_NAME)


def find(name: str, *, column: int = 1) -> Field:
    """Return the field of a name or alias.

    Raises FilterError with a hint when there is none; `column` is where the name stands.
    """
    field = _BY_NAME.get(name)
    if field is None:
        from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

        near = get_close_matches(name, names(), n=3)
        hint = (
            text("Did you mean {names}?", names=", ".join(near))
            if near
            else text("Fields: {names}", names=", ".join(names()))
        )
        raise FilterError(text("There is no field “{name}”.", name=name), column=column, hint=hint)
    return field
