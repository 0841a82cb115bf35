"""The formats in words.  This is the one table: pages, lists and the reference page take their names from it."""

from __future__ import annotations

from wafscope.i18n.text import Text, text

FORMATS: dict[str, Text] = {
    "v2.native": text("ModSecurity 2 native"),
    "v2.json": text("ModSecurity 2 JSON"),
    "v3.native": text("ModSecurity 3 native"),
    "v3.json": text("ModSecurity 3 JSON"),
    "coraza.native": text("Coraza native"),
    "coraza.json": text("Coraza JSON"),
    "coraza.jsonlegacy": text("Coraza JsonLegacy"),
    "coraza.ocsf": text("Coraza OCSF"),
    "err.apache.v2": text("Apache error log, ModSecurity 2"),
    "err.nginx.v3": text("nginx error log, ModSecurity 3"),
    "err.coraza": text("Coraza error log"),
}


def is_error_log(name: str) -> bool:
    """Tell an event that was read from lines of an error log from one that was read from an audit record."""
    return name.startswith("err.")
