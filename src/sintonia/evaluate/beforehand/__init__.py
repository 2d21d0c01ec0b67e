"""What cheap means come to on training rows before any training, for each task. It decides nothing."""

from __future__ import annotations

from sintonia.evaluate.ladders import LADDERS, Footing
from sintonia.evaluate.language import Weigher
from sintonia.records import Beforehand, LabelSignal


def look_beforehand(footing: Footing, signal: LabelSignal | None = None) -> Beforehand:
    """What is known of a run's task before its training: training rows and the untouched base, nothing else.

    `signal` is what the audit of its labels has measured, where there are labels.

    Raises:
        RunFailed: the losses of the base are not finite numbers.
    """
    if footing.prepared.task == "chat":
        from sintonia.evaluate.beforehand.conversations import look_at_conversations

        return look_at_conversations(Weigher(footing.base, footing.recipe.chat.learn), footing.train)
    from sintonia.evaluate.beforehand.texts import look_at_texts

    return look_at_texts(LADDERS["classify"].make_ground(footing), signal)
