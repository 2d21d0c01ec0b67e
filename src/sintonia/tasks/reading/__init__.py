"""How the tasks with a head on texts read long texts and examples of two texts: what `auto` means, and what is refused.

It reads no text; what a reading comes to is in `models/tokens.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sintonia.errors import UsageError
from sintonia.records import Base
from sintonia.settings import Recipe, TrainingSettings
from sintonia.tasks.task import Task, has_head

NAMES = ("training.long_texts", "training.text_pairs")
"""The settings."""
_ONE_TEXT = "the examples are of one text each"


def hidden(task: Task) -> tuple[str, ...]:
    """Those that are not listed, since they mean nothing for a task."""
    return () if reads_texts(task) else NAMES


def reads_texts(task: Task) -> bool:
    """Whether the settings mean anything for a task: an encoder reads its texts, and a head stands on the whole."""
    return has_head(task) and task.LEVEL == "text"


def idle(training: TrainingSettings, task: Task) -> tuple[str, ...]:
    """Those that were asked for and have no effect with a task."""
    plain, names = TrainingSettings(), [name.partition(".")[2] for name in NAMES]
    asked = [f"training.{name}" for name in names if getattr(training, name) != getattr(plain, name)]
    return () if reads_texts(task) else tuple(asked)


def filled(recipe: Recipe, base: Base, task: Task, columns: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The settings by their dotted names, each with its origin; `columns` are those of the data, by role.

    Raises:
        UsageError: what is asked for has no effect with the data or the method.
    """
    training = recipe.training
    if not reads_texts(task):
        return dict.fromkeys(NAMES[:1], ("head", "")) | dict.fromkeys(NAMES[1:], ("together", ""))
    pairs = _pairs(recipe, base, is_of_pairs="second" in columns)
    long_texts = ("head_tail", "both ends of a text mostly say more than its beginning (Sun et al. 2019)")
    if training.long_texts != "auto":
        long_texts = training.long_texts, "asked for"
    if long_texts[0] == "windows" and "second" in columns and pairs[0] == "together":
        raise UsageError(
            "`training.long_texts=windows` is not for two texts that are read together",
            hint="add `training.text_pairs=compared`, or take `training.long_texts=head_tail`",
        )
    return {NAMES[0]: long_texts, NAMES[1]: pairs}


def _pairs(recipe: Recipe, base: Base, *, is_of_pairs: bool) -> tuple[str, str]:
    asked, is_contrastive = recipe.training.text_pairs, recipe.method == "contrastive"
    if asked != "auto" and not is_of_pairs:
        raise UsageError(f"`{NAMES[1]}` has no effect: {_ONE_TEXT}", hint="leave it out")
    if asked == "compared" and is_contrastive:
        raise UsageError(
            f"`{NAMES[1]}=compared` is not for the method contrastive, which compares whole examples",
            hint="take `--method full`, or leave the setting out",
        )
    if asked != "auto":
        return asked, "asked for"
    if not is_of_pairs:
        return "together", _ONE_TEXT
    if is_contrastive:
        return "together", "method contrastive compares whole examples"
    if base.is_for_similarity and base.kind == "encoder":
        return "compared", "the base was made to compare texts, each read by itself"
    return "together", "the base was not made to compare texts"
