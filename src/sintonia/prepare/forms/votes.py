"""What several annotators agree on. It never breaks a tie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sintonia.prepare.forms.form import Unusable


def majority(votes: Sequence[str]) -> str:
    """What more than half of the votes say.

    >>> majority(["1", "2", "1"])
    '1'

    Raises:
        Unusable: there is no vote, or no majority.
    """
    if not votes:
        raise Unusable("no annotator has answered")
    vote, count = Counter(votes).most_common(1)[0]
    if count * 2 <= len(votes):
        raise Unusable(f"no majority among {len(votes)} annotators")
    return vote
