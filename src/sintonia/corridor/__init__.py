"""The pipeline's hands: the clock and the bill of a walk, one turn, the judging. The story itself is `pipeline.py`."""
