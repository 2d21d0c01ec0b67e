"""The nouns that cross the borders between phases, and nothing else.

Each record is frozen, slotted and keyword-only, and holds plain values, other records and paths relative to
the run folder: no tensor, no model, no callable, no open file. A record is never edited: a change is a new
record that says what it replaced. `files.py` gives each one its JSON form.
"""

from sintonia.records.examples import (
    Checked,
    Example,
    ExampleSet,
    Finding,
    Part,
    Place,
    Prepared,
    Resolved,
    SealedTest,
    SetAside,
    Severity,
    Split,
    Suspect,
)
from sintonia.records.training import (
    Base,
    Baseline,
    Candidate,
    Change,
    Evaluation,
    Event,
    Resources,
    Score,
    Scorecard,
    Turn,
)
from sintonia.records.verdict import Advice, Comparison, Interval, Outcome, Rung, Verdict, WorthTuning
from sintonia.settings import Recipe

__all__ = [
    "Advice",
    "Base",
    "Baseline",
    "Candidate",
    "Change",
    "Checked",
    "Comparison",
    "Evaluation",
    "Event",
    "Example",
    "ExampleSet",
    "Finding",
    "Interval",
    "Outcome",
    "Part",
    "Place",
    "Prepared",
    "Recipe",
    "Resolved",
    "Resources",
    "Rung",
    "Score",
    "Scorecard",
    "SealedTest",
    "SetAside",
    "Severity",
    "Split",
    "Suspect",
    "Turn",
    "Verdict",
    "WorthTuning",
]
