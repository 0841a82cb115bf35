"""What all handlers of the console share: the answers, the templates and the threads that fill panels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Thread
from typing import Any

from litestar import Request, Response
from litestar.enums import MediaType

from wafscope.errors import FilterError, WafscopeError
from wafscope.i18n.catalogue import LANGUAGES, choose
from wafscope.i18n.moment import Clock, from_microseconds
from wafscope.panel import held
from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.query.parser import Chip, terms
from wafscope.store.base import EventStore
from wafscope.web import span, state
from wafscope.web.assets import Assets
from wafscope.web.link import Links
from wafscope.web.live import HEADER, Live, Pulse, refresh
from wafscope.web.metrics import Metrics
from wafscope.web.page import Frame
from wafscope.web.render import Templates
from wafscope.web.settings import WebSettings
from wafscope.web.slot import Failed, Late
from wafscope.web.status import problems

_log = logging.getLogger(__name__)

_THREADS = 4
COOKIE = "lang"

Job = Callable[[], Any]


class Console:
    """The shared parts; made once, closed at the end."""

    def __init__(self, store: EventStore, settings: WebSettings) -> None:
        self.settings = settings
        self.store = store
        self.metrics = settings.metrics or Metrics()
        self.answers = Answers(store, time_limit=settings.time_limit, hold=settings.hold, observe=self.metrics.observe)
        self.pulse = Pulse(self.answers, settings)
        self.assets = Assets(settings.static)
        self._templates = Templates(self.assets.address)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="panel")

    def prepare(self) -> None:
        """Make ready for the first page, beside whatever else goes on and in no panel's place."""
        Thread(target=self._templates.prepare, name="prepare", daemon=True).start()

    def close(self) -> None:
        """Wait for no panel any more; those under way end by their time limit."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- a request ---

    def language(self, request: Request[Any, Any, Any]) -> str:
        """The language chosen by cookie, else by the browser."""
        chosen = request.cookies.get(COOKIE, "")
        return chosen if chosen in LANGUAGES else choose(request.headers.get("accept-language", ""))

    def frame(self, request: Request[Any, Any, Any], path: str, current: str = "", *, watch: str = "") -> Frame:
        """Read the state of a request and find out what it is about.

        A page that can follow says which mark it watches.
        """
        mark = self.pulse.mark(watch)  # before any question: what comes in meanwhile changes it
        asked = state.read(request.query_params, self.settings.zone)
        zone = asked.state.zone or self.settings.zone
        line = held.ask(self.answers, zone)
        now = self.now()
        chosen = span.choose(asked.state, self.answers.held().value, zone, now)
        year = self.settings.year or from_microseconds(now).year
        # A window in the past stays as it is.
        moves = watch == "sources" or chosen.preset is not None or chosen.window.end > now
        follows = bool(watch) and asked.error is None and moves and self.pulse.is_live()
        return Frame(
            asked=asked,
            view=View(chosen.window, asked.filter, zone, asked.state.by, asked.state.full),
            span=chosen,
            held=line,
            links=Links(asked.state, path),
            clock=Clock(zone, self.language(request), year),
            chips=_chips(asked.state.text),
            current=current,
            now=now,
            live=Live(mark, watch) if follows else None,
            refresh=refresh(request.headers.get(HEADER)),
            as_of=self.answers.behind(),
            problems=problems(self.pulse.statuses()),
            store=self.settings.store_name,
        )

    def now(self) -> int:
        return span.now() if self.settings.now is None else self.settings.now

    # --- an answer ---

    def html(self, template: str, frame: Frame, status: int = 200, /, **context: Any) -> Response[str]:
        """Render a page or a part of one."""
        content = self._templates.render(
            template, frame.language, frame=frame, links=frame.links, clock=frame.clock, **context
        )
        return Response(content, status_code=status, media_type=MediaType.HTML)

    def bare(self, template: str, language: str, status: int, /, **context: Any) -> Response[str]:
        """Render a page that knows nothing of filter and window."""
        return Response(
            self._templates.render(template, language, **context), status_code=status, media_type=MediaType.HTML
        )

    def patience(self, frame: Frame) -> float | None:
        """How long to wait for panels: a page that is asked for again shows its old ones meanwhile."""
        return None if frame.refresh is None else 2 * self.settings.time_limit

    def gather(self, jobs: Mapping[str, Job], *, patience: float | None = None) -> dict[str, Any]:
        """Do jobs side by side; those not ready in time stay under way, and `Late` stands for them."""
        futures = {name: self._pool.submit(_guarded, name, job) for name, job in jobs.items()}
        wait(futures.values(), timeout=self.settings.patience if patience is None else patience)
        return {name: future.result() if future.done() else Late() for name, future in futures.items()}


def _guarded(name: str, job: Job) -> Any:
    """One panel that fails must not take the page with it."""
    try:
        return job()
    except WafscopeError as error:
        return Failed(error)
    except Exception:  # noqa: BLE001 - logged, and said in the place of the panel
        _log.exception("panel %s failed", name)
        return Failed(None)


def _chips(line: str) -> tuple[Chip, ...]:
    try:
        return terms(line)
    except FilterError:
        return ()
