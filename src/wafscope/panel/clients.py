"""Panel 6: client addresses, as the peers were logged."""

from __future__ import annotations

from wafscope.panel import values
from wafscope.panel.answers import Answers
from wafscope.panel.values import Values
from wafscope.panel.view import View

FIELD = "client.address"
LIMIT = 12


def ask(answers: Answers, view: View) -> Values:
    """Ask for the panel."""
    return values.ask(answers, view, FIELD, limit=LIMIT)
