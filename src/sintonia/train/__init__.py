"""Phase 3: a recipe, a base and a part in; events out, the last one finished (a candidate) or paused.

Sees the training and validation sets only. It knows no test set and prints nothing.
"""

from sintonia.train.averaging import AVERAGED_FILE
from sintonia.train.job import Job
from sintonia.train.loop import train

__all__ = ["AVERAGED_FILE", "Job", "train"]
