"""Writes `card.md`: the model card, in Markdown, that travels with the weights.

Unlike the page it quotes no example and no path of this machine, so that it can be given away.
"""

from __future__ import annotations

import re
from pathlib import Path

from sintonia.files import storage_errors, write_atomic
from sintonia.metrics import adding
from sintonia.metrics.kept import told_metrics
from sintonia.report import summaries, wording
from sintonia.report.annex import annex_rows, shown_reference
from sintonia.report.contents import Contents, read_contents
from sintonia.report.page import environment, shared_values
from sintonia.report.privacy.keeping import NAME as KEPT
from sintonia.report.privacy.keeping import gone_in_words
from sintonia.runs import Expired, RunFolder

MEANINGFUL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_CODE = re.compile(r"(?<!`)(`[^`]+`)(?!`)")
_KEPT_LINE = re.compile(rf"(?m)^- {KEPT}: .*$")


def write_card(run: RunFolder) -> Path:
    """Writes `card.md` in the run folder.

    Raises:
        StorageError: the run folder cannot be written.
    """
    path = run.file("card.md")
    with adding(*told_metrics(run)):
        write_atomic(path, render_card(read_contents(run)).encode())
    return path


def mark_expired(run: RunFolder, gone: Expired) -> None:
    """Says in the card, if there is one, that the data of its run were removed; all else in it stays true.

    Raises:
        StorageError: the card cannot be read or written.
    """
    path, line = run.file("card.md"), f"- {KEPT}: {told(gone_in_words(gone))}"
    if not path.exists():
        return
    with storage_errors(path):
        text = path.read_text(encoding="utf-8")
    changed, found = _KEPT_LINE.subn(lambda _: line, text, count=1)
    write_atomic(path, (changed if found else f"{text.rstrip()}\n\n## Privacy\n\n{line}\n").encode())


def render_card(contents: Contents) -> str:
    """The card as Markdown text."""
    found = environment(escapes=False)
    found.filters.update(plain=plain, told=told)
    text = found.get_template("card.md.j2").render(card_values(contents))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def card_values(contents: Contents) -> dict[str, object]:
    """What the card shows: the values of the page without pictures, which take time to draw, and quotations."""
    return {
        **shared_values(contents),
        "pairs": summaries.worst_pairs(contents, most=5),
        "headline": _headline(contents),
        "reference": shown_reference(contents),
        "annex": annex_rows(contents),
        "max_tokens": summaries.max_tokens(contents),
    }


def _headline(contents: Contents) -> tuple[str, str]:
    """What stands in bold, and the rest of the sentence of the verdict, which may begin with the same word."""
    if contents.verdict is None:
        return "", ""
    word, sentence = wording.outcome_words(contents.verdict).word, contents.verdict.sentence
    opening, colon, rest = sentence.partition(": ")
    return (f"{opening}:", rest) if colon and opening.partition(",")[0] == word else (f"{word}.", sentence)


def told(text: object) -> str:
    """A sentence of ours on one line, escaped but for what stands between two backticks, which stays code.

    Not where a bar is in it: in a table that would end the cell.
    """
    pieces = _CODE.split(" ".join(str(text).split()))
    return "".join(
        one if number % 2 and "|" not in one else MEANINGFUL.sub(r"\\\1", one) for number, one in enumerate(pieces)
    )


def plain(text: object) -> str:
    """The text on one line, with the characters that mean something in Markdown escaped."""
    return MEANINGFUL.sub(r"\\\1", " ".join(str(text).split()))
