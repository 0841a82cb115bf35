"""From an event as logged to one that may be stored: a cheap look first, since most hold no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
import structlog

from wafscope.event.identity import Identifier
from wafscope.event.model import Event
from wafscope.logs import without_values
from wafscope.reader.again import read_again
from wafscope.reader.base import Batch, Found, overlapping
from wafscope.redact.gate import Hit, HotLine, gate_of
from wafscope.redact.record import How, Masker
from wafscope.settings import Redaction

_log = structlog.get_logger(__name__)

_SAME = (
    "format", "time", "transaction_id", "client_address", "client_port", "server_address", "server_port", "host",
    "method", "status", "outcome", "interrupted", "score", "score_outbound", "points", "engine_mode",
)  # fmt: skip
"""What masking must not change."""


_WAYS: tuple[How, ...] = ("everywhere", "whole", "in_place")
"""The last one is for a value that the record itself is made of, its host, say: nobody may keep a request out of the
store by naming such a word as a password."""


Kept = TypeVar("Kept", Found, Found | Batch)
"""Records one by one, or some of them together."""


class Redactor:
    """Masks the events of one store; `key` is the store's own."""

    def __init__(self, policy: Redaction, key: bytes) -> None:
        self._enabled = policy.enabled
        self._identify = Identifier(key).identify
        self._gate = gate_of(policy)
        self._masker = Masker(policy, key, self._gate)

    def text(self, data: bytes) -> bytes:
        """Return bytes that could not be read, such as a piece in quarantine, without the secrets that can be told."""
        redacted = self._masker.redact(self._masker.read(data, "")) if self._enabled else None
        return data if redacted is None else redacted.raw

    def hot(self, parts: Sequence[bytes]) -> list[list[HotLine]]:
        """Return for each part of an input the lines that may have to do with a secret."""
        return self._gate.hot(parts) if self._enabled else [[] for _ in parts]

    def records(
        self, found: Iterable[Kept], hot: Sequence[HotLine], zone: str, lose: Callable[[Found], object], start: int = 0
    ) -> Iterator[Kept]:
        """Give records without their secrets, in order; none of the `hot` ones may be in a batch.

        `hot` are the lines, of a part of the source that begins at `start`, that may have to do with one; `zone` is
        what the records were read with.  `lose` is told of each that could not be masked, and so must not be kept.
        """
        if not self._enabled:
            yield from found
            return
        for each in found:
            if isinstance(each, Batch):
                yield each
                continue
            # A record may begin in the middle of a line: behind a byte order mark, say, or behind another one.
            line = overlapping(hot, each.offset - start, each.offset - start + each.length)
            # A record in several pieces may have a word that is divided between two lines.
            if line is None and not each.more:
                yield each
                continue
            try:
                masked = self.redact(each, zone, None if line is None or each.more else _hits(each, line, start))
            except Exception as error:  # noqa: BLE001 - logged; it must not keep the others out of the store
                _log.error("a record could not be masked", **without_values(error))
                masked = None
            if masked is None:
                lose(each)
            else:
                yield masked

    def redact(self, found: Found, zone: str, hits: Sequence[Hit] | None = None) -> Found | None:
        """Return a record without its secrets, with the identity of the one that was logged; None if that fails.

        `hits` are what the gate has found in it, where that is known.
        """
        if not self._enabled:
            return found
        event = found.event
        sources = self._masker.read(event.raw, event.format, hits)
        for how in _WAYS:
            redacted = self._masker.redact(sources, how)
            if redacted is None:
                return found
            try:
                again = read_again(
                    event.format,
                    redacted.raw,
                    zone,
                    assumed=event.zone_source == "assumed",
                    arrival=event.time if "no_time" in event.gaps else 0,
                )
            except (ValueError, RecursionError):
                continue
            if _is_same(event, again):
                flags = (*again.flags, *(flag for flag in event.flags if flag not in again.flags))
                again = msgspec.structs.replace(again, flags=flags)
                return msgspec.structs.replace(found, event=again, identity=self._identify(event.raw))
        return None


def _hits(found: Found, line: HotLine, start: int) -> list[Hit] | None:
    """Return what the gate has found in a record; None unless a line and no more is the record."""
    is_line = line.begin + start == found.offset and line.end - line.begin == len(found.event.raw)
    return line.hits if is_line else None


def _is_same(event: Event, again: Event) -> bool:
    return all(getattr(event, name) == getattr(again, name) for name in _SAME) and [
        match.rule_id for match in event.matches
    ] == [match.rule_id for match in again.matches]
