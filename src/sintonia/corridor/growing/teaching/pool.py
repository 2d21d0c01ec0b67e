"""What the story does with the pool of a run that has a teacher: it is answered first, and its rows must be of use.

It imports nothing slow for a run without a teacher, and answers nothing itself.
"""

from __future__ import annotations

from pathlib import Path

from sintonia.corridor.walk import Walk
from sintonia.errors import DataError, StorageError
from sintonia.records import AddedFile, Prepared, Teaching
from sintonia.runs import ANSWERED, TEACHING, RunFolder


def answer_pool(walk: Walk) -> None:
    """Lets the teacher of a run answer its pool, unless that was done; nothing for any other run.

    Raises:
        StorageError: the teacher or the pool is not what it was when the run began.
    """
    teaching = walk.run.read(TEACHING, Teaching)
    if teaching is None or walk.run.file(ANSWERED).exists():
        return
    from sintonia.corridor.growing.teaching.answering import answer_all

    with walk.stage("teach", f"the teacher `{Path(teaching.run).name}` answers {Path(teaching.pool).name}"):
        answer_all(walk, teaching)


def refuse_untaught(run: RunFolder, prepared: Prepared) -> None:
    """Refuses a run with a teacher that would test on other rows, or that has no row of the pool to train on.

    Raises:
        DataError: the teacher's data were changed since the run began, or all rows were set aside.
    """
    teaching = run.read(TEACHING, Teaching)
    if teaching is None:
        return
    from sintonia.corridor.growing.adding import refuse_other_sets
    from sintonia.corridor.growing.teaching.answering import open_teacher_of

    refuse_other_sets(run.recipe(), open_teacher_of(run, teaching).prepared, prepared)
    told = file_of_answers(run, prepared)
    if not told.rows_used:
        run.file(ANSWERED).unlink()  # so that the folder is taken away
        why = "; ".join(f"{count:,} {what}" for what, count in told.set_aside.items())
        raise DataError(
            f"no row of the pool can be trained on{f': {why}' if why else ''}",
            expected="texts that are not those of validation or the test, nor nearly",
            where=teaching.pool,
            hint="give a pool with other texts",
        )


def file_of_answers(run: RunFolder, prepared: Prepared) -> AddedFile:
    """What became of the teacher's answers as training rows: they are the last file that a run adds.

    Raises:
        StorageError: they are not among the rows of the run.
    """
    from sintonia.prepare import names_of_added

    names = list(names_of_added(run.recipe().data).values())
    found = next((one for one in prepared.added if names and one.file == names[-1]), None)
    if found is None:
        raise StorageError("the answers of the teacher are not among the rows of the run", hint="begin a new run")
    return found
