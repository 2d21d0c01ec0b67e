"""WHAT is learned: one file a task, and the table that names them. Tasks are handed live models; they load none."""

from __future__ import annotations

from sintonia.tasks.table import TASKS
from sintonia.tasks.task import (
    CLASS_WEIGHTED,
    LANGUAGE_TASKS,
    Fitted,
    HeadTask,
    Input,
    Task,
    has_head,
    has_template,
    inputs_of,
    kinds_for,
    spoken,
    usual_micro_tokens,
)

__all__ = [
    "CLASS_WEIGHTED",
    "LANGUAGE_TASKS",
    "TASKS",
    "Fitted",
    "HeadTask",
    "Input",
    "Task",
    "has_head",
    "has_template",
    "inputs_of",
    "kinds_for",
    "spoken",
    "usual_micro_tokens",
]
