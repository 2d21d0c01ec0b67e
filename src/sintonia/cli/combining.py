"""`sintonia adjust RUN --combine`: models of the run averaged or scaled, kept and judged only when they win.

It decides nothing. Further seeds are trained only after a person said yes.
"""

from __future__ import annotations

from sintonia.cli.carrying_out import carry_out
from sintonia.cli.interrupting import pausing
from sintonia.cli.journal import keep_log
from sintonia.cli.screen import say, show_json, showing
from sintonia.errors import UsageError
from sintonia.pipeline import combine_turns, duration, seeds_to_train, train_seeds
from sintonia.records import Change
from sintonia.runs import RunFolder


def combine_models(run: RunFolder, seeds: int | None, *, says_yes: bool, as_json: bool) -> int:
    """Trains the further seeds that are missing, tries all combinations, and carries on to the verdict if one wins.

    Raises:
        UsageError: there is nothing to combine, or nobody agreed to train further seeds.
        Interrupted: a signal came.
    """
    changes = seeds_to_train(run, seeds) if seeds else ()
    keep_log(run)
    with showing() as shown:
        if changes and not (says_yes or shown.ask(_cost(changes))):
            raise UsageError(f"{_cost(changes)}; nobody said yes", hint="add `--yes`, or leave `--seeds` out")
        with pausing(run, shown.hear) as listener:
            if changes:
                train_seeds(run, changes, listener)
            found = combine_turns(run, listener)
    if changes or found.kept is not None:
        return carry_out(run, as_json=as_json)
    say("no test was opened")
    if as_json:
        show_json(found)
    return 0


def _cost(changes: tuple[Change, ...]) -> str:
    seconds = sum(one.seconds or 0.0 for one in changes)
    return f"{len(changes)} further trainings with other seeds, about {duration(seconds)} by what the first took"
