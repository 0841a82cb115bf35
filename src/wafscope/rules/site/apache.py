"""What Apache tells mod_security2: directives of the server, and those of each virtual host besides.

Sections that a condition guards count as read, unless the condition is a negated module; what holds for a folder or a
location alone is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from wafscope.rules.seclang import include
from wafscope.rules.seclang.nodes import Directive, Node, Section
from wafscope.rules.site.base import Setup, Site

_EXPORT = re.compile(r"^\s*export\s+(\w+)=(.*?)\s*$", re.MULTILINE)
_CONDITIONS = ("ifmodule", "ifdefine", "ifversion", "if", "iffile", "ifdirective", "ifsection")


def read(file: str) -> Site:
    """Return the setups of an httpd.conf or apache2.conf."""
    root = str(Path(file).parent)
    given = _environment(Path(root) / "envvars")
    tree = include.read(file, include.Dialect(root, comments_go_on=True))
    own = list(_here(tree.nodes, given))
    root = next((each.value for each in own if each.is_named("ServerRoot")), root)
    given = given | {each.value: "".join(each.arguments[1:2]) for each in own if each.is_named("Define")}
    # Now that it is known from where names count, and what the variables are.
    tree = include.read(file, include.Dialect(root, comments_go_on=True, variables=given))
    own = list(_here(tree.nodes, given))
    user = next((each.value for each in reversed(own) if each.is_named("User")), "")
    server = tuple(each for each in own if _is_of_engine(each))
    found = [server] if server else []
    for host in _hosts(tree.nodes, given):
        directives = tuple(each for each in _here(host.body, given) if _is_of_engine(each))
        if directives:
            found.append((*server, *directives))
    setups = tuple(Setup("v2", "apache", file, each, None, user, root, tree.unread) for each in found)
    return Site(file, setups, tree.unread)


def _is_of_engine(directive: Directive) -> bool:
    return directive.name[:3].lower() == "sec"


def _here(nodes: Iterable[Node], given: Mapping[str, str]) -> Iterator[Directive]:
    """Give the directives that hold for the whole of a server or host."""
    for node in nodes:
        if isinstance(node, Directive):
            yield node
        elif isinstance(node, Section) and _holds(node, given):
            yield from _here(node.body, given)


def _hosts(nodes: Iterable[Node], given: Mapping[str, str]) -> Iterator[Section]:
    for node in nodes:
        if isinstance(node, Section):
            if node.name.lower() == "virtualhost":
                yield node
            elif _holds(node, given):
                yield from _hosts(node.body, given)


def _holds(section: Section, given: Mapping[str, str]) -> bool:
    name, condition = section.name.lower(), section.arguments[0] if section.arguments else ""
    if name not in _CONDITIONS:
        return False
    if name == "ifdefine":
        return (condition.lstrip("!") in given) != condition.startswith("!")
    return not condition.startswith("!")


def _environment(file: Path) -> dict[str, str]:
    """Return what Debian's envvars exports; SUFFIX is empty there for the only server of a machine."""
    try:
        source = file.read_text("utf-8", "replace")
    except OSError:
        return {}
    return {name: value.replace("$SUFFIX", "").strip("\"'") for name, value in _EXPORT.findall(source)}
