"""How far annotators agree: Krippendorff's alpha for nominal labels, and the ceiling their majority sets.

And whether answers agree with labels more often than chance would have it. It never says who is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def krippendorff_alpha(votes: Iterable[Sequence[str]]) -> float:
    """1 for perfect agreement, 0 for what chance gives, below for less; nan when nothing can be compared.

    `votes` holds the labels that each row got, in any order; rows with fewer than two are left out (Krippendorff,
    Content Analysis, 2004, ch. 11; nominal data, any number of annotators, missing labels allowed).

    >>> krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b", "b"]])
    0.5333333333333333
    """
    totals: Counter[str] = Counter()
    agreed = 0.0
    for row in votes:
        if len(row) < 2:
            continue
        counts = Counter(row)
        totals.update(counts)
        agreed += sum(count * (count - 1) for count in counts.values()) / (len(row) - 1)
    num_votes = sum(totals.values())
    expected = sum(count * (count - 1) for count in totals.values()) / (num_votes - 1) if num_votes else 0.0
    if num_votes == expected:
        return float("nan")
    return 1 - (num_votes - agreed) / (num_votes - expected)


def majority_agreement(votes: Iterable[Sequence[str]]) -> float:
    """Mean share of a row's labels that are the commonest of that row: no model can be shown to be above it."""
    shares = [Counter(row).most_common(1)[0][1] / len(row) for row in votes if len(row) >= 2]
    return sum(shares) / len(shares) if shares else float("nan")


def beyond_chance(answers: Sequence[str], labels: Sequence[str]) -> float:
    """How many standard deviations the agreements lie above those of shuffled labels; 0 where nothing could differ.

    Mean and variance of the count over all shufflings are exact (Hoeffding, A combinatorial central limit theorem,
    1951), so that a common label earns nothing by being common.

    >>> round(beyond_chance(["a", "b"] * 50, ["a", "b"] * 50), 2), beyond_chance(["a"] * 9, ["a"] * 5 + ["b"] * 4)
    (9.95, 0.0)
    """
    if len(answers) != len(labels) or len(labels) < 2:
        raise ValueError(f"{len(answers)} answers and {len(labels)} labels")
    given, asked, total = Counter(answers), Counter(labels), len(labels)
    agreed = sum(one == two for one, two in zip(answers, labels, strict=True))
    both = {name: given[name] * asked[name] for name in given.keys() & asked.keys()}
    expected = sum(both.values()) / total
    # The sum over all pairs (i, j) of the squared doubly centred indicator of agreement.
    squares = sum(both.values()) - sum(given[name] * asked[name] ** 2 for name in both) / total
    squares += expected**2 - sum(given[name] ** 2 * asked[name] for name in both) / total
    variance = squares / (total - 1)
    return (agreed - expected) / variance**0.5 if variance > 1e-12 else 0.0
