"""Is the diagnosis right on the real models, and does its first remedy help? (E16-E21 and E38 of the science page)

    python -m benchmarks.advice --out CELLS.jsonl [--models M,L] [--experiments E16,E17] [--seeds 2] [--minutes 60]
    python -m benchmarks.advice --table CELLS.jsonl
    python -m benchmarks.advice --experience CELLS.jsonl

A cell is one training of the embedded base in a regime whose diagnosis is known beforehand (64 examples for 50 epochs,
a learning rate of 1e-7, one of a thousand times the default, a healthy recipe, an easy set learned to the end, a single
step), by the product's own code: rows are prepared, the base is pinned, a turn is taken and diagnosed. Where something
is to be mended, the first change of quality that the product proposes, and that is not in force already, is taken as a
second turn, and both saved candidates are held against each other on the same validation examples. No test is opened
and no ladder is fitted. Each cell is one JSON line, so that a run that was ended goes on. Nothing here tunes anything.
"""
