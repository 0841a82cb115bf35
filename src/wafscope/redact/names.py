"""Which names stand for secrets: of headers, and of arguments in queries, forms, JSON, XML and multipart.

These tables are the policy; docs/reference/redaction.md is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from wafscope.settings import Redaction

HEADERS = ("authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2")
"""Headers masked by their whole name; of cookies, names and attributes stay."""

HEADER_WORDS = (
    "api_key", "token", "csrf", "xsrf", "secret", "password", "passwd", "credential", "jwt", "access_key", "auth_key",
    "session_id", "x_auth", "authorization",
)  # fmt: skip
"""A header is masked whose name holds one of these; `_` stands for a separator that may be there."""

WORDS = (
    "password", "passwd", "passwort", "passphrase", "passcode", "pwd", "secret", "token", "api_key", "access_key",
    "private_key", "auth_key", "csrf", "xsrf", "credential", "session_id", "sess_id", "sessid", "jwt", "assertion",
    "wpnonce", "authorization", "amz_signature", "credit_card", "card_number", "card_no", "cc_number", "security_code",
    "social_security", "national_id", "my_number", "tax_id", "iban",
)  # fmt: skip
"""An argument is masked whose name holds one of these, in any case; `_` stands for a separator that may be there."""

PARTS = ("pass", "pw", "auth", "otp", "totp", "cvv", "cvv2", "cvc", "cvc2", "ssn", "nino", "sectok")
"""An argument is masked whose name has one of these as a whole part: `user.pass`, `db[pw]`, `smtpAuth`."""

KEPT = ("lock-token", "locktoken", "opaquelocktoken", "tokenizer", "password_policy", "grant_type", "token_type",
        "www-authenticate", "proxy-authenticate")  # fmt: skip
"""Names that look like it and hold no secret."""

_PARTS = frozenset(PARTS)
_ENCODED = re.compile(r"%([0-9a-fA-F]{2})")
_SPLIT = re.compile(r"[^a-z0-9\x80-\uffff]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MOST_NAMES = 1 << 12
_LONGEST_KEPT = 100
"""Bytes of a name that is remembered: a client may send any number of long ones."""


def pattern_of(words: Iterable[str], separator: str = "[^a-z0-9]?") -> str:
    """Return a pattern, in lower case, of the words of a table."""
    return "|".join(re.escape(word).replace("_", separator) for word in words)


_WORD = re.compile(pattern_of(WORDS))
_HEADER_WORD = re.compile(pattern_of(HEADER_WORDS))


class Names:
    """Tells names of secrets, by the tables and a site's own names."""

    def __init__(self, policy: Redaction) -> None:
        self._own = frozenset(_plain(name) for name in policy.names)
        self._kept = frozenset(_plain(name) for name in (*KEPT, *policy.keep)) - self._own
        self.is_argument = _remembered(self._is_argument)
        self.is_header = _remembered(self._is_header)
        self.is_kept = _remembered(self._is_kept)

    def _is_argument(self, name: bytes) -> bool:
        """Tell whether an argument of this name, as it stands on the wire, is a secret."""
        text = _decoded(name)
        bare = _plain(text)
        parts = [part for part in _SPLIT.split(_CAMEL.sub("_", text).lower()) if part]
        last = parts[-1] if parts else ""
        if bare in self._own or (self._own and last in self._own):
            return True
        if bare in self._kept or last in self._kept:
            return False
        return _WORD.search(text.lower()) is not None or not _PARTS.isdisjoint(parts)

    def _is_header(self, name: bytes) -> bool:
        """Tell whether the value of a header is a secret."""
        text = name.decode("latin-1").strip().lower()
        bare = _plain(text)
        if bare in self._own:
            return True
        if bare in self._kept:
            return False
        return text in HEADERS or _HEADER_WORD.search(text) is not None

    def _is_kept(self, name: bytes) -> bool:
        """Tell whether a name, of a cookie say, is not to be masked."""
        return _plain(_decoded(name)) in self._kept


def _remembered(tell: Callable[[bytes], bool]) -> Callable[[bytes], bool]:
    known = lru_cache(_MOST_NAMES)(tell)
    return lambda name: known(name) if len(name) <= _LONGEST_KEPT else tell(name)


def _decoded(name: bytes) -> str:
    text = name.decode("utf-8", "replace")
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), text) if "%" in text else text


def _plain(name: str) -> str:
    return _SPLIT.sub("", name.lower())
