"""Sixty events by hand, with all that has ever made two stores differ."""

from __future__ import annotations

from tests.make import START, event, hour, match

from wafscope.event.fields import OUTCOMES
from wafscope.event.model import Event
from wafscope.query.timespan import DAY, HOUR, MINUTE

_SUMMARY = match(949110, message="Inbound Anomaly Score Exceeded (Total Score: 10)", severity=2, tags=("anomaly",))


def _ordinary() -> list[Event]:
    """Two days of everyday traffic: hosts, clients and rules in uneven numbers."""
    made = []
    for number in range(36):
        rules = [942100, 942190, 920350, 941100, 930120][: number % 5]
        matches = [
            match(rule, severity=2 + number % 3, line=number, target=f"ARGS:{'qpr'[number % 3]}") for rule in rules
        ]
        made.append(
            event(
                hour(number * 1.25),
                *matches,
                *([_SUMMARY] if len(rules) > 1 else []),
                host=("www.example.org", "blog.example.org", "www.example.org", None)[number % 4],
                client_address=f"192.0.2.{number % 7}",
                client_port=1024 + number,
                method=("GET", "POST", "get")[number % 3],
                uri=f"/wp-login.php?n={number % 6}",
                path="/wp-login.php" if number % 2 else "/index_page",
                query=f"n={number % 6}",
                user_agent=("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", None)[number % 3],
                status=(403, 200, 404, None, 500)[number % 5],
                outcome=OUTCOMES[number % len(OUTCOMES)],
                score=5 * len(rules) if rules else None,
                score_source="949110_message" if len(rules) > 1 else "computed",
                points=3 * len(rules),
                threshold=5,
                attack_class=("sqli", "xss", "policy")[number % 3] if rules else None,
                interrupted=(True, False, None)[number % 3],
                engine_mode=("on", "detection_only", "unknown")[number % 3],
                rulesets=("OWASP_CRS/4.9.0", "site/1")[: number % 3],
                gaps=("no_body", "zone_assumed")[: number % 3],
                zone_source=("assumed", "logged")[number % 2],
                transaction_id=f"tx{number:04}",
                format=("v3.json", "v2.native")[number % 2],
            )
        )
    return made


def _odd() -> list[Event]:
    """Values that are empty, foreign, not text, or at the end of a range; each at its own time."""
    at = iter(range(hour(50), hour(80), 17 * MINUTE + 1))
    latin = "caf\udce9"  # a byte that is not UTF-8
    return [
        event(next(at), host="", method="", uri="", path="", query="", user_agent="", client_address=""),
        event(next(at), host=latin, uri=f"/{latin}", user_agent=latin, rulesets=(latin,)),
        event(next(at), host="\ud800", uri="/\udfff", path="/\udfff"),
        event(next(at), host="caf\\xe9", uri="/literal"),
        event(next(at), host="CAFÉ", user_agent="café Ж 日本"),
        event(next(at), host="100%", path="/a_b", query="a*b"),
        event(next(at), host="1000", path="/axb", query="axxb"),
        event(next(at), host="back\\slash", path="\\", query='"'),
        event(next(at), host="line\nfeed", path="/a\tb", query="\x00\x1b[31m"),
        event(next(at), host=" blank ", path="/ ", query=" "),
        event(next(at), host="…", uri="…"),
        event(next(at), host="ALL CAPS", uri="MiXeD"),
        event(next(at), host="'; DROP TABLE event; --", uri="' OR 1=1 --"),
        event(next(at), client_address="2001:db8::1", server_address="::1"),
        event(next(at), client_address="2001:db8:ffff::1"),
        event(next(at), client_address="::ffff:10.1.2.3"),
        event(next(at), client_address="10.1.2.3"),
        event(next(at), client_address="10.255.255.255"),
        event(next(at), client_address="11.0.0.0"),
        event(next(at), client_address="unix:"),
        event(next(at), client_address="010.0.0.1"),
        event(next(at), client_address="fe80::1%eth0"),
        event(next(at), client_address="0"),
        event(next(at), client_port=0, server_port=0, status=0, score=0, points=0, score_outbound=0),
        event(next(at), status=-1, client_port=2_147_483_647, score=-2_147_483_648, score_source="report"),
        event(next(at), score=20, points=5, score_source="949110_value"),
        event(next(at), score=5, points=20, score_source="949110_message"),
        event(next(at), rulesets=("",), flags=("", "odd")),
        event(next(at), flags=("invalid_utf8", "invalid_utf8"), gaps=("no_body", "no_body")),
    ]


def _matched() -> list[Event]:
    """Matches in all numbers: of the same rule, without an id, of bookkeeping rules alone."""
    at = iter(range(hour(90), hour(110), 13 * MINUTE + 7))
    byte = "\udcff\udcfe"
    return [
        event(next(at), 942100, 942100, 942100),
        event(next(at), 949110, 942100, 949110, 942100, 920350),
        event(next(at), match(None, message="no id"), 920350, match(None, message="")),
        event(next(at), 949110, 980130),
        event(next(at), match(942100, message="", data="", target="", severity=None, line=None, file="")),
        event(next(at), match(942100, data=f"Matched Data: {byte}", target=byte, tags=(byte, "attack-sqli"))),
        event(next(at), match(942190, tags=("attack-sqli", "attack-sqli")), match(942190, tags=())),
        event(next(at), match(1, tags=("paranoia-level/1",), severity=0), match(1, tags=("attack-sqli",), severity=7)),
        event(next(at), match(2_147_483_647, message="the last", version="OWASP_CRS/4.9.0", revision="2")),
        event(
            next(at), match(950005, tags=("OWASP_CRS/WEB_ATTACK/FILE_INJECTION",), version="OWASP_CRS/2.2.9"), 950005
        ),
        event(next(at), match(950002, version="OWASP_CRS/2.2.9"), match(950100, tags=("attack-sqli",)), 949110),
        event(next(at), match(973300, file="/etc/modsecurity_crs_41_xss_attacks.conf"), match(959071), match(960015)),
        event(next(at), match(7, tags=("x", "WEB_ATTACK/SQL", "attack-rce")), match(None, tags=("POLICY/SIZE",))),
        event(next(at), match(942100, message="The newest message", file="new.conf", line=1, severity=3)),
    ]


def _far() -> list[Event]:
    """Times at the edges: before the epoch, at it, at midnight, a microsecond on either side."""
    return [
        event(-1, host="before the epoch"),
        event(0, host="epoch"),
        event(START - 1, host="the day before"),
        event(START + 10 * DAY, host="midnight"),
        event(START + 10 * DAY - 1, host="before midnight"),
        event(START + 10 * DAY + 14 * HOUR + 59 * MINUTE, host="nearly midnight in Tokyo"),
    ]


ORDINARY, ODD, MATCHED, FAR = _ordinary(), _odd(), _matched(), _far()

BATCHES: tuple[tuple[str, str, list[Event]], ...] = (
    ("web1", "/var/log/modsec_audit.log", ORDINARY[:20]),
    ("web1", "/var/log/modsec_audit.log", ORDINARY[15:]),
    ("web2", "/var/log/modsec_audit.log", MATCHED),
    ("", "-", [*ODD, ODD[0]]),
    ("web2", "/var/log/café.log", FAR),
)
"""What is written, in order: (sensor, source, events); some of them twice."""
