"""WHAT is learned: one file a task. Tasks are handed live models; they load none."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType


def _classify() -> ModuleType:
    from sintonia.tasks import classify

    return classify


def _chat() -> ModuleType:
    from sintonia.tasks import chat

    return chat


TASKS: dict[str, Callable[[], ModuleType]] = {"classify": _classify, "chat": _chat}
