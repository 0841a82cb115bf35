"""The templates, one environment a language.  Everything is escaped unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from wafscope.i18n import number
from wafscope.i18n.catalogue import LANGUAGES, render, translate
from wafscope.i18n.text import Text
from wafscope.panel.change import Change
from wafscope.web import visible, words


class Templates:
    """Renders pages and their parts."""

    def __init__(self, assets: Callable[[str], str]) -> None:
        """Take the function that gives the address of a static file."""
        self._environments = {language: _environment(language, assets) for language in LANGUAGES}

    def render(self, name: str, language: str, **context: Any) -> str:
        """Render a template in a language."""
        return self._environments[language].get_template(name).render(**context)


def _environment(language: str, assets: Callable[[str], str]) -> Environment:
    environment = Environment(
        loader=PackageLoader("wafscope.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words_of = _Words(language)
    environment.globals.update(
        _=words_of.message,
        ngettext=words_of.counted,
        say=words_of.say,
        say_code=words_of.say_code,
        num=lambda value: number.decimal(value, language),
        pct=number.percent,
        delta=words_of.delta,
        duration=lambda length: render(number.duration(length), language),
        title=lambda value: visible.title(value, language),
        value_word=words_of.value_word,
        middle=visible.middle,
        cut=visible.cut,
        words=words,
        asset=assets,
        lang=language,
        languages=LANGUAGES,
    )
    environment.filters.update(visible=visible.visible, plain=visible.plain)
    return environment


class _Words:
    """Texts in one language, as templates call them."""

    def __init__(self, language: str) -> None:
        self._language = language

    def message(self, message: str, /, **values: Any) -> Markup:
        """Translate a message; its values are escaped unless they are markup."""
        return self._filled(translate(message, self._language), values)

    def counted(self, message: str, plural: str, n: int, /, **values: Any) -> Markup:
        """Translate a message that depends on a count, which is shown as `{n}`."""
        pattern = translate(message, self._language, plural=plural, n=n)
        return self._filled(pattern, {"n": number.decimal(n, self._language), **values})

    def say(self, value: Text) -> str:
        """Translate a text of the catalogue."""
        return render(value, self._language)

    def say_code(self, value: Text) -> Markup:
        """Translate a text whose values came off the wire: they stand as code."""
        pattern = translate(value.message, self._language, plural=value.plural, n=value.values.get("n"))
        values = {
            name: self.say_code(item) if isinstance(item, Text) else Markup("<code>{}</code>").format(_code(item))
            for name, item in value.values.items()
        }
        return escape(pattern).format_map(values) if values else escape(pattern)

    def delta(self, change: Change) -> str:
        """Say how a count changed; empty where it can not be said."""
        return number.change(change.now, change.before, self._language) if change.before else ""

    def value_word(self, field: str, value: str | int | None) -> str:
        """The word for a value, or nothing where it is shown as it is."""
        found = words.value_word(field, value)
        return render(found, self._language) if found else ""

    def _filled(self, pattern: str, values: dict[str, Any]) -> Markup:
        shown = {name: self._shown(value) for name, value in values.items()}
        return escape(pattern).format_map(shown) if shown else escape(pattern)

    def _shown(self, value: Any) -> Any:
        if isinstance(value, Text):
            return render(value, self._language)
        if isinstance(value, int) and not isinstance(value, bool):
            return number.decimal(value, self._language)
        return value


def _code(value: object) -> Markup:
    return visible.visible(str(value))
