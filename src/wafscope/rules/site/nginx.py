"""What nginx tells libmodsecurity: `modsecurity`, `modsecurity_rules_file` and `modsecurity_rules`.

The connector merges the rules of a block with those of the blocks around it, the outer ones first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wafscope.rules.seclang import include
from wafscope.rules.seclang.nodes import Directive, Unread
from wafscope.rules.site import blocks
from wafscope.rules.site.base import Setup, Site, flat
from wafscope.rules.site.blocks import Block

_CONTEXTS = ("http", "server", "location")
_OWN = ("modsecurity", "modsecurity_rules_file", "modsecurity_rules", "modsecurity_rules_remote")


class _Context(msgspec.Struct, frozen=True):
    """What holds in a block."""

    switch: Directive | None = None
    directives: tuple[Directive, ...] = ()
    unread: tuple[Unread, ...] = ()


def read(file: str) -> Site:
    """Return the setups of an nginx.conf, one for each block that has rules or a switch of its own."""
    found = blocks.read(file)
    user = next((block.arguments[0] for block in found.blocks if block.name == "user" and block.arguments), "")
    root = str(Path(file).parent)
    setups: list[Setup] = []
    for context in _contexts(found.blocks, _Context(), root):
        setup = Setup("v3", "nginx", file, context.directives, context.switch, user, root, context.unread)
        if setup not in setups:
            setups.append(setup)
    return Site(file, tuple(setups), found.unread)


def _contexts(body: tuple[Block, ...], outer: _Context, root: str) -> Iterator[_Context]:
    own = _own(body, outer, root)
    if own is not None:
        yield own
    for block in body:
        if block.name in _CONTEXTS:
            yield from _contexts(block.body, own or outer, root)


def _own(body: tuple[Block, ...], outer: _Context, root: str) -> _Context | None:
    """Return what holds in a block that says something of its own; None for one that does not."""
    said = [block for block in body if block.name in _OWN and block.arguments]
    if not said:
        return None
    switch, directives, unread = outer.switch, list(outer.directives), list(outer.unread)
    for block in said:
        value = block.arguments[0]
        if block.name == "modsecurity":
            switch = Directive(block.name, block.arguments, block.place)
        elif block.name == "modsecurity_rules_remote":
            unread.append(Unread(block.arguments[-1], "remote", block.place))
        else:
            if block.name == "modsecurity_rules_file":
                tree = include.read(os.path.join(root, value), include.Dialect())  # noqa: PTH118 - may be absolute
            else:
                first = block.lines[0]
                tree = include.read_text(value, block.place.file, include.Dialect(), first=first)
            directives += flat(tree.nodes)
            unread += tree.unread
    return _Context(switch, tuple(directives), tuple(unread))
