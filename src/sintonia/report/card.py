"""Writes `card.md`: the model card, in Markdown, that travels with the weights.

Unlike the page it quotes no example and no path of this machine, so that it can be given away.
"""

from __future__ import annotations

import re
from pathlib import Path

from sintonia.files import write_atomic
from sintonia.metrics import adding
from sintonia.metrics.kept import told_metrics
from sintonia.report import summaries
from sintonia.report.annex import annex_rows, shown_reference
from sintonia.report.contents import Contents, read_contents
from sintonia.report.page import environment, shared_values
from sintonia.runs import RunFolder

MEANINGFUL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def write_card(run: RunFolder) -> Path:
    """Writes `card.md` in the run folder.

    Raises:
        StorageError: the run folder cannot be written.
    """
    path = run.file("card.md")
    with adding(*told_metrics(run)):
        write_atomic(path, render_card(read_contents(run)).encode())
    return path


def render_card(contents: Contents) -> str:
    """The card as Markdown text."""
    found = environment(escapes=False)
    found.filters["plain"] = plain
    text = found.get_template("card.md.j2").render(card_values(contents))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def card_values(contents: Contents) -> dict[str, object]:
    """What the card shows: the values of the page without pictures, which take time to draw, and quotations."""
    return {
        **shared_values(contents),
        "pairs": summaries.worst_pairs(contents, most=5),
        "reference": shown_reference(contents),
        "annex": annex_rows(contents),
        "max_tokens": summaries.max_tokens(contents),
    }


def plain(text: object) -> str:
    """The text on one line, with the characters that mean something in Markdown escaped."""
    return MEANINGFUL.sub(r"\\\1", " ".join(str(text).split()))
