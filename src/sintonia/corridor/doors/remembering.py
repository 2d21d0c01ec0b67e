"""What the model of a finished run remembers: the record that the run made, or one made now for a run that has none.

No test is opened and nothing is trained.
"""

from __future__ import annotations

from sintonia.corridor.beginning import told_metrics_of_run
from sintonia.corridor.closing.bench import make_benches
from sintonia.corridor.closing.remembering import MEMORISATION, learned_from_all, measure_memory
from sintonia.corridor.doors.evaluating import finished
from sintonia.corridor.turns import refuse_broken
from sintonia.corridor.walk import Listener, Walk, finished_turns
from sintonia.records.privacy.memorisation import Memorisation
from sintonia.report import write_report
from sintonia.runs import RunFolder


def audit_memory(run: RunFolder, listener: Listener) -> Memorisation:
    """What the model that the verdict of a run is about remembers; measured once, and kept beside its turn.

    Raises:
        UsageError: the run has no verdict yet.
        StorageError: a part of the run is missing or was changed.
        RunFailed: the model of the run was changed since it was judged.
    """
    verdict, prepared, base = finished(run)
    turn = finished_turns(run)[verdict.turn - 1]
    relative = f"{run.turn(turn.number)}/{MEMORISATION}"
    kept = run.read(relative, Memorisation)
    if kept is not None:
        return kept
    with run.writing(), told_metrics_of_run(run):
        refuse_broken(run, (turn,))
        if len(prepared.parts) > 1:
            found = learned_from_all(turn)
        else:
            walk = Walk(run, listener)
            (bench,) = make_benches(run, base, prepared, (turn,))
            found = measure_memory(bench, turn, lambda text: walk.tell("privacy", text))
        run.write(relative, found)
        if run.file("report.html").exists():
            write_report(run)
    return found
