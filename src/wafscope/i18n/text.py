"""A text that is rendered late, in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Text(msgspec.Struct, frozen=True):
    """A message of the catalogue with its values.

    `message` is the English text and the key in the catalogue; `{name}` stands for a value.
    `plural` is the English text for counts other than one, chosen by the value `n`.
    """

    message: str
    plural: str = ""
    values: Mapping[str, str | int | float | Text] = {}


def text(message: str, /, **values: str | float | Text) -> Text:
    """Mark `message` as a text of the catalogue; nothing is translated yet."""
    return Text(message, "", values)


def ntext(message: str, plural: str, /, n: int, **values: str | float | Text) -> Text:
    """Mark a text that depends on the count `n`."""
    return Text(message, plural, {"n": n, **values})


def english(value: Text) -> str:
    """Render in English: for logs, tracebacks and `str(error)`."""
    values = {k: english(v) if isinstance(v, Text) else v for k, v in value.values.items()}
    chosen = value.plural if value.plural and value.values.get("n") != 1 else value.message
    return chosen.format_map(values) if values else chosen
