"""Checks an event against the tables of `ocsf_schema`."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from tests.export import ocsf_schema as schema


def faults(event: dict[str, Any]) -> list[str]:
    """Return what is wrong with an OCSF event; an empty list for a valid one."""
    uid = event.get("class_uid")
    if uid not in schema.CLASSES:
        return [f"class_uid: {uid}"]
    name, caption, category, category_caption, activities = schema.CLASSES[uid]
    found = list(_object(event, name, name))
    activity = event.get("activity_id")
    if activity not in activities:
        return [*found, f"activity_id: {activity}"]
    expected = {
        "class_name": caption,
        "category_uid": category,
        "category_name": category_caption,
        "type_uid": uid * 100 + activity,
        "type_name": f"{caption}: {activities[activity]}",
        **({} if activity == 99 else {"activity_name": activities[activity]}),
    }
    found += [f"{key}: {event.get(key)}, not {value}" for key, value in expected.items() if event.get(key) != value]
    statuses = schema.STATUSES if uid == 4002 else schema.FINDING_STATUSES
    siblings = {
        "severity": schema.SEVERITIES,
        "status": statuses,
        "action": schema.ACTIONS,
        "disposition": schema.DISPOSITIONS,
    }
    for key, captions in siblings.items():
        if captions.get(event[f"{key}_id"]) != event[key]:
            found.append(f"{key}: {event[key]} is not the caption of {event[f'{key}_id']}")
    return found


def _object(value: Any, name: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    attributes = schema.ATTRIBUTES[name]
    yield from (f"{path}.{key}: unknown" for key in value if key not in attributes)
    yield from (f"{path}.{key}: missing" for key, kind in attributes.items() if kind.endswith("!") and key not in value)
    constraint = schema.AT_LEAST_ONE.get(name)
    if constraint and not constraint & set(value):
        yield f"{path}: none of {sorted(constraint)}"
    for key, each in value.items():
        if key in attributes:
            yield from _value(each, attributes[key].rstrip("!"), f"{path}.{key}")


def _value(value: Any, kind: str, path: str) -> Iterator[str]:
    if kind.endswith("[]"):
        if not isinstance(value, list) or not value:
            yield f"{path}: no list, or an empty one"
            return
        for number, each in enumerate(value):
            yield from _value(each, kind[:-2], f"{path}[{number}]")
    elif kind in schema.ATTRIBUTES:
        yield from _object(value, kind, path)
    elif not _is(value, kind):
        yield f"{path}: {value!r} is no {kind}"


def _is(value: Any, kind: str) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    match kind:
        case "boolean_t":
            return isinstance(value, bool)
        case "integer_t":
            return whole and -(1 << 31) <= value < 1 << 31
        case "long_t" | "timestamp_t":
            return whole and -(1 << 63) <= value < 1 << 63
        case "port_t":
            return whole and 0 <= value <= 65535
        case "ip_t":
            return isinstance(value, str) and len(value) <= 40 and bool(ip_address(value))
        case "json_t" | "object":
            return isinstance(value, dict)
    return isinstance(value, str)
