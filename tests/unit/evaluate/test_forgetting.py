"""What was forgotten, on planted numbers: anchor texts, the change and its name, the scale chosen, the words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sintonia.evaluate.forgetting.anchors import load_anchors
from sintonia.evaluate.forgetting.change import change_of_bits, change_of_pairs
from sintonia.evaluate.forgetting.encoder import is_nearest
from sintonia.evaluate.forgetting.measure import num_affordable
from sintonia.evaluate.forgetting.remedy import Ruler, choose_scale, recovered_fraction, search_scale
from sintonia.evaluate.forgetting.telling import forgetting_finding, remedy_advice
from sintonia.files import from_json, to_json
from sintonia.metrics import METRICS
from sintonia.records import AnchorScore, Forgetting, Interval, Remedy

LANGUAGES = ["en"] * 80 + ["it"] * 40 + [one for one in ("fr", "es", "de", "pt") for _ in range(20)]
RULER = Ruler(metric=METRICS["accuracy"], groups=[str(k) for k in range(200)])


def test_the_anchor_texts_are_200_different_ones_in_six_languages() -> None:
    anchors = load_anchors()
    assert [one.language for one in anchors] == LANGUAGES
    assert len({one.first for one in anchors}) == len({one.second for one in anchors}) == len(anchors) == 200
    assert all(150 <= len(one.text) <= 350 and min(len(one.first), len(one.second)) >= 30 for one in anchors)
    assert {"fact", "everyday", "instruction", "code", "numbers", "dialogue"} <= {one.kind for one in anchors}


def nats(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    num_bytes = generator.integers(150, 350, 200).astype(float)
    return num_bytes * generator.uniform(0.7, 1.6, 200), num_bytes


@pytest.mark.parametrize(
    ("growth", "severity"),
    [(0.0, "none"), (0.01, "none"), (0.03, "note"), (0.08, "warning"), (0.3, "serious"), (-0.1, "none")],
)
def test_a_planted_growth_is_measured_and_named(growth: float, severity: str) -> None:
    base, num_bytes = nats()
    noise = np.random.default_rng(1).normal(0, 0.01, 200) if growth else 0.0
    changed = change_of_bits(LANGUAGES, base, base * (1 + growth + noise), num_bytes)
    assert changed.change.value == pytest.approx(growth, abs=0.003)
    assert changed.change.low <= growth <= changed.change.high
    assert changed.severity == severity
    assert changed.base == pytest.approx(base.sum() / np.log(2) / num_bytes.sum())
    assert [(one.language, one.num_texts) for one in changed.anchors][:2] == [("en", 80), ("it", 40)]
    assert changed.anchors[1].tuned == pytest.approx(changed.anchors[1].base * (1 + growth), rel=0.01)


def test_the_same_twice_has_no_change_no_interval_and_no_doubt() -> None:
    base, num_bytes = nats()
    changed = change_of_bits(LANGUAGES, base, base, num_bytes)
    assert (changed.change, changed.p_value) == (Interval(value=0.0, low=0.0, high=0.0), 1.0)


def test_chance_alone_is_seldom_called_forgetting() -> None:
    """Texts that change by chance, with no growth in truth: 2.5 % of 200 would be 5."""
    alarms = 0
    for seed in range(200):
        base, num_bytes = nats(seed)
        noise = np.random.default_rng(seed + 1000).normal(0, 0.3, 200)
        alarms += change_of_bits(LANGUAGES, base, base * np.exp(noise - 0.045), num_bytes).severity != "none"
    assert alarms <= 12


def found(num_base: int, num_lost: int, num_gained: int = 0) -> tuple[np.ndarray, np.ndarray]:
    base = np.arange(200) < num_base
    tuned = base.copy()
    tuned[:num_lost] = False
    tuned[num_base : num_base + num_gained] = True
    return base, tuned


@pytest.mark.parametrize(
    ("lost", "gained", "severity"),
    [(0, 0, "none"), (3, 0, "none"), (8, 0, "warning"), (12, 10, "none"), (60, 4, "serious"), (0, 30, "none")],
)
def test_lost_pairs_are_counted_and_named(lost: int, gained: int, severity: str) -> None:
    changed = change_of_pairs(LANGUAGES, *found(120, lost, gained))
    assert changed.change.value == pytest.approx((gained - lost) / 200)
    assert changed.severity == severity
    assert (changed.base, changed.tuned) == (0.6, pytest.approx(0.6 + (gained - lost) / 200))


def test_the_nearest_half_is_looked_for_within_its_language_and_a_tie_is_none() -> None:
    similarities = np.array([[0.9, 0.1, 0.99], [0.5, 0.4, 0.0], [0.7, 0.8, 0.2]])
    assert is_nearest(similarities, ["en", "en", "it"]).tolist() == [True, False, True]
    assert is_nearest(np.ones((2, 2)), ["en", "en"]).tolist() == [False, False]


def accuracy_counts(num_right: int) -> object:
    targets = tuple("a" for _ in range(200))
    return METRICS["accuracy"].counts(targets, tuple("a" if k < num_right else "b" for k in range(200)))


def test_the_smallest_scale_within_one_standard_error_of_the_best_is_chosen() -> None:
    """160 of 200 are right: the standard error of that share is sqrt(.8 x .2 / 200), between five and six answers."""
    rights = {0: 100, 3: 154, 5: 155, 7: 160, 10: 160}
    chosen = choose_scale(RULER, {step: accuracy_counts(right) for step, right in rights.items()})
    assert (chosen.scale, chosen.value, chosen.full_value) == (0.5, 0.775, 0.8)
    assert chosen.standard_error == pytest.approx((0.8 * 0.2 / 200) ** 0.5, rel=0.1)


def test_the_whole_way_is_kept_where_nothing_less_is_as_good() -> None:
    chosen = choose_scale(RULER, {step: accuracy_counts(100 + 6 * step) for step in range(11)})
    assert chosen.scale == 1.0


@pytest.mark.parametrize("least", range(11))
def test_the_search_finds_the_least_scale_that_is_as_good_in_nine_measurements(least: int) -> None:
    asked: list[float] = []

    def measure(scale: float) -> object:
        asked.append(scale)
        return accuracy_counts(160 if scale * 10 >= least - 1e-9 else 60)

    assert search_scale(RULER, measure).scale == pytest.approx(least / 10)
    assert len(asked) == len(set(asked)) <= 9


def test_a_better_middle_becomes_what_the_others_are_held_to() -> None:
    """All of the way is overfitted: 0.7 is the best, and 0.3 as good as the whole way but not as the best."""
    rights = {0: 80, 1: 90, 2: 110, 3: 120, 4: 130, 5: 158, 6: 178, 7: 185, 8: 170, 9: 150, 10: 120}
    chosen = search_scale(RULER, lambda scale: accuracy_counts(rights[round(scale * 10)]))
    assert chosen.scale == 0.7 and chosen.value == 0.925


def test_a_model_that_is_broken_all_the_way_is_taken_back_to_its_base() -> None:
    rights = {0: 150, 5: 20, 10: 90}
    assert search_scale(RULER, lambda scale: accuracy_counts(rights.get(round(scale * 10), 20))).scale == 0.0


def test_bits_per_byte_are_better_when_they_are_fewer() -> None:
    targets = tuple("a" for _ in range(200))
    metric = METRICS["bits_per_byte"]
    tried = {
        step: metric.counts(targets, tuple((level + 0.01 * (k % 7), 10) for k in range(200)))
        for step, level in {0: 9.0, 5: 3.0, 10: 4.0}.items()
    }
    assert choose_scale(Ruler(metric=metric, groups=RULER.groups), tried).scale == 0.5


def test_the_fraction_recovered() -> None:
    assert recovered_fraction(1.0, 2.0, 1.5) == 0.5
    assert recovered_fraction(0.8, 0.4, 0.7) == pytest.approx(0.75)
    assert recovered_fraction(1.0, 1.0, 1.0) == 0.0


def test_no_more_is_read_than_can_be() -> None:
    assert (num_affordable([5, 5, 5], 12), num_affordable([50], 12), num_affordable([], 12)) == (2, 1, 0)


REMEDY = Remedy(
    scale=0.6,
    validation=0.912,
    validation_full=0.915,
    standard_error=0.004,
    anchors=1.1,
    recovered_fraction=0.5,
    metric="bits_per_byte",
    num_validation=128,
)
FORGOTTEN = Forgetting(
    kind="language",
    divergence=0.4,
    anchors=(AnchorScore(language="en", num_texts=200, base=1.0, tuned=1.2),),
    base=1.0,
    tuned=1.2,
    change=Interval(value=0.2, low=0.18, high=0.22),
    p_value=0.0001,
    severity="serious",
    remedy=REMEDY,
)


def test_the_finding_gives_the_numbers_and_the_way_out() -> None:
    finding = forgetting_finding(FORGOTTEN)
    assert finding is not None and (finding.code, finding.severity, finding.count) == ("E312", "warning", 200)
    assert "+20.0%" in finding.message and "serious" in finding.message and "0.6" in finding.hint
    note = forgetting_finding(dataclasses.replace(FORGOTTEN, severity="note", remedy=None))
    assert note is not None and note.severity == "note" and "learning rate" in note.hint
    why = "no rows are left"
    untold, due, not_due = (
        forgetting_finding(dataclasses.replace(FORGOTTEN, severity=severity, remedy=remedy), why)
        for severity, remedy in (("serious", REMEDY), ("serious", None), ("note", None))
    )
    assert [bool(one and why in one.hint) for one in (untold, due, not_due)] == [False, True, False]
    encoder = dataclasses.replace(
        FORGOTTEN, kind="encoder", base=0.6, tuned=0.5, change=Interval(value=-0.1, low=-0.13, high=-0.07)
    )
    told = forgetting_finding(encoder)
    assert told is not None and "-10.0 points" in told.message
    assert forgetting_finding(dataclasses.replace(FORGOTTEN, severity="none")) is None


def test_a_remedy_is_advised_only_where_it_helps() -> None:
    advice = remedy_advice(FORGOTTEN)
    assert advice is not None and "50%" in advice.expected
    assert advice.action == "scale the training by 0.6: `sintonia adjust RUN --scale 0.6 --out FOLDER`"
    assert "within one standard error" in advice.reason and "as well" not in advice.reason
    for useless in ({"scale": 1.0}, {"recovered_fraction": 0.0}):
        assert remedy_advice(dataclasses.replace(FORGOTTEN, remedy=dataclasses.replace(REMEDY, **useless))) is None
    assert remedy_advice(dataclasses.replace(FORGOTTEN, remedy=None)) is None
    nothing_learned = remedy_advice(dataclasses.replace(FORGOTTEN, remedy=dataclasses.replace(REMEDY, scale=0.0)))
    assert nothing_learned is not None and nothing_learned.action == "keep the base"


def test_the_record_survives_its_json() -> None:
    assert from_json(Forgetting, to_json(FORGOTTEN)) == FORGOTTEN
