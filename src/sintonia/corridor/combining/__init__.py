"""Models of a finished run combined without training: made, scored on validation, kept as a turn only when they win.

`trying.py` is the way through, `measuring.py` makes and scores them, `keeping.py` writes the turn, `seeding.py` trains
more seeds to combine. What is tried and what wins is decided in `adjust/combine.py`; no test is opened here.
"""
