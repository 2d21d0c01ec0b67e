"""The door for Python: what the commands do, asked for with plain values and answered with records. It prints nothing.

Importing it gives records that a notebook can show; the records themselves know nothing of HTML.
"""

from sintonia.python.asking import check, compare, load, rank_bases, tune, weigh_base
from sintonia.python.one_model import Model
from sintonia.python.one_run import Run
from sintonia.python.showing import Findings, make_records_showable

__all__ = ["Findings", "Model", "Run", "check", "compare", "load", "rank_bases", "tune", "weigh_base"]

make_records_showable()
