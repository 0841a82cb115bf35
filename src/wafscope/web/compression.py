"""Pages go compressed to whoever can take that.

A page that holds a secret beside what a stranger wrote must not be compressed: its length would tell of the secret
(BREACH). The pages of the console hold none.
"""

from __future__ import annotations

from litestar.config.compression import CompressionConfig
from litestar.datastructures import Headers
from litestar.middleware.compression import CompressionMiddleware
from litestar.types import Receive, Scope, Send

AS_IT_IS = "as_it_is"
"""Marks handlers whose answers are not to be compressed: they are already, or must not wait for more."""

_LEVEL = 5
"""Above it a page takes longer to compress than what is saved takes to send, on all but the slowest lines."""


class _Middleware(CompressionMiddleware):
    """Asks the header for more than the letters `gzip`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if accepts_gzip(Headers.from_scope(scope).get("accept-encoding", "")):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def settings() -> CompressionConfig:
    """What the framework has to be told."""
    return CompressionConfig("gzip", gzip_compress_level=_LEVEL, exclude_opt_key=AS_IT_IS, middleware_class=_Middleware)


def accepts_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip, which it may name only to refuse it (RFC 9110, 12.5.3)."""
    for item in header.lower().split(","):
        name, _, weight = item.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0") not in {"q=", "q=0."}
    return False
