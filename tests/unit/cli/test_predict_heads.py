"""`sintonia predict` with models of pairs, of sets of labels, and with one that may refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sintonia.choose import choose
from sintonia.models.open import keep_least_confidence, keep_offsets, open_base
from sintonia.models.pooled import save_encoder
from sintonia.settings import DataSettings, Recipe


@pytest.fixture
def saved(tiny_base: Path):
    """Writes a model with a head that answers the same to every text: the bias."""
    base = choose(Recipe(data=DataSettings(path="rows"), base=f"file:{tiny_base}", task="classify"), "classify")

    def save(bias: list[float], **says: Any) -> Path:
        opened = open_base(base, 32)
        opened.model.add_head(torch.zeros(len(bias), 32), torch.tensor(bias))
        save_encoder(opened.model, opened.tokenizer, Path("model"), says=says, max_tokens=32)
        return Path("model")

    return save


def test_two_texts_are_one_pair(call, saved) -> None:
    saved([0.0, 2.0], task="classify", labels=["other", "same"], fitted={"texts": 2})
    assert call("predict", "model", "rain and sun", "a song").out == "same\t0.881\train and sun\ta song\n"
    Path("pairs.txt").write_text("rain\tsun\nsong\tsoup\n")
    found = json.loads(call("predict", "model", "pairs.txt", "--json").out)
    assert [one["input"] for one in found] == [["rain", "sun"], ["song", "soup"]]


@pytest.mark.parametrize("texts", [["rain"], ["rain", "sun", "song"]])
def test_what_is_no_pair_is_refused_without_its_words(call, saved, texts: list[str]) -> None:
    saved([0.0, 2.0], task="classify", labels=["other", "same"], fitted={"texts": 2})
    outcome = call("predict", "model", *texts)
    assert outcome.exit_code == 2 and outcome.out == ""
    assert "the model reads pairs" in outcome.err and "rain" not in outcome.err


def test_a_model_of_single_texts_answers_each(call, saved) -> None:
    saved([0.0, 2.0], task="classify", labels=["other", "same"])
    assert call("predict", "model", "rain", "sun").out == "same\t0.881\train\nsame\t0.881\tsun\n"


def test_a_classifier_refuses_where_it_is_not_sure_enough(call, saved) -> None:
    model = saved([0.0, 2.0], task="classify", labels=["other", "same"])
    keep_least_confidence(model, 0.88)
    assert call("predict", "model", "rain").out == "same\t0.881\train\n"
    keep_least_confidence(model, 0.89)
    assert call("predict", "model", "rain").out == "out of scope\t0.881\train\n"


def test_sets_of_labels_are_those_above_their_thresholds(call, saved) -> None:
    model = saved([1.0, -1.0, -3.0], task="multilabel", labels=[], fitted={"labels": ["a", "b", "c"]})
    (found,) = json.loads(call("predict", "model", "rain", "--json").out)
    assert found["prediction"] == "a" and found["labels"] == {"a": pytest.approx(0.731, abs=1e-3)}
    keep_offsets(model, (0.0, 1.5, 0.0))
    assert call("predict", "model", "rain").out == "a ; b\train\n"
    keep_offsets(model, (-2.0, 0.0, 0.0))
    assert call("predict", "model", "rain").out == "(no label)\train\n"
