"""Write docs/reference/formats.md from what the readers say of their formats.

python scripts/make_formats_page.py
"""

from __future__ import annotations

from pathlib import Path

from wafscope.reader.formats import TELLS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "formats.md"

NAMES = {
    "v3.json": "ModSecurity 3 (libmodsecurity), JSON",
    "v3.native": "ModSecurity 3 (libmodsecurity), native",
    "v2.json": "ModSecurity 2, JSON",
    "v2.native": "ModSecurity 2, native",
    "coraza.json": "Coraza, JSON",
    "coraza.jsonlegacy": "Coraza, JsonLegacy",
    "coraza.native": "Coraza, native",
    "coraza.ocsf": "Coraza, OCSF",
    "err.apache.v2": "Error log of Apache with ModSecurity 2",
    "err.nginx.v3": "Error log of nginx with ModSecurity 3",
    "err.coraza": "Error log lines of Coraza",
}
FACTS = {
    "blocked": "Whether the request was blocked",
    "score": "Anomaly score",
    "zone": "Zone of the time",
    "request_headers": "Request headers",
    "request_body": "Request body",
    "response_headers": "Response headers",
    "response_body": "Response body",
    "matched_value": "Value that a rule matched",
    "rule_ids": "Rule ids",
    "rule_text": "Text of the rules",
    "files": "Uploaded files",
    "stopwatch": "Time spent in the engine",
    "engine_mode": "On or DetectionOnly",
    "bytes": "Bytes exactly as sent",
}
SIGNS = {"yes": "yes", "partly": "(yes)", "no": "–"}

HEAD = """# Formats

Wafscope tells the format of every record by its own bytes: formats may change inside one file.
This page is made from the readers' own tables: `python scripts/make_formats_page.py`.

Read are audit logs, serial and concurrent, of ModSecurity 2.5 to 2.9, libmodsecurity 3.0 and Coraza 2 and 3, and the
lines of these engines in error logs. The prefixes of CRI, docker (json-file), Fluent Bit, compose, `docker service
logs`, stern, `kubectl logs --prefix --timestamps`, syslog and journald (export, JSON, short) come off first, and so do
a byte order mark and the NUL bytes that a crash leaves. A line or record is also taken out of the objects of JSON, one
a line, in which Filebeat, Logstash, Vector, Fluentd and the stores and clouds behind them keep it (`message`,
`event.original`, `_source`, `textPayload`, `jsonPayload`, `line`, `_raw`). A line that tells no time has that of its
prefix. Records in a list are read too, on one line or printed over many. The index of a concurrent log finds its files;
nothing else is taken from it.
Other lines, such as those of an access log, are counted as foreign and skipped. A record that is cut, spliced or
damaged goes to quarantine whole, with its place and the reason.
"""


def page() -> str:
    """Return the text of the page."""
    formats = list(NAMES)
    lines = [HEAD, "## At a glance\n", "`(yes)`: with a condition, named below.\n"]
    for half in (formats[:6], formats[6:]):
        lines.append("| | " + " | ".join(f"`{name}`" for name in half) + " |")
        lines.append("|---|" + "---|" * len(half))
        for fact, words in FACTS.items():
            lines.append(f"| {words} | " + " | ".join(_sign(TELLS[name][fact]) for name in half) + " |")
        lines.append("")
    for name in formats:
        lines += [f"## {NAMES[name]}\n", f"`event.format` is `{name}`.\n", "| | |", "|---|---|"]
        lines += [f"| {words} | {TELLS[name][fact]} |" for fact, words in FACTS.items()]
        lines.append("")
    return "\n".join(lines)


def _sign(answer: str) -> str:
    return SIGNS[answer.partition(":")[0]]


if __name__ == "__main__":
    PAGE.write_text(page())
