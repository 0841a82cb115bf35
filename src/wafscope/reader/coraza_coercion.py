"""JSON that is not quite what Coraza writes, brought into its form value by value.

The Structs of a format are the only description of it: what stands in their place but has another type is
converted and flagged, what they do not know is kept by name (`extra`), so that nothing is dropped.
"""

from __future__ import annotations

import json
import types
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from wafscope.reader.base import NotARecord
from wafscope.reader.modsecurity_coercion import has_surrogate

Int32 = Annotated[int, msgspec.Meta(ge=-(1 << 31) + 1, le=(1 << 31) - 1)]
"""A number that every store can hold; a record with a larger one is odd."""
Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]

_LARGEST = 1 << 63
_MOST_EXTRA = 200

Form = Any
"""A Struct, or what `typing` makes of one: a generic one with its arguments."""


def load(line: bytes) -> tuple[Any, list[str] | None]:
    """Return the JSON of a record, however odd; raises ValueError or RecursionError where it is none.

    The flags beside it are None for JSON as it should be; a list, which may be empty, asks for `Coercion`.
    """
    try:
        return msgspec.json.decode(line), None
    except ValueError:
        pass  # not UTF-8, half a surrogate, or raw control characters
    flags: list[str] = []
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("utf-8", "surrogateescape")
        flags.append("invalid_utf8")
    return json.loads(text, strict=False), flags


def read_as(line: bytes, form: Form) -> tuple[Any, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return a record in its form, its flags, and the members that the form does not know.

    Raises ValueError or RecursionError where the bytes are no JSON object.
    """
    try:
        return _decoder(form).decode(line), (), ()
    except ValueError:
        pass  # odd in one way or another
    value, flags = load(line)
    if not isinstance(value, dict):
        raise NotARecord("not_json", foreign=True)
    if flags is None or flags:
        # Mostly there are only members that a later version has added.
        extra = Extra()
        with suppress(msgspec.ValidationError, UnicodeEncodeError):
            return msgspec.convert(_known(value, form, "", extra), form), tuple(flags or ()), tuple(extra.members)
    coercion = Coercion(flags or [])
    record = coercion.struct(value, form)
    if flags is not None and not coercion.flags:
        coercion.odd("repaired")
    return record, tuple(coercion.flags), tuple(coercion.extra.members)


_decoder = lru_cache(maxsize=64)(msgspec.json.Decoder)


class Extra:
    """Members that the Structs do not know, by their path."""

    def __init__(self) -> None:
        self.members: dict[tuple[str, str], None] = {}

    def keep(self, name: str, value: object) -> None:
        """Keep a member that is not known."""
        if len(self.members) < _MOST_EXTRA:
            self.members[name, value if isinstance(value, str) else written(value)] = None


class _Layout(msgspec.Struct, frozen=True):
    """The members of a Struct by name, and those of them that are Structs, or lists of Structs."""

    names: frozenset[str]
    inner: tuple[tuple[str, Form], ...]


@lru_cache(maxsize=64)
def _layout(form: Form) -> _Layout:
    inner: list[tuple[str, Form]] = []
    for field in _fields(form):
        wanted = _options(field.type)[0]
        if get_origin(wanted) is tuple:
            wanted = get_args(wanted)[0]
        if hasattr(get_origin(wanted) or wanted, "__struct_fields__"):
            inner.append((field.encode_name, wanted))
    return _Layout(frozenset([field.encode_name for field in _fields(form)]), tuple(inner))


def _known(value: Any, form: Form, path: str, extra: Extra) -> Any:
    """Return an object without the members that its form does not know, which are kept beside it."""
    if isinstance(value, list):
        return [_known(each, form, path, extra) for each in value]
    if not isinstance(value, dict):
        return value
    layout = _layout(form)
    inner = {name: _known(value[name], each, f"{path}{name}.", extra) for name, each in layout.inner if name in value}
    if layout.names.issuperset(value):
        return value | inner
    for name, member in value.items():
        if name not in layout.names:
            extra.keep(f"{path}{name}", member)
    return {name: inner.get(name, member) for name, member in value.items() if name in layout.names}


_fields = lru_cache(maxsize=256)(msgspec.structs.fields)
"""Those of a few Structs, which take longer to find out than a record to read."""


def _options(form: Any) -> tuple[Any, ...]:
    """Return what may stand in a place."""
    return get_args(form) if get_origin(form) in {Union, types.UnionType} else (form,)


class Coercion:
    """Brings one record into the form of its Structs; what was odd about it is in `flags` and `extra`."""

    def __init__(self, flags: list[str]) -> None:
        self.flags = flags
        self.extra = Extra()

    def struct(self, value: object, form: Form, path: str = "") -> Any:
        """Return a Struct of `form` with all members that the value has; raises NotARecord where one must be there."""
        owner = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.odd()
        known: dict[str, Any] = {}
        fields = _fields(form)
        for field in fields:
            if field.required and field.encode_name not in owner:
                raise NotARecord("not_json", foreign=True)
            if field.encode_name in owner:
                known[field.name] = self.value(owner[field.encode_name], field.type, f"{path}{field.encode_name}")
        names = {field.encode_name for field in fields}
        for name, member in owner.items():
            if name not in names:
                self.extra.keep(f"{path}{name}", member)
        return form(**known)

    def value(self, value: object, form: Any, path: str) -> Any:
        """Return a value in the form that its place asks for, or that form's own way to say nothing."""
        options = _options(form)
        if value is None and types.NoneType in options:
            return None
        wanted, largest = options[0], _LARGEST
        if get_origin(wanted) is Annotated:
            wanted, limits = get_args(wanted)
            largest = limits.le
        origin = get_origin(wanted) or wanted
        if origin is tuple:
            return self.items(value, get_args(wanted)[0], path)
        if origin is dict:
            return self.members(value, get_args(wanted)[1], path)
        if wanted is Any:
            return value
        if wanted is str:
            return self.text(value)
        if wanted is bool or wanted is int:
            return self.within(self.number(value, wanted, none=types.NoneType in options), largest, options)
        if value is None:
            self.odd()
            return None if types.NoneType in options else wanted()
        return self.struct(value, wanted, f"{path}.")

    def items(self, value: object, form: Any, path: str) -> tuple[Any, ...]:
        """Return a list; a single value stands for a list of one."""
        if isinstance(value, list):
            return tuple([self.value(each, form, path) for each in value])
        self.odd()
        return () if value is None else (self.value(value, form, path),)

    def members(self, value: object, form: Any, path: str) -> dict[str, Any]:
        """Return an object whose names are not known beforehand, such as headers."""
        if isinstance(value, dict):
            return {self.text(name): self.value(each, form, path) for name, each in value.items()}
        self.odd()
        return {}

    def text(self, value: object) -> str:
        """Return a text; anything else as JSON."""
        if isinstance(value, str):
            if has_surrogate(value) and "invalid_utf8" not in self.flags:
                self.odd("lone_surrogate")
            return value
        self.odd()
        return "" if value is None else written(value)

    def number(self, value: object, form: Form, *, none: bool) -> bool | int | None:
        """Return a number or a truth value; where there is none, what says so."""
        nothing = None if none else form()
        if isinstance(value, bool):
            if form is bool:
                return value
        elif isinstance(value, int) and form is int and abs(value) < _LARGEST:
            return value
        self.odd()
        if form is bool:
            return {"true": True, "false": False}.get(str(value).lower(), nothing)
        if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
            return int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
        return nothing

    def within(self, number: bool | int | None, largest: int, options: tuple[Any, ...]) -> bool | int | None:  # noqa: FBT001
        """Return a number that its place can hold."""
        if number is None or abs(number) <= largest:
            return number
        self.odd()
        return None if types.NoneType in options else 0

    def odd(self, flag: str = "wrong_type") -> None:
        """Remember what was odd, once."""
        if flag not in self.flags:
            self.flags.append(flag)


def written(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
