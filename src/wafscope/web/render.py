"""The templates, one environment a language.  Everything is escaped unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from wafscope.event.model import Event, Match
from wafscope.event.text import from_bytes, to_bytes
from wafscope.i18n import number
from wafscope.i18n.catalogue import LANGUAGES, render, translate
from wafscope.i18n.moment import Clock, from_microseconds
from wafscope.i18n.text import Text, text
from wafscope.panel.change import Change
from wafscope.panel.first import SERVER_ERROR, UNEXPLAINED
from wafscope.panel.series import Series
from wafscope.panel.view import one_of
from wafscope.web import chart, gaps, visible, words
from wafscope.web.slot import Failed, Late


class Templates:
    """Renders pages and their parts."""

    def __init__(self, assets: Callable[[str], str]) -> None:
        """Take the function that gives the address of a static file."""
        self._assets = assets

    def render(self, template: str, language: str, /, **context: Any) -> str:
        """Render a template in a language."""
        return _environment(language).get_template(template).render(asset=self._assets, **context)

    def prepare(self) -> None:
        """Compile all templates: the first page would wait longer for that than for its answers."""
        for language in LANGUAGES:
            environment = _environment(language)
            for name in environment.list_templates():
                environment.get_template(name)


class _Compiled(BytecodeCache):
    """Compiled templates: the same for every language, since only what they call differs."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@cache
def _compiled() -> _Compiled:
    return _Compiled()


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("wafscope.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        bytecode_cache=_compiled(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words_of = _Words(language)
    environment.globals.update(
        _=words_of.message,
        ngettext=words_of.counted,
        say=words_of.say,
        say_code=words_of.say_code,
        sequence=words_of.sequence,
        deed=words_of.deed,
        num=lambda value: number.decimal(value, language),
        pct=number.percent,
        delta=words_of.delta,
        duration=lambda length: render(number.duration(length), language),
        title=lambda value, most=1_000: visible.title(value, language, most),
        value_word=words_of.value_word,
        middle=visible.middle,
        cut=visible.cut,
        words=words,
        gaps=gaps,
        lapse=lambda microseconds: number.lapse(microseconds, language),
        bytes_of=lambda value: number.size(value, language),
        utc_day=lambda moment: from_microseconds(moment).date().isoformat(),
        lang=language,
        mono=lambda value: Markup('<span class="mono">{}</span>').format(visible.visible(value)),
        classes_of=lambda names: [words_of.value_word("waf.attack_class", name) for name in names],
        linked=lambda value, to: Markup('<a href="{}">{}</a>').format(to, number.decimal(value, language)),
        bold=lambda value: Markup("<b>{}</b>").format(value),
        code=lambda value: Markup("<code>{}</code>").format(visible.visible(value)),
        is_late=lambda answer: isinstance(answer, Late),
        is_failed=lambda answer: isinstance(answer, Failed),
        draw=chart.draw,
        decoded=decoded_uri,
        text_of=from_bytes,
        heat=heat,
        short_number=lambda value, top: number.short(value, top, language),
        chart_label=words_of.chart_label,
        any_of=lambda field, values: one_of(field, tuple(value.value for value in values)),
        any_outcome=lambda outcomes: one_of("waf.outcome", outcomes),
        UNEXPLAINED=UNEXPLAINED,
        SERVER_ERROR=SERVER_ERROR,
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

    def sequence(self, *items: Any) -> Markup:
        """Join the items that are not empty as the language does."""
        shown = [item for item in items if item]
        joined = escape(shown[0]) if shown else Markup("")
        for item in shown[1:]:
            joined = self.message("{one}, {two}", one=joined, two=item)
        return joined

    def deed(self, event: Event, by: Match | None) -> Markup:
        """Say what the engine carried out: action, phase, status, and the rule, as far as the record tells."""
        allowed = by if by is not None and not event.interrupted else None
        action = allowed.action if allowed is not None else event.action
        phase = allowed.phase if allowed is not None else event.action_phase
        status = None if allowed is not None else event.action_status
        return self.sequence(
            self.say(words.DEEDS.get(action, words.DEEDS["unknown"])),
            "" if phase is None else self.say(text("phase {n}", n=phase)),
            "" if status is None else self.say(text("status {n}", n=str(status))),
            "" if by is None or by.rule_id is None else self.say(text("rule {id}", id=str(by.rule_id))),
        )

    def delta(self, change: Change) -> str:
        """Say how a count changed; empty where it can not be said."""
        return number.change(change.now, change.before, self._language) if change.before else ""

    def chart_label(self, series: Series, clock: Clock) -> str:
        """Say in one sentence what a chart shows."""
        span = clock.span(series.window.start, series.window.end)
        step = number.duration(series.step)
        if series.highest is None:
            return self.say(text("Hits for each {step}, {span}: none", step=step, span=span))
        n, when = series.highest.total, clock.minute(series.highest.start)
        return self.say(
            text("Hits for each {step}, {span}. Highest: {n}, {when}", step=step, span=span, n=n, when=when)
        )

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


def heat(events: int, most: int) -> int:
    """Give the shade of a day, 1 to 5, by its share of the fullest one; by roots, so that small days differ."""
    return min(5, 1 + int(5 * (events / max(1, most)) ** 0.5 - 1e-9))


def decoded_uri(uri: str) -> str:
    """Give a request target with its percent signs decoded, for a heading."""
    return from_bytes(unquote_to_bytes(to_bytes(uri)))


def _code(value: object) -> Markup:
    return visible.visible(str(value))
