"""The nouns of a second opinion: which of two written answers a judge model prefers. No text of any answer is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sintonia.records.verdict import Interval

Choice = Literal["base", "tuned", "tie", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """One pair of answers, asked about in both orders."""

    id: str
    group: str
    base_first: Choice
    """What the judge said when the answer of the base stood first."""
    tuned_first: Choice
    outcome: Choice
    """Base or tuned where both orders agree, unreadable where one of them was; else a tie."""
    base_length: int
    """Characters."""
    tuned_length: int
    is_asked: bool
    """False of two identical answers, which are a tie without asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """How often the tuned model won among some pairs: (wins + half of all others) / pairs."""

    num_pairs: int
    wins: int
    losses: int
    rate: Interval
    p_value: float
    """Two-sided sign test on the decided pairs, groups kept together."""

    @property
    def num_decided(self) -> int:
        """Pairs that one of the two won, in both orders."""
        return self.wins + self.losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a judge model makes of the answers of base and tuned model. Weak evidence: no verdict rests on it."""

    judge: str
    """As the recipe names it."""
    num_meant: int
    """Pairs that were to be judged; `whole.num_pairs` of them were."""
    whole: WinRate
    like_length: WinRate | None
    """Among pairs of answers of like length alone (|log ratio| below .1); None where there are none."""
    length_ratio: float
    """Tuned over base: the geometric mean over all pairs."""
    longer_won: tuple[int, int]
    """Of the decided pairs of unlike length: how many the longer answer won, and how many the shorter."""
    num_identical: int
    num_unreadable: int
    disagreement: float | None
    """Position bias: the share of pairs asked about where the two orders were answered differently."""
    first_share: float | None
    """Of the answers that name one, how often it is that which stands first; .5 without position bias."""
    told: str = ""
    """All of it in a line."""
    pairs: tuple[Preferred, ...] = ()
