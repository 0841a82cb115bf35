"""The catalogues: every text a person sees, in every language Wafscope speaks.

English is the source and needs no catalogue.  The others are gettext files beside this module, read as
they are when first asked for: no compiled catalogue has to be made or packed.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from wafscope.i18n.number import decimal
from wafscope.i18n.text import Text

ENGLISH = "en"
LANGUAGES = {"en": "English", "ja": "日本語"}
"""Code and own name of each language."""

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[\w-]*)?\s*(?:;\s*q\s*=\s*([0-9.]+))?\s*")


def render(value: Text, language: str) -> str:
    """Give a text in a language; what the catalogue lacks stays English."""
    values = {name: _shown(item, language) for name, item in value.values.items()}
    message = translate(value.message, language, plural=value.plural, n=value.values.get("n"))
    return message.format_map(values) if values else message


def translate(message: str, language: str, *, plural: str = "", n: object = None) -> str:
    """Give the pattern of a message in a language, its placeholders untouched."""
    one = n == 1 or not plural
    if language == ENGLISH:
        return message if one else plural
    forms = _messages(language).get(message)
    if not forms:
        return message if one else plural
    return forms[0] if one else forms[-1]


def choose(accept: str) -> str:
    """Choose a language by an Accept-Language header; English where none of them is spoken."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")[:20]):
        found = _RANGE.fullmatch(part)
        if found is not None:
            wanted.append((-_weight(found[2]), place, found[1].lower()))
    for weight, _, language in sorted(wanted):
        if weight < 0 and language in LANGUAGES:
            return language
    return ENGLISH


def _weight(quality: str | None) -> float:
    try:
        return 1.0 if quality is None else float(quality)
    except ValueError:
        return 0.0


def _shown(value: str | float | Text, language: str) -> str:
    if isinstance(value, Text):
        return render(value, language)
    return value if isinstance(value, str) else decimal(value, language)


@cache
def _messages(language: str) -> dict[str, tuple[str, ...]]:
    messages: dict[str, tuple[str, ...]] = {}
    for message in load(language):
        key = message.id[0] if isinstance(message.id, tuple | list) else message.id
        forms = tuple(message.string) if isinstance(message.string, tuple | list) else (message.string or "",)
        if key and all(forms) and not message.fuzzy:
            messages[key] = forms
    return messages


def load(language: str) -> Catalog:
    """Read the catalogue of a language."""
    with resources.files("wafscope.i18n").joinpath(f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)
