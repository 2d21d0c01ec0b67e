"""Which judge a recipe asks for, and whether it may be asked at all. Nothing is opened, downloaded or sent here."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.errors import UsageError
from sintonia.models.catalog import find_entry
from sintonia.models.endpoint import Endpoint, is_address, read_endpoint
from sintonia.models.sources.storage import is_offline

SETTING = "evaluation.judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePlan:
    """A judge that may be asked, and what has to be said before it is."""

    name: str
    """As the recipe names it."""
    endpoint: Endpoint | None
    """None of a model on this machine."""
    num_examples: int
    """How many pairs of answers it is shown, at most."""

    @property
    def notice(self) -> str:
        """To be printed before the first question: that texts leave this machine. Empty where they do not."""
        if self.endpoint is None or self.endpoint.is_local:
            return ""
        return (
            f"up to {self.num_examples:,} test prompts, their right answers and what both models wrote now leave "
            f"this machine: they are sent to `{self.endpoint.host}`, to be judged by `{self.endpoint.model}`"
        )


def plan_judging(judge: str | None, num_examples: int, *, is_redacted: bool) -> JudgePlan | None:
    """What the settings `evaluation.judge` and `evaluation.judge_examples` ask for; None for no judge.

    Nothing is opened or sent. To be called before anything is trained.

    Raises:
        UsageError: there is no such judge, or texts would leave this machine although the recipe keeps them out of what
            is handed on (`privacy.redact`), or although SINTONIA_OFFLINE is set.
    """
    if judge is None:
        return None
    if num_examples < 1:
        raise UsageError(f"{num_examples} examples cannot be judged", expected="1 or more", where=f"{SETTING}_examples")
    if not is_address(judge):
        find_entry(judge)
        return JudgePlan(name=judge, endpoint=None, num_examples=num_examples)
    endpoint = read_endpoint(judge, SETTING)
    hint = "take a model on this machine, or an endpoint at http://localhost"
    if is_redacted and not endpoint.is_local:
        what = f"the texts would be sent to `{endpoint.host}`, and `privacy.redact` keeps them here"
        raise UsageError(what, hint=hint, where=SETTING)
    if is_offline() and not endpoint.is_local:
        what = f"the judge is at `{endpoint.host}`, and SINTONIA_OFFLINE is set"
        raise UsageError(what, hint=hint, where=SETTING)
    return JudgePlan(name=judge, endpoint=endpoint, num_examples=num_examples)
