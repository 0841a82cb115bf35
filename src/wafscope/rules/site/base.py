"""What is found of a site's configuration, whichever server it is of."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from wafscope.rules.seclang.nodes import Directive, Node, Section, Unread

Engine = Literal["v2", "v3", "coraza", ""]
"""mod_security2, libmodsecurity, Coraza; "" where the files do not tell."""
Server = Literal["nginx", "apache", "caddy", ""]


class Setup(msgspec.Struct, frozen=True):
    """The directives that hold for one engine together, in the order read."""

    engine: Engine
    server: Server
    file: str
    """The file in which it begins."""
    directives: tuple[Directive, ...]
    switch: Directive | None = None
    """What turns the engine on or off in the configuration of the server: `modsecurity on`."""
    user: str = ""
    """The user whose processes serve requests, "" where the files do not tell."""
    root: str = ""
    """Folder from which relative names of files count."""
    unread: tuple[Unread, ...] = ()

    def last(self, name: str) -> Directive | None:
        """The directive that holds: engines take the last one of a name."""
        return next((each for each in reversed(self.directives) if each.is_named(name)), None)

    def value(self, *names: str, default: str = "") -> str:
        """The first argument of the directive that holds, under the first name that is there."""
        found = (each for name in names if (each := self.last(name)) is not None and each.arguments)
        return next((each.value for each in found), default)

    def path(self, name: str) -> str:
        """An absolute name of a file."""
        return os.path.normpath(os.path.join(self.root or "/", name))  # noqa: PTH118 - no file need be there

    @property
    def is_whole(self) -> bool:
        """True where no part is left that could say otherwise."""
        return all(each.optional for each in self.unread)


class Site(msgspec.Struct, frozen=True):
    """One configuration of a server."""

    file: str
    setups: tuple[Setup, ...] = ()
    unread: tuple[Unread, ...] = ()
    """What of the server's own configuration was not read."""


def flat(nodes: Iterable[Node]) -> Iterator[Directive]:
    """Give all directives, those inside of sections too."""
    for node in nodes:
        if isinstance(node, Directive):
            yield node
        elif isinstance(node, Section):
            yield from flat(node.body)
