"""Near-duplicates: which rows say nearly the same, what to keep together, and what lies in two sets.

Pure numbers in and out. It reads no file of a run, opens no model, and keeps no text: only hashes of pieces of texts.
"""

from sintonia.prepare.near.clusters import Elsewhere, clusters, nearest_elsewhere
from sintonia.prepare.near.overlaps import overlapping_pairs
from sintonia.prepare.near.pairs import LENGTHS, Length, NearPairs, merged, near_pairs

__all__ = [
    "LENGTHS",
    "Elsewhere",
    "Length",
    "NearPairs",
    "clusters",
    "merged",
    "near_pairs",
    "nearest_elsewhere",
    "overlapping_pairs",
]
