"""What to do next with a run, as a door shows it: what the data need, the changes, and what training showed.

It proposes by the rules of `adjust`, and trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sintonia.corridor.hindsight import flattery_in_words
from sintonia.corridor.rounds import changes_worth_trying, steps_with_data, why_ended
from sintonia.corridor.turns import best_turns, findings_of
from sintonia.corridor.walk import finished_turns
from sintonia.errors import StorageError
from sintonia.records import Evaluation, Finding, Part, Prepared, Proposals, Turn
from sintonia.runs import RunFolder

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 24


def proposals_of(run: RunFolder) -> Proposals:
    """What is worth doing next with a run that has ended a turn."""
    prepared = run.read("prepared.json", Prepared)
    turns, parts = finished_turns(run), prepared.parts if prepared else ()
    about_data = [one for one in run.lines("findings.jsonl", Finding) if one.code.startswith("D")]
    return Proposals(
        data_steps=steps_with_data(turns, parts, about_data),
        changes=changes_worth_trying(turns, parts, about_data),
        shown=tuple(_shown(run, turns, parts)),
        flattery=_flattery(run, turns, parts),
        ended=why_ended(run),
    )


def _shown(run: RunFolder, turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> Iterator[str]:
    """The findings of the turn that the proposals start from, and the curve that they were read from."""
    if not turns or not parts:
        return
    best = best_turns(turns, parts)
    for finding in findings_of(best):
        yield f"{finding.code} {finding.message}"
    evaluations = run.lines(f"{run.turn(best[0].number)}/evaluations.jsonl", Evaluation)
    if len(best) == 1 and len(evaluations) > 1:
        for name in ("train", "validation"):
            yield curve_in_words(name, evaluations)


def curve_in_words(name: str, evaluations: Sequence[Evaluation]) -> str:
    """`validation loss 2.31 █▅▃▂▁▂▃ 1.02 (steps 0 to 300, least 0.93 at step 200)`; what is no number is left out."""
    means = [(one.step, float(np.mean(getattr(one, f"{name}_losses")))) for one in evaluations]
    finite = [(step, loss) for step, loss in means if np.isfinite(loss)]
    if len(finite) < 2:
        return f"{name} loss: no number"
    steps, losses = zip(*finite, strict=True)
    at = int(np.argmin(losses))
    drawn = [losses[int(k)] for k in np.linspace(0, len(losses) - 1, min(len(losses), _MOST_BARS)).round()]
    low, span = min(drawn), max(max(drawn) - min(drawn), 1e-12)
    bars = "".join(_BARS[round((loss - low) / span * (len(_BARS) - 1))] for loss in drawn)
    least = f"least {losses[at]:.2f} at step {steps[at]}"
    return f"{name} loss {losses[0]:.2f} {bars} {losses[-1]:.2f} (steps {steps[0]} to {steps[-1]}, {least})"


def _flattery(run: RunFolder, turns: tuple[Turn, ...], parts: tuple[Part, ...]) -> str:
    """Nothing where the sets were changed since: proposing needs none of them."""
    try:
        return flattery_in_words(run, turns, parts)
    except StorageError:
        return ""
