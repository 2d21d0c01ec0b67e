"""Phase 1: which base model, why, and does it fit. It reads the catalog, the machine and training rows."""

from sintonia.choose.base import can_learn, choose, foresee, is_usual_kind
from sintonia.choose.fertility import UNKNOWN_FRACTION, measure_fertility
from sintonia.choose.fit import fits_here
from sintonia.choose.ranking.drawing import MOST_CONVERSATIONS, MOST_TEXTS, draw, held_out
from sintonia.choose.ranking.entering import LICENCES, Contenders, contenders, refused_by_licence, usual_base
from sintonia.choose.ranking.features import look_at_texts
from sintonia.choose.ranking.halving import Asked, Trial, next_trials
from sintonia.choose.ranking.rank import (
    Entrant,
    Ground,
    Shown,
    chosen_of,
    ranked,
    shortlist,
    without_cutters,
    without_strangers,
)
from sintonia.choose.shelf import embedded_bases, fetch_base, known_base, known_bases, refuse_away

__all__ = [
    "LICENCES",
    "MOST_CONVERSATIONS",
    "MOST_TEXTS",
    "UNKNOWN_FRACTION",
    "Asked",
    "Contenders",
    "Entrant",
    "Ground",
    "Shown",
    "Trial",
    "can_learn",
    "choose",
    "chosen_of",
    "contenders",
    "draw",
    "embedded_bases",
    "fetch_base",
    "fits_here",
    "foresee",
    "held_out",
    "is_usual_kind",
    "known_base",
    "known_bases",
    "look_at_texts",
    "measure_fertility",
    "next_trials",
    "ranked",
    "refuse_away",
    "refused_by_licence",
    "shortlist",
    "usual_base",
    "without_cutters",
    "without_strangers",
]
