"""What the engine did with the events, and whether it was on: two questions that panels ask as one."""

from __future__ import annotations

from wafscope.panel.answers import Answers
from wafscope.panel.view import View
from wafscope.query.question import Answer, Top, TopValues


def ask(answers: Answers, view: View, *, rolled: bool = False) -> Answer[tuple[TopValues, ...]]:
    """Events by outcome and events by mode of the engine."""
    return answers.facets(
        [Top(field, view.scope, limit=0, brief=True, rolled=rolled) for field in ("waf.outcome", "waf.engine.mode")]
    )
