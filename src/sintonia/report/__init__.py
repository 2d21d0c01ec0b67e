"""What a person reads at the end: `report.html` and `card.md`, made from the run folder alone; what
other private trainings spent on the same rows since is asked of the ledger.

It computes no score and decides nothing: every number comes from a record that another room wrote. Jinja2 and
matplotlib are imported when something is written, never before.
"""

from sintonia.report.bill import bill_lines
from sintonia.report.card import mark_expired, write_card
from sintonia.report.notebook import findings_html, run_html, verdict_html
from sintonia.report.page import write_report
from sintonia.report.privacy.spending import guarantee_of
from sintonia.report.turns import TurnNode, TurnTree, read_turn_tree
from sintonia.report.wording import direction

__all__ = [
    "TurnNode",
    "TurnTree",
    "bill_lines",
    "direction",
    "findings_html",
    "guarantee_of",
    "mark_expired",
    "read_turn_tree",
    "run_html",
    "verdict_html",
    "write_card",
    "write_report",
]
