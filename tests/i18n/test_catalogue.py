"""Every text of the sources is there in every language, with the same values in it."""

import ast
from string import Formatter

import pytest

from wafscope.i18n.catalogue import ENGLISH, LANGUAGES, choose, load, render, translate
from wafscope.i18n.text import english, ntext, text
from wafscope.i18n.update import PACKAGE, messages, untranslated

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
SOURCES = {message if isinstance(message, str) else message[0]: message for message, _, _ in messages()}


def placeholders(pattern: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}


def test_there_are_texts() -> None:
    assert len(SOURCES) > 500
    assert {"Overview", "A value is missing.", "{n} event"} <= SOURCES.keys()


def test_no_text_stands_where_it_is_not_found() -> None:
    """Inside an f-string, for one: what extracts the texts does not look there."""
    hidden = [
        f"{path.name}: {argument.value!r}"
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"text", "ntext", "message"}
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant) and argument.value not in SOURCES
    ]
    assert hidden == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    catalogue = load(language)
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue if m.id}
    assert SOURCES.keys() - known == set()
    assert untranslated(catalogue) == []
    assert [message.id for message in catalogue if message.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_left_over(language: str) -> None:
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in load(language) if m.id}
    assert known - SOURCES.keys() == set()


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_has_the_same_values(language: str) -> None:
    wrong = []
    for message in load(language):
        source = message.id if isinstance(message.id, str) else message.id[-1]
        forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        wrong += [(source, form) for form in forms if message.id and placeholders(source) != placeholders(form)]
    assert wrong == []


def test_singular_and_plural_have_the_same_values() -> None:
    pairs = [message for message in SOURCES.values() if isinstance(message, tuple)]
    assert [pair for pair in pairs if placeholders(pair[0]) != placeholders(pair[1])] == []


def test_rendering() -> None:
    assert render(text("There is no field “{name}”.", name="x"), "en") == "There is no field “x”."
    assert render(text("There is no field “{name}”.", name="x"), "ja") == "フィールド「x」はありません。"
    assert render(ntext("{n} event", "{n} events", 1), "en") == "1 event"
    assert render(ntext("{n} event", "{n} events", 1234), "en") == "1,234 events"
    assert render(ntext("{n} event", "{n} events", 1234), "ja") == "1,234 イベント"


def test_texts_inside_texts_are_translated_too() -> None:
    inner = text("{m} min {s} s", m=6, s=24)
    assert render(text("{span} before", span=inner), "ja") == "6 分 24 秒前"


def test_a_text_that_is_not_in_the_catalogue_stays_english() -> None:
    unknown = text("no such text {x}", x=1)
    assert render(unknown, "ja") == english(unknown) == "no such text 1"


def test_braces_in_values_are_left_alone() -> None:
    assert (
        render(text("There is no field “{name}”.", name="{0}{name}"), "ja") == "フィールド「{0}{name}」はありません。"
    )


def test_patterns() -> None:
    assert translate("{n} event", "en", plural="{n} events", n=2) == "{n} events"
    assert translate("{n} event", "ja", plural="{n} events", n=2) == "{n} イベント"


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr, de;q=0.9, ja;q=0.1", "ja"),
        ("ja;q=0", "en"),
        ("ja;q=abc, *", "en"),
        ("*", "en"),
        (",;,=" * 1000, "en"),
    ],
)
def test_language_of_a_browser(accept: str, language: str) -> None:
    assert choose(accept) == language
