"""Labels that have an order: whether they seem to, and whether an order that was given names them all.

It looks at names only and reads no row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sintonia.errors import UsageError, nearest
from sintonia.prepare.columns import is_number, listed

_SCALES = (
    ("very negative", "negative", "neutral", "positive", "very positive"),
    ("terrible", "bad", "okay", "good", "great"),
    ("none", "low", "medium", "high", "critical"),
    ("minor", "moderate", "major", "critical"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("molto negativo", "negativo", "neutro", "positivo", "molto positivo"),
    ("nessuna", "bassa", "media", "alta", "critica"),
    ("nessuno", "basso", "medio", "alto", "critico"),
)
"""Scales that people use, each from one end to the other; labels may be a part of one."""
_FEWEST = 3
"""Of two labels no order tells more than accuracy does."""


def order_of(labels: Collection[str]) -> tuple[str, ...]:
    """The order that these labels seem to have, as numbers or as steps of a known scale; empty where they have none.

    >>> order_of(["3", "10", "1"]), order_of(["High", "low", "medium"]), order_of(["cat", "dog", "cow"])
    (('1', '3', '10'), ('low', 'medium', 'High'), ())
    """
    if len(labels) < _FEWEST:
        return ()
    if all(is_number(one) for one in labels):
        return tuple(sorted(labels, key=lambda one: float(one.replace(",", ".", 1))))
    folded = {one.replace("_", " ").replace("-", " ").casefold(): one for one in labels}
    for scale in _SCALES:
        if len(folded) == len(labels) and folded.keys() <= set(scale):
            return tuple(folded[step] for step in scale if step in folded)
    return ()


def check_order(order: Sequence[str | int | float], labels: Collection[str]) -> None:
    """Refuses an order that does not name every label, or names one that no row has.

    Raises:
        UsageError: with the labels that are missing.
    """
    given = [str(one) for one in order]
    missing, unknown = sorted(set(labels) - set(given)), [one for one in given if one not in labels]
    if given and (missing or unknown):
        said = [f"does not name {listed(missing)}"] if missing else []
        said += [f"names {listed(unknown)}, which no row has"] if unknown else []
        raise UsageError(
            f"`classify.order` {' and '.join(said)}",
            expected="every label of the data once, from one end to the other",
            hint=f"did you mean {nearest(unknown[0], tuple(labels))}?" if unknown else "add what is missing",
            where="classify.order",
        )
