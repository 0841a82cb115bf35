"""Which names stand for secrets: of headers, and of arguments in queries, forms, JSON, XML and multipart.

These tables are the policy; docs/reference/redaction.md is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache

from wafscope.settings import Redaction

HEADERS = (
    "authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2", "authentication",
    "x-cookie", "x-original-cookie", "x-forwarded-cookie", "x-session", "x-sid", "x-bearer", "x-key", "x-signature",
)  # fmt: skip
"""Headers masked by their whole name; of cookies, names and attributes stay."""

HEADER_WORDS = (
    "api_key", "token", "csrf", "xsrf", "secret", "password", "passwd", "credential", "jwt", "access_key", "auth_key",
    "session_id", "x_auth", "authorization", "subscription_key", "functions_key", "application_key", "master_key",
    "account_key", "license_key", "user_key", "customer_key", "client_key", "service_key", "fastly_key", "mailgun_key",
    "wp_nonce",
)  # fmt: skip
"""A header is masked whose name holds one of these; `_` stands for a separator that may be there."""

WORDS = (
    "password", "passwd", "passwort", "passphrase", "passcode", "passkey", "pwd", "secret", "token", "api_key",
    "access_key", "private_key", "auth_key", "app_key", "consumer_key", "session_key", "encryption_key",
    "subscription_key",
    "master_key", "activation_key", "csrf", "xsrf", "credential", "session_id", "sessid", "jwt", "assertion",
    "saml_response", "wpnonce", "authorization", "code_verifier", "device_code", "oauth_verifier", "oauth_signature",
    "amz_signature", "goog_signature", "credit_card", "card_number", "cc_number", "security_code", "verification_code",
    "social_security", "contrase", "mot_de_passe", "wachtwoord", "kennwort",
)  # fmt: skip
"""An argument is masked whose name holds one of these, in any case; `_` stands for a separator that may be there."""

PARTS = (
    "pass", "pass1", "pass2", "userpass", "newpass", "oldpass", "mypass", "dbpass", "smtppass", "adminpass", "passwrd",
    "passw", "psw", "pswd", "pw", "pw1", "pw2", "userpw", "newpw", "oldpw", "adminpw", "rootpw", "mdp", "senha",
    "clave", "haslo", "heslo", "auth", "creds", "otp", "totp", "mfa_code", "2fa_code", "sid", "sess_id", "sectok",
    "form_key", "reset_key", "cvv", "cvv2", "cvc", "cvc2", "card_no", "iban", "ssn", "nino", "national_id", "tax_id",
    "my_number",
)  # fmt: skip
"""An argument is masked whose name has one of these as a whole part: `user.pass`, `db[pw]`, `smtpAuth`."""

BESIDE = {
    "code": ("state", "client_id", "redirect_uri", "grant_type", "code_verifier", "session_state"),
    "sig": ("sv", "se", "sp"),
    "signature": ("expires", "awsaccesskeyid", "key-pair-id", "googleaccessid"),
}
"""An argument of this very name is masked where one of these stands beside it: the code of OAuth, a signed URL."""

KEPT = ("lock-token", "locktoken", "opaquelocktoken", "tokenizer", "tokenize", "password_policy", "grant_type",
        "token_type", "token_count", "max_tokens", "prompt_tokens", "completion_tokens", "total_tokens",
        "input_tokens", "output_tokens", "secretary", "www-authenticate", "proxy-authenticate")  # fmt: skip
"""Names that look like it and hold no secret."""

KEYS = (
    r"gh[opsru]_\w{30,200}", r"github_pat_\w{40,200}", r"glpat-[\w-]{20,200}", r"xox[abeprs]-[\w-]{10,200}",
    r"[rs]k_(?:live|test)_\w{16,200}", r"sk-(?:ant|proj)-[\w-]{20,200}", r"AIza[\w-]{35}",
    r"SG\.[\w-]{16,64}\.[\w-]{16,64}", r"npm_\w{36}", r"pypi-[\w-]{50,200}",
)  # fmt: skip
"""Keys of well-known services, which say so themselves (as their documentation has it)."""

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
_PART = re.compile(rf"(?<![a-z0-9\x80-\uffff])(?:{pattern_of(PARTS)})(?![a-z0-9\x80-\uffff])")


class Names:
    """Tells names of secrets, by the tables and a site's own names."""

    def __init__(self, policy: Redaction) -> None:
        self._own = frozenset(_plain(name) for name in policy.names)
        self._kept = frozenset(_plain(name) for name in (*KEPT, *policy.keep)) - self._own
        self.is_argument = _remembered(self._is_argument)
        self.is_header = _remembered(self._is_header)
        self.is_member = _remembered(lambda name: self._is_argument(name) or self._is_header(name))
        self.is_kept = _remembered(self._is_kept)

    def _is_argument(self, name: bytes) -> bool:
        """Tell whether an argument of this name, as it stands on the wire, is a secret."""
        text = _decoded(name)
        bare = _plain(text)
        apart = _CAMEL.sub("_", text).lower()
        parts = [part for part in _SPLIT.split(apart) if part]
        last = parts[-1] if parts else ""
        if bare in self._own or (self._own and last in self._own):
            return True
        if bare in self._kept or last in self._kept:
            return False
        return _WORD.search(text.lower()) is not None or _PART.search(apart) is not None

    def beside(self, names: AbstractSet[bytes]) -> set[bytes]:
        """Return which of the names that stand together are secrets because of the others."""
        low = {name.lower().decode("latin-1") for name in names}
        return {
            name
            for name in names
            if not low.isdisjoint(BESIDE.get(name.lower().decode("latin-1"), ())) and not self.is_kept(name)
        }

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
