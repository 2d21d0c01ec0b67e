"""D127: rows that cannot be judged, large data, and what the planted-error test is worth."""

from __future__ import annotations

import numpy as np

from sintonia.prepare.checks.d127_label_errors import check_label_errors
from sintonia.records import Place
from sintonia.statistics.label_noise import OutOfFold, assign_folds, planted_test


def clusters(count: int, num_classes: int = 4, seed: int = 0):
    generator = np.random.default_rng((seed, 1))
    centres = generator.normal(size=(num_classes, 16))
    targets = generator.integers(0, num_classes, count)
    return (centres[targets] + 0.4 * generator.normal(size=(count, 16))).astype(np.float32), targets


def places(count: int) -> list[Place]:
    return [Place(file="rows.jsonl", line=line) for line in range(2, count + 2)]


def test_planted_errors_are_listed_with_their_lines_and_the_right_label():
    features, targets = clusters(300)
    wrong = np.arange(0, 300, 15)
    noisy = targets.copy()
    noisy[wrong] = (noisy[wrong] + 1) % 4
    findings, suspects = check_label_errors(features, noisy, range(300), places(300))
    assert suspects is not None and set(suspects.positions) <= set(wrong) and len(suspects.positions) >= 16
    assert (suspects.suggested == targets[suspects.positions]).all()
    assert (np.diff(suspects.confidence) >= 0).all()
    assert findings[0].code == "D127" and findings[0].severity == "warning"
    assert [one.line for one in findings[0].places] == [int(row) + 2 for row in suspects.positions[:20]]


def test_the_same_data_give_the_same_list():
    features, targets = clusters(200)
    first, second = (check_label_errors(features, targets, range(200), places(200))[1] for _ in range(2))
    assert first is not None and second is not None and (first.positions == second.positions).all()


def test_few_rows_one_class_or_one_group_are_not_judged():
    features, targets = clusters(40)
    assert check_label_errors(features, targets, range(40), places(40)) == ((), None)
    features, targets = clusters(200)
    assert check_label_errors(features, np.zeros(200, dtype=int), range(200), places(200)) == ((), None)
    assert check_label_errors(features, targets, [7] * 200, places(200)) == ((), None)


def test_rows_of_a_class_too_thin_to_learn_are_not_accused():
    features, targets = clusters(300)
    targets = np.where(np.arange(300) < 4, 9, targets)
    _, suspects = check_label_errors(features, targets, range(300), places(300))
    assert suspects is not None and not set(suspects.positions) & set(range(4))
    assert 9 not in suspects.suggested


def test_of_many_rows_some_are_looked_at_and_that_is_said():
    features, targets = clusters(21_000)
    noisy = np.where(np.arange(21_000) % 10 == 0, (targets + 1) % 4, targets)
    findings, suspects = check_label_errors(features, noisy, range(21_000), places(21_000))
    assert suspects is not None and suspects.positions.max() > 20_000
    assert suspects.noise_range is not None and abs(suspects.noise_range[1] - 0.10) < 0.02
    assert "of 20,000 rows looked at" in findings[0].message and findings[0].message.startswith("about ")


def test_folds_keep_groups_together_and_spread_the_classes():
    groups = np.repeat(np.arange(100), 3)
    targets = np.repeat(np.arange(100) % 5, 3)
    folds = assign_folds(groups, targets, seed=3)
    assert all(len(set(folds[groups == group])) == 1 for group in range(100))
    assert all((np.bincount(folds[targets == code], minlength=5) == 12).all() for code in range(5))


def test_probabilities_are_out_of_fold_and_sum_to_one():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(200, 190)).astype(np.float32)
    targets = generator.integers(0, 2, 200)
    model = OutOfFold(features, assign_folds(np.arange(200), targets, 0), 2)
    probabilities = model.probabilities(targets)
    assert np.allclose(probabilities.sum(axis=1), 1)
    # 190 numbers for each of 200 rows say everything about labels that were seen and nothing about others.
    assert 0.35 < (probabilities.argmax(axis=1) == targets).mean() < 0.65


def test_the_worth_of_the_scorer_does_not_depend_on_the_errors_there_already():
    features, targets = clusters(3000, num_classes=2)
    model = OutOfFold(features, assign_folds(np.arange(3000), targets, 0), 2)
    generator = np.random.default_rng(9)
    for fraction in (0.0, 0.1, 0.2):
        noisy = np.where(generator.random(3000) < fraction, 1 - targets, targets)
        test = planted_test(model, noisy, 2, seed=0)
        assert test.corrected_auc >= 0.97 and abs(test.noise_fraction - fraction) <= 0.03
    assert test.auc < 0.85
