"""From the body of a request to a recipe: what each word means, what cannot be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from sintonia.recipe import setting_names
from sintonia.serve.jobs import Asked, recipe_from, settings_of, shown_hyperparameters
from sintonia.serve.jobs.asking import askable
from sintonia.serve.refusals import Refused


def asked(**more: Any) -> Asked:
    return Asked(model="m", training_file="file-x", **more)


def recipe(**more: Any) -> Any:
    return recipe_from(settings_of(asked(**more)), base="file:/b", seed=4, path="/rows.jsonl", validation=None)


def test_hyperparameters_are_settings() -> None:
    hyper = {"n_epochs": 3, "batch_size": 16, "learning_rate_multiplier": 0.5, "beta": 0.3}
    found = recipe(method={"type": "dpo", "dpo": {"hyperparameters": hyper}})
    assert (found.task, found.prefer.beta, found.seed) == ("prefer", 0.3, 4)
    training = found.training
    assert (training.epochs, training.batch_examples, training.learning_rate_multiplier) == (3, 16, 0.5)
    assert training.learning_rate == "auto"


def test_auto_leaves_the_rules_of_a_recipe() -> None:
    found = recipe(hyperparameters={"n_epochs": "auto", "batch_size": None})
    assert found.task == "chat" and found.training.epochs == "auto" and found.training.batch_examples == "auto"
    shown = shown_hyperparameters(asked(hyperparameters={"batch_size": 2}))
    assert shown == {"n_epochs": "auto", "batch_size": 2, "learning_rate_multiplier": "auto"}


def test_hyperparameters_that_are_given_as_settings_are_shown() -> None:
    settings = {"training": {"epochs": 3, "batch_examples": 8}, "prefer.beta": 0.2}
    shown = shown_hyperparameters(asked(method={"type": "dpo"}, sintonia=settings))
    assert shown == {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": "auto", "beta": 0.2}


def test_a_recipe_is_asked_for_nested_or_dotted() -> None:
    nested = {"task": "classify", "training": {"evaluations": 2}, "evaluation.decoding": "none", "data": {"group": "g"}}
    found = recipe(sintonia=nested)
    assert (found.task, found.training.evaluations, found.evaluation.decoding, found.data.group) == (
        "classify",
        2,
        "none",
        "g",
    )


FORBIDDEN = (
    "base",
    "seed",
    "tracking",
    "data.path",
    "data.test",
    "data.validation",
    "data.added",
    "data.production",
    "chat.template",
    "evaluation.metrics_file",
    "evaluation.judge",
    "evaluation.format",
    "adjusting.processes",
    "privacy.keep_days",
    "privacy.vault",
)
"""What names a path, runs code, connects somewhere, or is the server's to say."""


@pytest.mark.parametrize("name", FORBIDDEN)
def test_no_request_names_paths_or_code(name: str) -> None:
    assert name in setting_names() and name not in askable()
    block, _, inner = name.partition(".")
    for body in ({name: "/etc/passwd"}, {block: {inner: "/etc/passwd"}}):
        with pytest.raises(Refused) as refused:
            settings_of(asked(sintonia=body))
        assert refused.value.status == 400 and refused.value.code == "unknown_parameter"


def test_every_other_setting_was_decided_about() -> None:
    """A new setting can be asked for only where its block may be, or where it was named."""
    decided = set(askable()) | set(FORBIDDEN) | {"data.passage_bytes", "evaluation.judge_examples"}
    prices = {name for name in setting_names() if name.startswith("prices.")}
    assert set(setting_names()) - decided - prices == set()


def test_contradictions_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"hyperparameters": {"n_epochs": 1}, "sintonia": {"training": {"epochs": 2}}},
        {"hyperparameters": {"learning_rate_multiplier": 2.0}, "sintonia": {"training.learning_rate": 1e-3}},
        {"hyperparameters": {}, "method": {"type": "supervised", "supervised": {"hyperparameters": {}}}},
        {"method": {"type": "dpo", "supervised": {}}},
        {"method": {"type": "dpo"}, "sintonia": {"task": "classify"}},
        {"sintonia": {"training": {"epochs": 1}, "training.epochs": 2}},
        {"sintonia": {"task": "nothing"}},
        {"sintonia": {"training": {"epochs": "many"}}},
        {"sintonia": {"training": 5}},
    ]
    for body in wrong:
        with pytest.raises(Refused):
            recipe(**body)
