"""The bill of a run: paces measured before the training, the promise, its refinement, and the question of a budget.

What was spent is counted by the notebook (`corridor/walk.py`). It trains nothing that is kept.
"""
