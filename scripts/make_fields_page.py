"""Write docs/reference/fields.md from the table of the fields.

python scripts/make_fields_page.py
"""

from __future__ import annotations

from pathlib import Path

from wafscope.event.fields import FIELDS, Field
from wafscope.i18n.catalogue import render

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "fields.md"

HEAD = """# Fields

What can be known of an event. This page is made from the table from which the columns of the store, the search box, the
lists and the CSV are made: `python scripts/make_fields_page.py`.

A term of the search box begins with one of the names, or in short with `@`: `host:example.org`, `@ip:10.0.0.0/8`.
**Bold** names are looked into by a word without a name. `wafscope top NAME` counts the values of a field.
"""
KINDS = {"text": "text", "integer": "number", "time": "time", "texts": "texts", "address": "address"}


def page() -> str:
    """Return the text of the page."""
    lines = [HEAD]
    for title, scope in (("An event", "event"), ("A match: one rule that fired in it", "match")):
        lines += [f"## {title}\n", "| name | kind | what it is | ECS | OCSF |", "|---|---|---|---|---|"]
        lines += [_row(field) for field in FIELDS if field.scope == scope]
        lines.append("")
    return "\n".join(lines)


def _row(field: Field) -> str:
    names = ", ".join(f"`{name}`" for name in (field.name, *field.aliases))
    if field.searchable:
        names = f"**{names}**"
    words = f"{render(field.label, 'en')}. {render(field.help, 'en')}"
    if not all(choice in words for choice in field.choices):
        words += f" One of {', '.join(f'`{choice}`' for choice in field.choices)}."
    mapped = [f"`{name}`" if name else "" for name in (field.ecs, field.ocsf)]
    return f"| {names} | {KINDS[field.type]} | {words} | {mapped[0]} | {mapped[1]} |"


if __name__ == "__main__":
    PAGE.write_text(page())
