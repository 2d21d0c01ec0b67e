"""The promise of a turn with what was spent on the same rows since: asked of the ledger whenever it is told again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sintonia.privacy.dp.ledger import composed_by_now
from sintonia.privacy.dp.words import promise
from sintonia.records.privacy.spent import Guarantee
from sintonia.settings import Recipe


def as_of_today(found: Guarantee, recipe: Recipe) -> Guarantee:
    """The promise with the sum of today; as it was where no ledger on this machine knows the training.

    Raises:
        StorageError: a ledger was changed.
        UsageError: other trainings came after it, and opacus, which adds them up, is not installed.
    """
    together = composed_by_now(Path(recipe.data.path), found.spent)
    if together is None:
        return found
    return replace(found, composed=together, sentence=promise(found.spent, together, recipe.data.group))
