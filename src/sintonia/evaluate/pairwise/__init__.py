"""A judge model compares what base and tuned model wrote, pair by pair and in both orders (science.md 1.7).

Weak evidence: it never changes a verdict. `plan_judging` checks what was asked for before anything is trained,
`ask_judge` asks, `told_preference` says in a line what came of it.
"""

from sintonia.evaluate.pairwise.asking import Opinion, ask_judge
from sintonia.evaluate.pairwise.judges import try_judge
from sintonia.evaluate.pairwise.planning import JudgePlan, plan_judging
from sintonia.evaluate.pairwise.question import Pair, pairs_of
from sintonia.evaluate.pairwise.telling import not_asked, told_preference

__all__ = [
    "JudgePlan",
    "Opinion",
    "Pair",
    "ask_judge",
    "not_asked",
    "pairs_of",
    "plan_judging",
    "told_preference",
    "try_judge",
]
