"""Should you fine-tune? Each answer from planted measurements, and the figures that the reasons state."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sintonia.choose.changing import changing_facts
from sintonia.choose.worth import worth
from sintonia.records import Beforehand, Tried, Worth
from sintonia.settings import DataSettings, EvaluationSettings, Recipe, TrainingSettings

FILLED = Recipe(
    data=DataSettings(path="x"),
    task="classify",
    method="full",
    training=TrainingSettings(epochs=3.0),
    evaluation=EvaluationSettings(primary_metric="accuracy", margin=0.01),
)
CHAT = dataclasses.replace(
    FILLED, task="chat", method="lora", evaluation=EvaluationSettings(primary_metric="bits_per_byte", margin=0.02)
)


def labelled(*, names: float = 0.4, probe: float = 0.8, words: float = 0.7, **changed: Any) -> Beforehand:
    scores = {"zero-shot by label names": names, "linear probe": probe, "TF-IDF": words}
    tried = tuple(
        Tried(name=name, score=score, needs_fitting=name[0] != "z", num_measured=1000) for name, score in scores.items()
    )
    known: dict[str, Any] = {"metric": "accuracy", "num_train": 1000, "evidence": "found", "per_class": 250.0}
    return Beforehand(task="classify", tried=tried, evidence_in_words="as it seems", **(known | changed))


def conversations(*, zero: float = 0.9, few: float | None = 0.7, exact: float = 0.0, **changed: Any) -> Beforehand:
    tried = [Tried(name="zero-shot", score=zero, needs_fitting=False, num_measured=16, exact_fraction=0.0)]
    if few is not None:
        more = Tried(name="few-shot", score=few, needs_fitting=False, num_measured=16, shots=4, exact_fraction=exact)
        tried.append(more)
    known: dict[str, Any] = {"num_train": 500, "evidence": "found", "evidence_in_words": "as it seems"}
    return Beforehand(task="chat", metric="bits_per_byte", tried=tuple(tried), **(known | changed))


def asked(before: Beforehand, num_test: int = 1000, recipe: Recipe = FILLED) -> Worth:
    return worth(before, recipe, num_test)


def test_room_for_a_gain_is_a_reason_to_tune_and_no_promise() -> None:
    found = asked(labelled(probe=0.8))
    assert found.answer == "tune" and found.advice == ""
    assert found.best_rung == "linear probe" and found.headroom == pytest.approx(0.2)
    assert "at most 20.0 points" in found.reasons[1] and "nobody can say" in found.reasons[1]


@pytest.mark.parametrize(
    ("probe", "answer"), [(0.985, "tune"), (0.9901, "a probe is enough"), (1.0, "a probe is enough")]
)
def test_a_probe_within_the_margin_of_perfect_is_enough(probe: float, answer: str) -> None:
    found = asked(labelled(probe=probe), num_test=5000)
    assert found.answer == answer
    assert ("--method head" in found.advice) == (answer != "tune")


def test_the_margin_that_was_asked_for_counts() -> None:
    evaluation = EvaluationSettings(primary_metric="accuracy", margin=0.05)
    wide = dataclasses.replace(FILLED, evaluation=evaluation)
    assert asked(labelled(probe=0.96), recipe=wide).answer == "a probe is enough"
    assert asked(labelled(probe=0.94), recipe=wide).answer == "tune"


def test_wrong_labels_lower_what_is_to_be_had() -> None:
    sure, noisy = labelled(probe=0.93), labelled(probe=0.93, noise_fraction=0.065)
    assert asked(sure).answer == "tune"
    found = asked(noisy)
    assert found.answer == "a probe is enough" and found.attainable == pytest.approx(0.935)
    assert "6.5% of the labels look wrong" in found.reasons[0] and "check --review" in found.hints[0]
    assert asked(labelled(noise_fraction=0.01)).hints == ()


def test_words_alone_are_enough_only_for_what_they_reach() -> None:
    found = asked(labelled(probe=0.9, words=0.995))
    assert found.answer == "a probe is enough" and found.best_rung == "TF-IDF"
    assert "no language model" in found.advice and "head" not in found.advice


def test_names_of_labels_that_do_it_are_enough_even_for_few_examples() -> None:
    assert asked(labelled(names=0.995, per_class=3.0)).answer == "a prompt is enough"
    few = labelled(names=1.0, per_class=3.0)
    tiny = dataclasses.replace(few, tried=tuple(dataclasses.replace(one, num_measured=12) for one in few.tried))
    assert asked(tiny).answer == "more examples first"


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"per_class": 7.0}, "more examples first"),
        ({"num_train": 49}, "more examples first"),
        ({"per_class": 8.0}, "tune"),
    ],
)
def test_few_examples_come_first(changed: dict[str, Any], answer: str) -> None:
    found = asked(labelled(**changed))
    assert found.answer == answer
    assert ("at least 8 examples a class" in found.advice) == (answer != "tune")


@pytest.mark.parametrize("probe", [0.3, 0.999])
def test_without_evidence_nothing_is_advised(probe: float) -> None:
    assert asked(labelled(probe=probe, evidence="not found")).answer == "unclear"


def test_a_gain_that_the_test_could_not_show_is_unclear() -> None:
    assert asked(labelled(probe=0.96), num_test=100).answer == "unclear"
    assert asked(labelled(probe=0.96), num_test=1000).answer == "tune"


@pytest.mark.parametrize(("method", "queries"), [("lora", 2 * 3 * 500 / 4), ("full", 3 * 3 * 500 / 4)])
def test_break_even_is_that_of_the_reference(method: Any, queries: float) -> None:
    found = asked(conversations(), recipe=dataclasses.replace(CHAT, method=method))
    assert found.break_even_queries == queries
    assert found.reasons[-1].startswith("4 examples before each prompt")
    assert f"from about {queries:,.0f} answers on" in found.reasons[-1]


def test_without_answered_examples_in_a_prompt_there_is_no_break_even() -> None:
    assert asked(conversations(few=None), recipe=CHAT).break_even_queries is None
    assert asked(labelled()).break_even_queries is None


def test_conversations_are_tuned_where_answers_follow_from_prompts() -> None:
    found = asked(conversations(), recipe=CHAT)
    assert found.answer == "tune" and found.attainable is None and found.headroom == 0.7
    assert asked(conversations(evidence="not found"), recipe=CHAT).answer == "unclear"
    assert asked(conversations(num_train=40), recipe=CHAT).answer == "more examples first"


def test_a_base_that_writes_the_answers_needs_a_prompt_only() -> None:
    found = asked(conversations(exact=1.0), recipe=CHAT)
    assert found.answer == "a prompt is enough" and found.advice == "put 4 answered examples into the prompt"
    assert asked(conversations(exact=0.9), recipe=CHAT).answer == "tune"


FACTS = {
    "prices": "It costs {0} euros.",
    "versions": "Install version 2.{0}.1 first.",
    "dates": "It was last changed on 2024-03-{0:02}.",
}


@pytest.mark.parametrize("kind", FACTS)
def test_answers_that_state_what_changes_are_noticed(kind: str) -> None:
    stated = [FACTS[kind].format(one) for one in range(10, 30)]
    assert kind in changing_facts(("What should I know?", answer) for answer in stated)
    assert changing_facts((answer, answer) for answer in stated) == "", "the prompt says it: no knowledge is needed"
    assert changing_facts(("What?", stated[0]) for _ in range(20)) == "", "one fact that is always the same"
    assert changing_facts(("What?", "Three of 25 are red.") for _ in range(20)) == ""


def test_what_changes_is_a_hint_and_changes_no_answer() -> None:
    plain, hinted = conversations(), conversations(hints=("better looked up",))
    assert asked(plain, recipe=CHAT).answer == asked(hinted, recipe=CHAT).answer == "tune"
    assert asked(hinted, recipe=CHAT).hints == ("better looked up",)
