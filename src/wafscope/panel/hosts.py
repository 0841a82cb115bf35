"""Panel 3: virtual hosts, by the Host header as sent."""

from __future__ import annotations

from wafscope.panel import values
from wafscope.panel.answers import Answers
from wafscope.panel.values import Values
from wafscope.panel.view import View

FIELD = "host"
LIMIT = 10


def ask(answers: Answers, view: View) -> Values:
    """Ask for the panel."""
    return values.ask(answers, view, FIELD, limit=LIMIT)
