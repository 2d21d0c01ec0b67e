"""Language models: a training is measured against its base, real ones of a few thousand weights and planted ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from torch import nn

from sintonia.adjust import TRAINING_FINDINGS, Evidence, diagnose, prior_from_base
from sintonia.records import Evaluation, Finding
from tests.unit.adjust.tiny_chat import make_base, trained

BITS = {"evaluation.primary_metric": "bits_per_byte", "training.learning_rate": 1e-3}
UNDERFIT = {"T202", "T203", "T204", "T205", "T206"}


@pytest.fixture(scope="module")
def base() -> nn.Module:
    """It knows the four answers, and guesses which one is asked for."""
    return make_base()


def checked(findings: tuple[Finding, ...]) -> dict[str, str]:
    """Messages by code, after a look at the words: nothing that conversations do not have."""
    for finding in findings:
        words = f"{finding.message} {finding.hint}".lower()
        assert finding.message.startswith(TRAINING_FINDINGS[finding.code].title)
        assert re.search(r"\d", finding.message), "a finding without a number"
        assert not re.search(r"\blabel|\bhead\b|guessing|\bnan\b", words), words
    assert len({finding.code for finding in findings}) == len(findings)
    return {finding.code: finding.message for finding in findings}


def found(evaluations: tuple[Evaluation, ...], **resolved: Any) -> dict[str, str]:
    return checked(diagnose(evaluations, prior_from_base(evaluations), BITS | {"method": "full"} | resolved))


@pytest.mark.parametrize("seed", [1, 2])
def test_healthy_is_silent(base: nn.Module, seed: int) -> None:
    assert found(trained(base, seed=seed, epochs=7)) == {}


def test_healthy_adapters_are_silent(base: nn.Module) -> None:
    assert found(trained(base, epochs=10, rank=8, rate=1e-2), method="lora") == {}


@pytest.mark.parametrize(("method", "asked"), [("full", {}), ("lora", {"rank": 8})])
def test_a_rate_of_almost_nothing_is_too_low(base: nn.Module, method: str, asked: dict[str, int]) -> None:
    codes = found(trained(base, epochs=5, rate=1e-7, **asked), method=method)
    assert set(codes) & UNDERFIT == {"T202"}
    assert not {"T201", "T209", "T210", "T211"} & set(codes)


@pytest.mark.parametrize(("method", "asked"), [("full", {"rate": 3e-5}), ("lora", {"rank": 8, "rate": 1e-4})])
def test_a_hundredth_of_the_usual_rate_is_too_low(base: nn.Module, method: str, asked: dict[str, float]) -> None:
    assert set(found(trained(base, epochs=7, **asked), method=method)) & UNDERFIT == {"T202"}


@pytest.mark.parametrize("max_steps", [1, 8])
def test_a_few_steps_are_too_few(base: nn.Module, max_steps: int) -> None:
    codes = set(found(trained(base, max_steps=max_steps)))
    assert codes & UNDERFIT == {"T203"}
    assert "T201" not in codes


@pytest.mark.parametrize(("method", "asked"), [("full", {"rate": 3.0}), ("lora", {"rank": 8, "rate": 1.0})])
def test_a_thousand_times_the_rate_is_unstable(base: nn.Module, method: str, asked: dict[str, float]) -> None:
    codes = set(found(trained(base, epochs=5, **asked), method=method))
    assert "T201" in codes
    assert codes & UNDERFIT == {"T204"}


@pytest.mark.parametrize("seed", [1, 2])
def test_answers_that_belong_to_no_question_are_memorised(base: nn.Module, seed: int) -> None:
    codes = found(trained(base, noise=1.0, seed=seed, epochs=16))
    assert "memorised" in codes["T207"]
    assert set(codes) == {"T207", "T209", "T211"}


def test_the_same_training_on_true_answers_is_not_memorised(base: nn.Module) -> None:
    assert not set(found(trained(base, seed=1, epochs=16))) & {"T207", "T208", "T209", "T210", "T211"}


@pytest.mark.parametrize("seed", [1, 2])
def test_thirty_rows_for_sixty_epochs_are_overfitted(base: nn.Module, seed: int) -> None:
    codes = set(found(trained(base, 30, seed=seed, epochs=60)))
    assert "T211" in codes
    assert codes <= {"T209", "T210", "T211"}


# ---------------------------------------------------------------- planted curves: what small models do not show

SETTLING = (1.0, 0.9, 0.84, 0.8, 0.78, 0.77, 0.765, 0.762, 0.761)


def planted_codes(planted: Any, resolved: dict[str, Any] | None = None, **curves: Any) -> set[str]:
    """Long answers of which none is right word for word, unless asked otherwise."""
    case = planted(**{"train_metric": 0.0, "metric": 0.0, "start": "base", "num_probed": 64} | curves)
    return set(checked(diagnose(case.evaluations(), case.prior(), BITS | {"method": "lora"} | (resolved or {}))))


def test_long_answers_that_are_learned_are_silent(planted: Any) -> None:
    assert planted_codes(planted, train=SETTLING, validation=SETTLING, update=0.02) == set()


def test_a_good_base_has_little_to_gain_and_that_is_no_fault(planted: Any) -> None:
    """4 % of the loss is all there is; a classifier that gained so little would have failed."""
    little = (1.0, 0.985, 0.975, 0.968, 0.965, 0.963, 0.962, 0.961, 0.961)
    curves = {"train": little, "validation": little, "update": 0.02, "noise": 0.01}
    assert planted_codes(planted, **curves) == set()
    scaled = curves | {name: tuple(2.3 * value for value in little) for name in ("train", "validation")}
    classifier = planted(**scaled, start="random", metric=0.2, train_metric=0.2)
    assert {one.code for one in diagnose(classifier.evaluations(), classifier.prior(), {})} & UNDERFIT, "the control"


def test_a_base_that_knows_it_all_stays_as_it_is(planted: Any) -> None:
    still = (0.02,) * 9
    curves = {"train": still, "validation": still, "noise": 0.0, "train_metric": 0.97, "metric": 0.96}
    assert planted_codes(planted, **curves, update=1e-5) == {"T207", "T214"}
    assert not planted_codes(planted, **curves, update=0.02) & UNDERFIT


def test_a_loss_that_stays_at_the_base_teaches_nothing(planted: Any) -> None:
    flat = (1.0, 0.999, 1.0, 0.998, 0.999, 0.999, 1.0, 0.999, 0.999)
    assert planted_codes(planted, train=flat, validation=flat, update=0.02) == {"T205", "T207"}


def test_a_mask_that_leaves_nothing_to_learn_is_named(planted: Any) -> None:
    flat = (1.0, 0.999, 1.0, 0.998, 0.999, 0.999, 1.0, 0.999, 0.999)
    case = planted(train=flat, validation=flat, update=0.02, train_metric=0.0, metric=0.0, start="base", num_probed=64)
    for share, is_named in ((0.6, True), (0.01, False)):
        found = diagnose(
            case.evaluations(), case.prior(), BITS | {"method": "lora"}, evidence=Evidence(empty_fraction=share)
        )
        (message,) = [one.message for one in found if one.code == "T205"]
        assert ("of 60% of the examples nothing is learned (D134)" in message) == is_named


def test_a_base_that_gets_worse_was_trained_too_fast(planted: Any) -> None:
    worse = (1.0, 1.3, 1.25, 1.2, 1.18, 1.17, 1.16, 1.16, 1.16)
    codes = planted_codes(planted, train=worse, validation=worse, update=0.03)
    assert codes & UNDERFIT == {"T204"}
    assert "T201" in codes


def test_a_jump_that_is_recovered_is_not_unstable(planted: Any) -> None:
    bump = (1.0, 0.8, 0.7, 0.95, 0.72, 0.66, 0.63, 0.62, 0.615)
    assert "T201" not in planted_codes(planted, train=bump, validation=bump, update=0.03)
    stays = (1.0, 0.8, 0.7, 0.95, 0.92, 0.9, 0.9, 0.89, 0.89)
    assert "T201" in planted_codes(planted, train=stays, validation=stays, update=0.03)


RISING = {
    "train": (1.0, 0.8, 0.6, 0.45, 0.35, 0.28, 0.22, 0.2, 0.19),
    "validation": (1.0, 0.85, 0.8, 0.82, 0.88, 0.95, 1.0, 1.05, 1.06),
    "update": 0.02,
}


def test_a_rise_of_the_bits_is_overfitting_where_no_answer_tells(planted: Any) -> None:
    assert planted_codes(planted, **RISING) == {"T209"}


def test_a_rise_of_the_bits_with_answers_that_stay_right_is_overconfidence(planted: Any) -> None:
    right = (0.0, 0.4, 0.5, 0.52, 0.52, 0.52, 0.52, 0.517, 0.52)
    assert planted_codes(planted, **RISING, metric=right) == {"T210"}
    falling = (0.0, 0.4, 0.52, 0.5, 0.47, 0.44, 0.42, 0.4, 0.39)
    assert planted_codes(planted, **RISING, metric=falling) == {"T209"}


def test_with_exact_match_as_metric_the_answers_decide(planted: Any) -> None:
    exact = {"evaluation.primary_metric": "exact_match"}
    assert planted_codes(planted, exact, **RISING, metric=0.5) == {"T210"}


def test_long_answers_known_by_heart(planted: Any) -> None:
    train = (1.0, 0.6, 0.3, 0.15, 0.08, 0.05, 0.04, 0.03, 0.03)
    validation = (1.0, 0.85, 0.75, 0.7, 0.68, 0.68, 0.68, 0.68, 0.68)
    assert planted_codes(planted, train=train, validation=validation, update=0.02) == {"T211"}
    healthy = tuple(value + 0.1 * (1 - value) for value in train)
    assert planted_codes(planted, train=train, validation=healthy, update=0.02) == set()


def test_still_improving_and_less_than_an_epoch(planted: Any) -> None:
    falling = tuple(np.linspace(1.0, 0.6, 9).tolist())
    assert planted_codes(planted, train=falling, validation=falling, update=0.02, epochs=0.5) == {"T212", "T213"}


def test_too_few_conversations_to_tell(planted: Any) -> None:
    curves = {"train": SETTLING, "validation": (1.0, 0.99, 0.98, 0.97, 0.96, 0.955, 0.95, 0.95, 0.95), "noise": 0.5}
    case = planted(start="base", train_metric=0.0, metric=0.0, num_validation=12, seed=3, update=0.02, **curves)
    messages = checked(diagnose(case.evaluations(), case.prior(), BITS))
    assert re.search(
        r"only a fall of the loss by \d+ % or more|only a fall of the loss by \d+% or more", messages["T208"]
    )


def test_losses_that_jumped_are_told(planted: Any) -> None:
    case = planted(start="base", train=SETTLING, validation=SETTLING)
    words = "the training loss was 3 over steps 151 to 155, and 1 is usual before them"
    (finding,) = diagnose(case.evaluations(), case.prior(), {}, (words,))
    assert (finding.code, finding.count) == ("T215", 1)
    assert words in finding.message


def test_the_prior_is_the_evaluation_of_the_base(planted: Any) -> None:
    evaluations = planted(train=SETTLING, validation=SETTLING, metric=0.3).evaluations()
    prior = prior_from_base(evaluations)
    assert prior.validation_losses == evaluations[0].validation_losses
    assert prior.train_entropy == pytest.approx(1.0)
    assert sum(prior.prior_correct) == 90
    for broken in (evaluations[1:], ()):
        with pytest.raises(ValueError, match="the base itself was not evaluated"):
            prior_from_base(broken)
