"""What the receiver is told: where to listen, who may send, and how much."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from wafscope.errors import SettingsError
from wafscope.i18n.text import Text, text
from wafscope.settings import User
from wafscope.source.base import LARGEST_RECORD
from wafscope.source.spool import LIMIT


class Listener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One address at which records arrive."""

    kind: Literal["receiver", "syslog"]
    listen: str
    """host:port; port 0 takes a free one."""
    sensor: str = ""
    """For syslog, and for a receiver on a loopback address that asks for no credentials."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """Of syslog."""
    tls_certificate: str = ""
    """File with the certificate and those above it, PEM; without, nothing is encrypted."""
    tls_key: str = ""
    tokens: dict[str, str] = {}
    """Sensor by token; a token may stand in the path, /in/TOKEN."""
    users: dict[str, User] = {}

    @property
    def sensors(self) -> tuple[tuple[str, str], ...]:
        """The kind, and the name of each sensor that may send."""
        names = [*self.tokens.values(), *(user.sensor for user in self.users.values())] or [self.sensor]
        return tuple((self.kind, name) for name in dict.fromkeys(names))


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is refused, so that no sender can harm the others."""

    largest: int = LARGEST_RECORD
    """Bytes of a request, unpacked, or of a line of syslog."""
    memory: int = 256 << 20
    """Bytes that all requests together may take while they arrive."""
    connections: int = 512
    """At one address at a time."""
    head_seconds: float = 10.0
    """For the head of a request."""
    idle_seconds: float = 15.0
    """Between two pieces of a body."""
    body_seconds: float = 120.0
    """For a whole body."""


class ReceiverSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the process of the receiver needs."""

    spool: str
    """Directory."""
    listeners: tuple[Listener, ...]
    spool_limit: int = LIMIT
    limits: Limits = Limits()
    log_level: str = "warning"
    log_format: str = "text"


def check(listener: Listener) -> None:
    """Raise SettingsError for what can not work or would let in anybody."""
    host, _ = parse_address(listener.listen)
    if listener.kind == "syslog":
        if not listener.sensor:
            raise SettingsError(
                text("A syslog source needs the name of its sensor."),
                where=listener.listen,
                hint=text('Set sensor = "…" in its [[source]].'),
            )
    elif not (listener.tokens or listener.users) and not (listener.sensor and is_loopback(host)):
        raise SettingsError(
            text("A receiver needs tokens or users: without them anybody could send records."),
            where=listener.listen,
            hint=text("On a loopback address, the name of a sensor will do."),
        )
    given = [*listener.tokens.items(), *((name, user.password) for name, user in listener.users.items())]
    if not all(each for pair in given for each in pair) or not all(user.sensor for user in listener.users.values()):
        raise SettingsError(
            text("A token, a name, a password or a sensor is empty."),
            where=listener.listen,
            hint=text("Make tokens with “openssl rand -hex 24”, one for each sensor."),
        )
    if bool(listener.tls_certificate) != bool(listener.tls_key):
        raise SettingsError(
            text("TLS needs both a certificate and its key."),
            where=listener.listen,
            hint=text("Set tls_certificate and tls_key."),
        )
    if listener.tls_certificate:
        _check_tls(listener)


def _check_tls(listener: Listener) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(listener.tls_certificate, listener.tls_key)
    except (OSError, ValueError) as error:
        raise SettingsError(
            text(
                "Certificate and key can not be used: {reason}", reason=getattr(error, "strerror", None) or str(error)
            ),
            where=listener.listen,
            hint=text("Both are files in PEM, and the key fits the certificate: may Wafscope read them?"),
        ) from error


_PATIENCE = 5.0
"""Seconds."""


def open_listener(listener: Listener, patience: float = _PATIENCE) -> socket.socket:
    """Open the address of a listener; raises SettingsError.

    The receiver of a service that was killed makes durable what it has before it lets go of the address: that is
    waited for.
    """
    host, port = parse_address(listener.listen)
    datagram = listener.kind == "syslog" and listener.protocol == "udp"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM)
    try:
        if not datagram:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(opened, (host, port), patience)
        if not datagram:
            opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise SettingsError(
            text("Cannot listen on {address}: {reason}", address=listener.listen, reason=error.strerror or str(error)),
            hint=other_address(
                error, text("Does another program listen there? Each source needs an address of its own.")
            ),
        ) from error
    return opened


def same_address(first: str, second: str, address: str) -> SettingsError:
    """The error of two that are to listen on one address."""
    return SettingsError(
        text("{first} and {second} listen on the same address.", first=first, second=second),
        where=address,
        hint=text("Each needs an address of its own."),
    )


def other_address(error: OSError, taken: Text) -> Text:
    """What to do about an address that can not be listened on; `taken` where another program has it."""
    if error.errno == errno.EADDRINUSE:
        return taken
    if error.errno == errno.EACCES:
        return text("Ports below 1024 belong to root: choose a higher one.")
    return text("Is it an address of this machine? 127.0.0.1 always is.")


def _bind(opened: socket.socket, address: tuple[str, int], patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            opened.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                raise
            time.sleep(0.1)
        else:
            return


_BACKLOG = 512
"""Connections that wait while the process of the receiver is started again."""


def parse_address(address: str) -> tuple[str, int]:
    """Return host and port of an address to listen on; raises SettingsError."""
    parts = urlsplit(f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        raise SettingsError(
            text("“{address}” is no address to listen on.", address=address),
            hint=text("Write host:port, such as 127.0.0.1:8642."),
        )
    return host, port


def is_loopback(host: str) -> bool:
    """Tell whether nobody but this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
