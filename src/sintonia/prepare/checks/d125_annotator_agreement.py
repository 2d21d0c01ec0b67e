"""D125: annotators who disagree.

What: Krippendorff's alpha over the rows that carry the labels of two or more annotators (at most 20,000 rows, drawn
evenly), and the share of labels that agree with the majority of their row. Below .667 a warning, below .80 a note
(Krippendorff's own marks: .80 good, .667 the least for tentative conclusions).
Why it matters: where people disagree there is no one right answer to learn, and no model can be shown to be better
than the annotators agree.
What to do: look at the rows they disagree on; make the instructions to annotators clearer, merge the classes they
confuse, or have the rows judged by more people.
"""

from __future__ import annotations

import math

from sintonia.prepare.audit import Audit, rows_in_words
from sintonia.records import Finding
from sintonia.statistics.agreement import krippendorff_alpha, majority_agreement

CODE = "D125"
GOOD_ALPHA = 0.80
TENTATIVE_ALPHA = 0.667
_MOST_ROWS = 20_000
_MIN_ROWS = 20


def check(audit: Audit) -> Finding | None:
    """One finding with alpha and the ceiling."""
    votes: list[tuple[str, ...]] = []
    disputed: list[int] = []
    for position in audit.rows.draw(_MOST_ROWS):
        held = audit.rows.row(int(position)).votes
        if len(held) >= 2:
            votes.append(held)
            disputed += [int(position)] if len(set(held)) > 1 else []
    alpha = krippendorff_alpha(votes)
    if len(votes) < _MIN_ROWS or math.isnan(alpha) or alpha >= GOOD_ALPHA:
        return None
    is_tentative = alpha >= TENTATIVE_ALPHA
    looked = f" of the {_MOST_ROWS:,} looked at" if len(audit.rows) > _MOST_ROWS else ""
    ceiling = f"{majority_agreement(votes):.0%} of the labels are those of the majority"
    return Finding(
        code=CODE,
        severity="note" if is_tentative else "warning",
        count=len(disputed),
        message=(
            f"the annotators of {rows_in_words(len(votes))}{looked} agree {'tentatively' if is_tentative else 'little'}"
            f" (Krippendorff's alpha {alpha:.2f}): {len(disputed):,} rows are disputed, and {ceiling}; no model can be "
            "shown to be better than that"
        ),
        hint="look at the disputed rows; clearer instructions, merged classes or more annotators help",
        places=audit.places(disputed),
    )
