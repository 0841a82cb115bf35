"""Finding the configuration of a site: a file that is named, or where the servers of a system have theirs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from wafscope.rules.seclang import include
from wafscope.rules.seclang.file import content
from wafscope.rules.seclang.nodes import Unread
from wafscope.rules.site import apache, caddy, nginx
from wafscope.rules.site.base import Setup, Site, flat
from wafscope.rules.site.embedded import CORAZA

PLACES = (
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf",
    "/etc/caddy/Caddyfile",
)
"""Where Debian, Red Hat and the projects themselves put them."""

_CADDY = re.compile(r"^\s*coraza_waf\b", re.MULTILINE)
_NGINX = re.compile(r"^\s*(?:(?:http|server|events)\s*\{|(?:load_module|modsecurity(?:_\w+)?)\s[^\n]*;)", re.MULTILINE)
_APACHE = re.compile(
    r"^\s*(?:<(?:IfModule|VirtualHost|Directory)\b|(?:LoadModule|ServerRoot|Listen|ErrorLog|IncludeOptional)\s)",
    re.MULTILINE | re.IGNORECASE,
)


def read(file: str) -> Site:
    """Return what a file holds; which server it is of, its content tells."""
    head = content(file)
    if isinstance(head, Unread):
        return Site(file, (), (head,))
    if _CADDY.search(head):
        return caddy.read(file)
    if _NGINX.search(head):
        return nginx.read(file)
    if _APACHE.search(head):
        return apache.read(file)
    tree = include.read(file, include.Dialect(embedded=CORAZA))
    root = str(Path(file).parent)
    return Site(file, (Setup("", "", file, tuple(flat(tree.nodes)), root=root, unread=tree.unread),))


def look(places: Sequence[str] = PLACES) -> tuple[Site, ...]:
    """Return the sites of this machine that have a firewall, as far as their files can be read."""
    found = [read(place) for place in places if Path(place).exists()]
    return tuple(site for site in found if site.setups)
