"""What a turn promises, with what other trainings have spent on the same rows until today. It writes nothing."""

from __future__ import annotations

from collections.abc import Callable

from sintonia.errors import SintoniaError
from sintonia.records.privacy.spent import Guarantee
from sintonia.runs import RunFolder


def guarantee_of(run: RunFolder, folder: str, tell: Callable[[str], None]) -> Guarantee | None:
    """The promise of the turn in this folder of a run, none of one that was trained without.

    Where the ledger cannot be asked, why is told, and the sum is that of the day which stands beside it.

    Raises:
        StorageError: the record of the turn is damaged.
    """
    kept = run.read(f"{folder}/privacy.json", Guarantee) if folder else None
    if kept is None:
        return None
    from sintonia.privacy.dp.present import as_of_today  # late: few runs are private

    try:
        return as_of_today(kept, run.recipe())
    except SintoniaError as error:
        tell(str(error))
        return kept
