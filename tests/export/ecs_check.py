"""Checks a document against the tables of `ecs_names`."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from tests.export.ecs_names import ALLOWED, TYPES


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values outside `modsec` by their dotted names."""
    for key, each in value.items():
        inner = f"{name}.{key}" if name else key
        if inner == "modsec":
            continue
        if isinstance(each, dict):
            yield from leaves(each, inner)
        else:
            yield inner, each


def is_of(value: Any, kind: str) -> bool:
    """Tell whether Elasticsearch takes a value for a field of a type."""
    match kind:
        case "long":
            return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "ip":
            return bool(ip_address(value))
        case "date":
            return isinstance(value, str) and len(value) == 27 and value.endswith("Z")
    return isinstance(value, str)


def check(document: dict[str, Any]) -> None:
    """Assert names, types, arrays and closed lists."""
    for name, value in leaves(document):
        kind = TYPES[name]
        several = value if kind.endswith("[]") else [value]
        assert isinstance(several, list), name
        assert several, name
        assert all(is_of(each, kind.removesuffix("[]")) for each in several), (name, value)
        if name in ALLOWED:
            assert set(several) <= ALLOWED[name], name
