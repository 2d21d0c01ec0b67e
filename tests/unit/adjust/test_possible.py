"""Whatever is proposed can be trained: settings without effect are refused, also in the middle of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sintonia.adjust import TRAINING_FINDINGS, next_changes
from sintonia.adjust.remedies.ideas import Idea
from sintonia.adjust.remedies.settings import BASICS, DATA_FIRST, REFINEMENTS, small_probe
from sintonia.errors import UsageError
from sintonia.recipe import check_values, make_recipe, put
from sintonia.records import Turn
from sintonia.resolve import settle
from sintonia.settings import LoraSettings, Recipe, TrainingSettings

METHODS = [("classify", "full"), ("classify", "lora"), ("classify", "head"), ("chat", "lora"), ("chat", "full")]
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "rank": {"lora.rank": 8},
    "variant": {"lora.variant": "dora"},
    "plus": {"lora.plus_ratio": 4.0, "lora.alpha": 8.0, "lora.dropout": 0.1},
    "top adapters": {"lora.layers": 2},
    "top adapters kept": {"lora.layers": 2, "training.cache": "on"},
    "frozen": {"training.frozen_layers": 1},
    "frozen kept": {"training.frozen_layers": 1, "training.cache": "on"},
    "not kept": {"training.cache": "off"},
    "dropout": {"training.dropout": 0.05},
    "no dropout": {"training.dropout": 0.0},
    "micro-batches": {"training.micro_tokens": 512},
    "head": {"training.head_start": "random"},
    "conversations": {"chat.learn": "all", "training.shared_prefix": False, "training.fused": False},
    "checkpointing": {"training.checkpointing": "on"},
    "typed": {"training.learning_rate": 1e-7, "training.clip_norm": 9.0, "training.warmup_fraction": 0.0},
}
ALL = {
    "full": ("frozen kept", "dropout", "micro-batches", "typed"),
    "lora": ("rank", "plus", "top adapters kept", "micro-batches", "typed"),
    "head": ("typed", "head"),
}
"""What can be asked for together."""


def _recipe(task: str, method: str, name: str) -> Recipe:
    names = ALL[method] if name == "all" else (name,)
    if name == "all" and task == "chat":
        names = tuple(one for one in names if one not in ("dropout", "head"))
    body: dict[str, Any] = {"data": {"path": "data.csv"}, "task": task, "method": method}
    for setting, value in (pair for one in names for pair in SETTINGS[one].items()):
        put(body, setting, value)
    return make_recipe(body)


def _can_begin(task: str, method: str, name: str) -> bool:
    try:
        settle(_recipe(task, method, name), task)
    except UsageError:
        return False
    return True


BEGINNINGS = [(*one, name) for one in METHODS for name in (*SETTINGS, "all") if _can_begin(*one, name)]


def _ideas(turn: Turn) -> list[Idea]:
    """What the remedies of its finding think of, before anything is held against it."""
    (code,) = [one.code for one in turn.findings] or [""]
    if code in DATA_FIRST:
        return []
    return list((BASICS | REFINEMENTS).get(code, small_probe)(turn))


@pytest.mark.parametrize(("task", "method", "name"), BEGINNINGS)
def test_every_remedy_can_be_trained(make_turn: Any, task: str, method: str, name: str) -> None:
    """And none is lost on the way from the idea to the change."""
    recipe = _recipe(task, method, name)
    used = {"training.dropout": 0.0} if recipe.training.dropout == "auto" else {}
    for code in (*TRAINING_FINDINGS, ""):
        turn = make_turn(*filter(None, [code]), best_step=100, recipe=recipe, used=used)
        changes = next_changes((turn,))
        for change in changes:
            assert check_values(settle(change.recipe, task)) == change.recipe
        assert {one.setting for one in changes} == {one.setting for one in _ideas(turn)}


def test_these_are_enough_beginnings() -> None:
    """Every method begins with all that is its own, and most settings belong to one."""
    assert {(*one, "all") for one in METHODS} <= set(BEGINNINGS)
    assert {name for _, _, name in BEGINNINGS} == {*SETTINGS, "all"}
    assert len(BEGINNINGS) >= 45


def _changed(turn: Turn, setting: str) -> Any:
    return next(one for one in next_changes((turn,)) if one.setting == setting).recipe


def test_a_new_method_takes_the_settings_of_the_old_one_with_it(make_turn: Any) -> None:
    own = {"training.frozen_layers": 1, "training.cache": "on", "training.dropout": 0.0, "training.micro_tokens": 512}
    at_random = {"method": "full", **own, "training.head_start": "random"}
    head = _changed(make_turn("T209", asked=at_random), "method")
    assert (head.method, head.training) == ("head", TrainingSettings(head_start="random"))
    adapters = {"lora.rank": 8, "lora.layers": 2, "training.max_tokens": 64, "training.head_start": "random"}
    head = _changed(make_turn("T209", asked={"method": "lora", **adapters}), "method")
    assert (head.lora, head.training) == (LoraSettings(), TrainingSettings(max_tokens=64, head_start="random"))
    lora = _changed(make_turn("T211", asked={"task": "chat", "method": "full", **own}), "method")
    assert (lora.method, lora.training) == ("lora", TrainingSettings(dropout=0.0, micro_tokens=512))


@pytest.mark.parametrize("cache", ["on", "off"])
def test_without_frozen_layers_nothing_is_kept(make_turn: Any, cache: str) -> None:
    kept = "off" if cache == "off" else "auto"
    layers = {"method": "full", "training.frozen_layers": 1, "training.cache": cache}
    assert _changed(make_turn("T206", asked=layers), "training.frozen_layers").training.cache == kept
    adapters = {"method": "lora", "lora.layers": 2, "training.cache": cache}
    assert _changed(make_turn("T206", asked=adapters), "lora.layers").training.cache == kept
    assert _changed(make_turn("T206", asked=adapters), "lora.rank").training.cache == cache


def test_a_language_model_has_no_dropout_of_its_own(make_turn: Any) -> None:
    for code in ("T209", "T211"):
        turn = make_turn(code, asked={"task": "chat", "method": "full"}, used={"training.dropout": 0.0})
        assert "training.dropout" not in {one.setting for one in _ideas(turn)}


def test_what_would_be_refused_is_not_proposed(make_turn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def remedy(_turn: Turn) -> Iterator[Idea]:
        yield Idea("training.dropout", 0.2, "planted", "nothing")
        yield Idea("lora.rank", 4, "planted", "nothing")

    monkeypatch.setitem(REFINEMENTS, "T209", remedy)
    for asked, possible in (
        ({"task": "chat", "method": "lora"}, ["lora.rank"]),
        ({"method": "full"}, ["training.dropout"]),
        ({"method": "head"}, []),
    ):
        assert [one.setting for one in next_changes((make_turn("T209", asked=asked),))] == possible
