"""Simulated gains are those that are claimed, groups change together, nominal rates are those of the test."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import verdict_power as bench
from benchmarks.verdict_power import Plan, Pool, draw_test, is_possible, nominal, planned, read_pool, simulate
from sintonia.statistics import level_of_opening

FIRST = level_of_opening(1)


@pytest.fixture(scope="module")
def pool() -> Pool:
    """4,000 examples in groups of one to three; the base is right on 70 %, alike within most groups."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(2_000), rng.integers(1, 4, 2_000))
    targets = rng.choice(list("abcd"), len(groups))
    is_right = rng.random(2_000)[groups] < 0.7
    return Pool(
        targets=targets,
        base=np.where(is_right, targets, "x"),
        next_best=np.where(is_right, "y", "z"),
        groups=groups,
    )


def plan(**changed: float) -> Plan:
    settings = {"num_examples": 400, "times": 1.0, "disagreement": 0.2, "gain": 0.0, "spread": 0.02, "draws": 200}
    return Plan(**{**settings, **changed})


def test_a_drawn_test_has_whole_groups_and_the_gain_that_is_claimed(pool: Pool) -> None:
    rng, gains = np.random.default_rng(2), []
    members = np.bincount(pool.groups)
    for _ in range(200):
        answers = draw_test(pool, plan(gain=0.08), rng)
        assert 400 <= len(answers.targets) <= 402
        names, counts = np.unique(np.array(answers.groups, dtype=int), return_counts=True)
        assert (members[names] == counts).all()
        base, tuned, targets = map(np.array, (answers.base, answers.tuned, answers.targets))
        gains.append((tuned == targets).mean() - (base == targets).mean())
    assert np.mean(gains) == pytest.approx(0.08, abs=0.01)
    fixed, broken = plan(gain=0.08).shares
    assert (fixed, broken) == pytest.approx((0.14, 0.06))


def test_the_spread_that_is_planned_is_the_one_of_the_tests(pool: Pool) -> None:
    rng, made = np.random.default_rng(3), planned(pool, 400, 1.0, 0.2, 200)
    gains = []
    for _ in range(400):
        answers = draw_test(pool, made, rng)
        gains.append(np.mean([(t == y) - (b == y) for y, b, t in _rows(answers)]))
    assert np.std(gains) == pytest.approx(made.spread, rel=0.12)
    assert np.mean(gains) == pytest.approx(made.gain, abs=4 * made.spread / 20)


def _rows(answers):
    return zip(answers.targets, answers.base, answers.tuned, strict=True)


def test_verdicts_follow_the_gain(pool: Pool) -> None:
    none, large = (simulate(pool, planned(pool, 300, times, 0.2, 200), 60) for times in (0.0, 2.0))
    assert none["measured"]["better"] + none["measured"]["worse"] <= 0.1
    assert large["measured"]["better"] >= 0.95
    for one in (none, large):
        assert sum(one["measured"].values()) == pytest.approx(1) == sum(one["nominal"].values())


def test_nominal_rates_are_those_of_the_level_and_of_the_power() -> None:
    rates = nominal(plan(), FIRST)
    assert rates["better"] == pytest.approx(rates["worse"]) == pytest.approx(FIRST / 2)
    # At the detectable effect it is about 80 %; the spread at the gain is a little smaller than without it.
    assert 0.79 <= nominal(plan(num_examples=10_000, gain=0.0602, spread=0.02), FIRST)["better"] <= 0.81
    assert nominal(plan(spread=0.002), FIRST)["equivalent"] > 0.9
    assert nominal(plan(spread=0.002, gain=0.05), FIRST)["better"] > 0.99


def test_more_than_the_base_leaves_to_fix_is_left_out(pool: Pool) -> None:
    assert is_possible(pool, planned(pool, 400, 1.0, 0.2, 200))
    assert not is_possible(pool, planned(pool, 60, 2.0, 0.2, 200))


def test_the_base_is_real_and_has_not_seen_what_it_answers(tmp_path: Path) -> None:
    path = _write(tmp_path)
    found = read_pool(path, num_taught=150)
    assert 130 <= len(found.targets) <= 300
    assert 0.5 < found.accuracy < 1
    assert (found.base != found.next_best).all()


def _write(folder: Path) -> Path:
    rng, path = np.random.default_rng(5), folder / "rows.jsonl"
    words = {"up": ["red", "blue", "green", "warm", "bright"], "down": ["low", "dark", "cold", "still", "deep"]}
    rows = []
    for number in range(320):
        label = ("up", "down")[number % 2]
        own = rng.choice(words[label], 2).tolist() if rng.random() < 0.8 else []
        rows.append({"text": " ".join([*own, *(f"w{k}" for k in rng.integers(0, 400, 6))]), "label": label})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(_write(tmp_path)), "--taught", "150", "--examples", "60", "--simulated", "3", "--json"]
    assert bench.main([*words, "--disagreement", "0.05", "--draws", "50"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"command", "date", "hardware", "lines", "level"} <= printed.keys()
    assert printed["lines"][0]["times"] == 0.0


def test_without_the_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--data", str(tmp_path / "none.jsonl")]) == 0
    assert "skipped" in capsys.readouterr().err
