"""Every setting, from the classes in `settings.py` themselves: name, type, default, meaning, environment variable.

The texts are the docstrings, in English, as all of the reference.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from wafscope import settings
from wafscope.settings import SECTIONS, Settings, Source, bounds, variable

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_WIDTH = 116
_UNSET = "…"
"""Stands where there is no default."""

HEAD = """# Settings

Settings come from the defaults, then from a file in TOML (`wafscope --config FILE …`; commands about the service of
this machine [read its own](service.md#the-command-line-beside-it)), then from the environment, where lists are
separated by commas. `wafscope config check` tells all that is wrong with a file at once, with what was meant;
`wafscope config reference` prints this page as a file to begin with. This page is made from the program itself:
`python scripts/make_settings_page.py`.
"""


class Setting(msgspec.Struct, frozen=True):
    """One key."""

    name: str
    type: str
    default: str
    """In TOML; empty where there is none."""
    meaning: str
    variable: str
    """Environment variable; empty for tables that can stand several times."""


class Section(msgspec.Struct, frozen=True):
    """One table."""

    name: str
    meaning: str
    keys: tuple[Setting, ...]
    several: bool = False


@cache
def sections() -> tuple[Section, ...]:
    """Return all tables, in order."""
    found = [_section(name, type(getattr(Settings(), name))) for name in SECTIONS]
    return (*found, _section("source", Source, several=True))


def _section(name: str, kind: type[msgspec.Struct], *, several: bool = False) -> Section:
    return Section(name, _sentence(inspect.getdoc(kind)), tuple(_keys(name, kind, several=several)), several)


def _keys(section: str, kind: type[msgspec.Struct], *, several: bool, prefix: str = "") -> Iterator[Setting]:
    meanings = _meanings(kind)
    for field in msgspec.structs.fields(kind):
        inner = _table(field.type)
        default = "" if field.default is msgspec.NODEFAULT else _toml(field.default)
        if field.default_factory is not msgspec.NODEFAULT:
            default = _toml(field.default_factory())
        name = "" if several else variable(section, field.name)
        yield Setting(prefix + field.name, _words(field.type), default, meanings[field.name], name)
        if inner is not None:
            yield from _keys(section, inner, several=True, prefix=f"{prefix}{field.name}.NAME.")


def _table(kind: Any) -> type[msgspec.Struct] | None:
    """The class of the values of a table, where they are tables again."""
    inner = get_args(kind)[-1] if get_origin(kind) is dict else None
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _words(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is Annotated:
        low, high = bounds(kind) or ("", "")
        return f"{_words(inner[0])}, {low} to {high}"
    if origin is tuple:
        return f"list of {_words(inner[0])}s"
    if origin is dict:
        return "table of tables" if _table(kind) else f"table of {_words(inner[1])}s"
    if origin in {Union, types.UnionType}:
        return " or ".join(_words(each) for each in inner if each is not type(None))
    return _WORDS.get(kind, "table")


def _toml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return "{}" if value == {} else msgspec.json.encode(value).decode()


@cache
def _tree() -> ast.Module:
    return ast.parse(inspect.getsource(settings))


def _meanings(kind: type) -> dict[str, str]:
    """The text below each attribute of a class."""
    body = next(node for node in _tree().body if isinstance(node, ast.ClassDef) and node.name == kind.__name__).body
    found: dict[str, str] = {}
    for node, behind in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            has_text = isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
            text = str(behind.value.value) if has_text else ""  # type: ignore[union-attr]
            found[node.target.id] = _sentence(text)
    return found


def _sentence(written: str | None) -> str:
    return " ".join((written or "").split())


def as_toml() -> str:
    """Return a file of settings with everything in it, each key as its default in a comment."""
    lines = ["# All settings of Wafscope, with their defaults. Take off the # where you want another value.", ""]
    for section in sections():
        sign = f"[[{section.name}]]" if section.several else f"[{section.name}]"
        lines += [f"# {section.meaning}", f"#{sign}" if section.several else sign, ""]
        for key in section.keys:
            what = key.type + (f"; {key.variable}" if key.variable else "")
            lines += [*(f"# {line}" for line in _wrapped(key.meaning)), f"# ({what.replace('`', '')})"]
            lines += [f"#{key.name} = {key.default or _UNSET}", ""]
    return "\n".join(lines)


def _wrapped(written: str) -> list[str]:
    import textwrap  # noqa: PLC0415 - only for the reference

    return textwrap.wrap(written, _WIDTH)


def as_markdown() -> str:
    """Return the page of the reference."""
    lines = [HEAD]
    for section in sections():
        sign = f"[[{section.name}]]" if section.several else f"[{section.name}]"
        lines += [f"## {sign}", "", section.meaning, ""]
        with_variables = not section.several
        lines.append("| key | type | default | meaning |" + (" environment |" if with_variables else ""))
        lines.append("|---|---|---|---|" + ("---|" if with_variables else ""))
        for key in section.keys:
            row = [
                f"`{key.name}`",
                key.type,
                f"`{key.default}`" if key.default else "",
                key.meaning.replace("|", "\\|"),
            ]
            row += [f"`{key.variable}`"] if with_variables else []
            lines.append("| " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join(lines)
