"""Secrets made up and planted in a copy of a run's training, and rows that its model writes out. No test is opened.

The copy and its model are gone afterwards; the run keeps its model and gets `memorisation/canaries.json`, which holds
counts, bits and ids alone.
"""

from sintonia.corridor.canaries.measuring import measure

__all__ = ["measure"]
