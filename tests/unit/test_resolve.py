"""Each `auto` becomes a value with an origin; what was asked for stays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sintonia.corridor.planning import refuse_idle_patience
from sintonia.errors import UsageError
from sintonia.methods import precision as room
from sintonia.recipe import make_recipe
from sintonia.records import Base
from sintonia.resolve import resolve
from tests.nouns import ENCODER_BASE as BASE
from tests.nouns import make_prepared


def values(num_train: int, **training) -> dict:
    recipe = make_recipe({"data": {"path": "x"}, "training": training})
    filled, listed = resolve(recipe, BASE, make_prepared(num_train))
    assert "auto" not in str(dataclasses.asdict(filled.training))
    return {one.setting: one for one in listed}


@pytest.mark.parametrize(("num_train", "epochs"), [(200, 10), (2000, 3), (7456, 1), (100_000, 1)])
def test_epochs_follow_the_number_of_steps(num_train: int, epochs: int):
    assert values(num_train)["training.epochs"].value == epochs


def test_a_random_head_gets_more_steps():
    assert values(2000, head_start="random")["training.epochs"].value == 8


def test_what_was_asked_for_stays_and_says_so():
    listed = values(2000, learning_rate=3e-4)
    assert listed["training.learning_rate"].value == 3e-4
    assert listed["training.learning_rate"].origin == "asked for"
    assert listed["training.batch_examples"].origin != "asked for"


def test_no_text_is_read_beyond_what_the_base_reads():
    assert values(2000)["training.max_tokens"].value == 64
    with pytest.raises(UsageError, match="reads at most 64"):
        values(2000, max_tokens=500)


def test_bf16_is_refused_where_the_processor_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "processor_flags", lambda: {"avx2"})
    assert values(2000)["training.precision"].value == "fp32"
    with pytest.raises(UsageError, match="no bf16 hardware"):
        values(2000, precision="bf16")
    monkeypatch.setattr(room, "processor_flags", lambda: {"avx512_bf16"})
    assert values(2000, precision="bf16")["training.precision"].value == "bf16"


def test_a_tiny_base_is_resolved_from_its_folder(tiny_base: Path):
    from sintonia.choose import choose

    base = choose(make_recipe({"data": {"path": "x"}, "base": f"file:{tiny_base}"}), "classify")
    assert (base.hidden_size, base.num_layers, base.max_tokens) == (32, 2, 64)
    assert base.licence == "unknown" and len(base.revision) == 64


def for_chat(num_train: int = 500, **blocks) -> dict:
    recipe = make_recipe({"data": {"path": "x"}, **blocks})
    data = dataclasses.replace(make_prepared(num_train), task="chat", primary_metric="bits_per_byte", labels=())
    base = dataclasses.replace(BASE, hidden_size=576, num_layers=30, max_tokens=8192, kind="language")
    return {one.setting: one for one in resolve(recipe, base, data)[1]}


def test_conversations_have_their_own_defaults_with_their_origins():
    listed = for_chat()
    assert (listed["method"].value, listed["method"].origin) == ("lora", "the default for the task chat")
    rate = listed["training.learning_rate"]
    assert (rate.value, rate.origin) == (1e-3, "method lora, base hidden 576")
    assert listed["training.epochs"].value == 3
    assert listed["training.weight_decay"].value == 0.0
    assert listed["evaluation.margin"].value == 0.02
    assert listed["lora.rank"].value == 16 and listed["chat.template"].value == "auto"
    assert for_chat(method="full")["training.learning_rate"].value == 3e-4


@pytest.mark.parametrize(("method", "rate"), [("full", 3e-4), ("lora", 1e-3), ("head", 3e-3)])
def test_a_head_on_a_language_model_is_trained_at_the_rate_of_one(method: str, rate: float):
    """Science.md 6.2; the number of steps is that of a head."""
    base = dataclasses.replace(BASE, hidden_size=576, num_layers=30, max_tokens=8192, kind="language")
    recipe = make_recipe({"data": {"path": "x"}, "method": method})
    listed = {one.setting: one for one in resolve(recipe, base, make_prepared(500))[1]}
    assert listed["training.learning_rate"].value == rate and method in listed["training.learning_rate"].origin
    assert (listed["training.dropout"].value, listed["training.micro_tokens"].value) == (0.0, 1024)
    assert listed["training.epochs"].value == (30 if method == "head" else 5)
    with pytest.raises(UsageError, match="contrastive` needs an encoder"):
        resolve(dataclasses.replace(recipe, method="contrastive"), base, make_prepared(500))


def test_blocks_of_another_task_or_method_are_not_listed():
    assert not any(name.startswith(("lora", "chat")) for name in values(2000))
    assert not any(name.startswith("lora") for name in for_chat(method="full"))


@pytest.mark.parametrize(
    ("blocks", "what"),
    [
        ({"method": "head"}, "does not learn the task `chat`"),
        ({"training": {"dropout": 0.1}}, "`training.dropout` has no effect for the task chat"),
        ({"training": {"head_start": "random"}}, "`training.head_start` has no effect"),
        ({"training": {"frozen_layers": 3}}, "`training.frozen_layers` has no effect with method lora"),
        ({"training": {"cache": "on"}}, "`training.cache` has no effect while no layer is frozen"),
        ({"method": "full", "lora": {"rank": 4}}, "`lora` has no effect with method full"),
        ({"method": "full", "training": {"frozen_layers": 30}}, "the base has 30 layers"),
        ({"lora": {"layers": 31}}, "the base has 30"),
    ],
)
def test_what_would_have_no_effect_on_conversations_is_refused(blocks: dict, what: str):
    with pytest.raises(UsageError, match=what):
        for_chat(**blocks)


@pytest.mark.parametrize(
    ("blocks", "what"),
    [
        ({"lora": {"rank": 4}}, "`lora` has no effect with method full"),
        ({"chat": {"template": "chatml"}}, "`chat` has no effect for the task classify"),
        ({"training": {"fused": False}}, "`training.fused` has no effect"),
        ({"method": "head", "training": {"dropout": 0.2}}, "`training.dropout` has no effect with method head"),
        ({"method": "head", "training": {"micro_tokens": 64}}, "`training.micro_tokens` has no effect"),
        ({"adjusting": {"processes": 2}}, "`adjusting.processes` has no effect without `adjusting.search`"),
    ],
)
def test_what_would_have_no_effect_on_labels_is_refused(blocks: dict, what: str):
    with pytest.raises(UsageError, match=what):
        resolve(make_recipe({"data": {"path": "x"}, **blocks}), BASE, make_prepared(2000))


def test_frozen_layers_are_kept_from_the_second_epoch_on():
    assert for_chat(lora={"layers": 15})["training.cache"].value == "on"
    assert for_chat(lora={"layers": 15}, training={"epochs": 1})["training.cache"].value == "off"
    assert for_chat()["training.cache"].value == "off"


def test_adapters_are_trained_to_the_end_of_few_epochs():
    assert for_chat()["training.early_stopping"].value is False
    assert for_chat(training={"epochs": 4})["training.early_stopping"].value is True
    assert for_chat(method="full")["training.early_stopping"].value is True


def asked_patience(**training) -> tuple:
    recipe = make_recipe({"data": {"path": "x"}, "training": training})
    data = dataclasses.replace(make_prepared(500), task="chat", primary_metric="bits_per_byte", labels=())
    base = dataclasses.replace(BASE, hidden_size=576, num_layers=30, max_tokens=8192, kind="language")
    return recipe, *resolve(recipe, base, data)


@pytest.mark.parametrize(
    ("training", "why"),
    [
        ({"patience": 2}, "with 3 epochs: adapters of a language model are trained to the end"),
        ({"patience": 2, "epochs": 8, "early_stopping": False}, "while `training.early_stopping` is off"),
    ],
)
def test_a_patience_that_nothing_waits_for_is_refused_and_said_where_a_later_turn_comes_to_it(training: dict, why: str):
    recipe, filled, listed = asked_patience(**training)
    with pytest.raises(UsageError, match=f"`training.patience` has no effect {why}"):
        refuse_idle_patience(recipe, filled)
    origins = {one.setting: one.origin for one in listed}
    assert origins["training.patience"] == "asked for; without effect: nothing stops early"


@pytest.mark.parametrize("training", [{"patience": 2, "epochs": 4}, {"epochs": 2}])
def test_a_patience_with_effect_or_that_nobody_asked_for_is_not_refused(training: dict):
    recipe, filled, listed = asked_patience(**training)
    refuse_idle_patience(recipe, filled)
    assert "asked for; " not in {one.setting: one.origin for one in listed}["training.patience"]


def test_what_cannot_be_done_for_the_task_is_no_hint():
    with pytest.raises(UsageError) as refused:
        for_chat(method="full", training={"frozen_layers": 30})
    assert "head" not in refused.value.hint
    with pytest.raises(UsageError) as refused:
        resolve(make_recipe({"data": {"path": "x"}, "training": {"frozen_layers": 2}}), BASE, make_prepared(2000))
    assert "`method: head` trains none" in refused.value.hint


def test_wrong_answers_are_not_looked_for_where_pairs_have_scores() -> None:
    from sintonia.settings import EmbedSettings
    from sintonia.tasks import embed

    embed.refuse_idle(EmbedSettings(negatives="mined"), "anchor and positive")
    with pytest.raises(UsageError, match="no effect"):
        embed.refuse_idle(EmbedSettings(negatives="mined"), embed.SCORED_FORM)


def of_pairs(base: Base = BASE, method: str = "auto", task: str = "classify", **training) -> dict:
    recipe = make_recipe({"data": {"path": "x"}, "training": training, "method": method})
    columns = {"first": "a", "second": "b", "target": "l"}
    _, listed = resolve(recipe, base, dataclasses.replace(make_prepared(2000), columns=columns, task=task))
    return {one.setting: one for one in listed}


def test_long_texts_are_read_at_both_ends_and_it_is_said_why():
    found = values(2000)["training.long_texts"]
    assert found.value == "head_tail" and "Sun et al. 2019" in found.origin
    asked = values(2000, long_texts="windows")["training.long_texts"]
    assert (asked.value, asked.origin) == ("windows", "asked for")


@pytest.mark.parametrize(
    ("is_for_similarity", "method", "way"),
    [(True, "auto", "compared"), (False, "auto", "together"), (True, "contrastive", "together")],
)
def test_two_texts_are_compared_by_a_base_that_was_made_for_it(is_for_similarity: bool, method: str, way: str):
    base = dataclasses.replace(BASE, is_for_similarity=is_for_similarity)
    found = of_pairs(base, method)["training.text_pairs"]
    assert found.value == way and found.origin not in ("default", "asked for")
    assert values(2000)["training.text_pairs"].value == "together"


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({"text_pairs": "compared", "method": "contrastive"}, "not for the method contrastive"),
        ({"text_pairs": "together", "long_texts": "windows"}, "read together"),
    ],
)
def test_readings_that_do_not_go_together_are_refused(training: dict, told: str):
    with pytest.raises(UsageError, match=told):
        of_pairs(**training)


def test_a_reading_without_effect_is_refused():
    with pytest.raises(UsageError, match="of one text each"):
        values(2000, text_pairs="compared")
    for task, form in (("embed", "pair"), ("tag", "tokens and tags"), ("chat", "messages")):
        recipe = make_recipe({"data": {"path": "x"}, "training": {"long_texts": "windows"}})
        prepared = dataclasses.replace(make_prepared(2000), task=task, form=form)
        with pytest.raises(UsageError, match="long_texts` has no effect"):
            resolve(recipe, BASE, prepared)


def test_a_language_model_with_a_head_reads_an_example_at_once():
    base = dataclasses.replace(BASE, kind="language", is_for_similarity=True)
    assert of_pairs(base)["training.text_pairs"].value == "together"
    with pytest.raises(UsageError, match="needs an encoder"):
        of_pairs(base, text_pairs="compared")
