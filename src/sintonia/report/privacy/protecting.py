"""The privacy of a run in plain words: found, replaced, spent, remembered, kept, and what remains one's own duty.

Each line is told whether something was done or not: what was left undone is what an auditor asks for. Nothing is
computed here.
"""

from __future__ import annotations

import math

from sintonia.records.privacy.spent import Guarantee
from sintonia.report.contents import Contents
from sintonia.report.privacy.keeping import NAME as KEPT
from sintonia.report.privacy.keeping import kept_in_words
from sintonia.report.privacy.remembering import memory_in_words
from sintonia.settings import PrivacySettings

DUTIES = (
    "A reason to use these data, and people who were told: no measure here replaces it.",
    "Names, addresses and whatever no pattern gives away are not looked for: read a sample yourself.",
    "Your own file of data, its copies and backups, and what you exported or sent elsewhere lie outside of the run.",
    "Who may read this folder and use the model: what a model learned it may tell to whoever asks it.",
    "Who asks to be forgotten: `sintonia erase DATA` finds the runs that saw the rows; to answer the person is yours.",
    "The head of the audit log at the foot of this page, kept somewhere else: only so is a log found out that somebody "
    "wrote anew from the beginning.",
)
"""What remains for the person, whatever was set."""


def protection_rows(contents: Contents) -> list[tuple[str, str]]:
    """What was done and what was not, a line each; empty before any data were read."""
    if contents.prepared is None:
        return []
    privacy = contents.recipe.privacy if contents.recipe else PrivacySettings()
    return [
        ("Found", _found(contents)),
        ("Replaced", _replaced(contents)),
        ("Spent", _spent(contents)),
        ("Remembered", memory_in_words(contents.memorisation) or "Not measured yet: it is after the verdict."),
        ("On the disk", _at_rest(privacy)),
        (KEPT, kept_in_words(privacy, contents.keeping)),
        ("Shown", _shown(privacy)),
    ]


def most_right(guarantee: Guarantee | None) -> str:
    """How often a guess at even odds can be right, whatever the guesser knows: (e^epsilon + delta) / (1 + e^epsilon).

    >>> most_right(None)
    ''
    """
    if guarantee is None:
        return ""
    spent = guarantee.spent
    share = min((1 + spent.delta * math.exp(-spent.epsilon)) / (1 + math.exp(-spent.epsilon)), 1.0)
    return f"{100 * share:.3g}%" if share < 0.9995 else f"{100 * share:.5g}%"


def _message(contents: Contents, code: str) -> str:
    found = next((one.message for one in contents.findings if one.code == code), "")
    return f"{found[:1].upper()}{found[1:]}." if found else ""


def _found(contents: Contents) -> str:
    return _message(contents, "D126") or (
        "No e-mail address, telephone number, card, account, tax or identity number was recognised in the rows that "
        "were looked at."
    )


def _replaced(contents: Contents) -> str:
    return _message(contents, "D149") or "Nothing: no placeholder of `sintonia redact` stands in the rows."


def _spent(contents: Contents) -> str:
    if contents.guarantee is None:
        return (
            "No privacy budget: training was not differentially private, and nothing bounds what the model may tell of "
            "a single row (`privacy.dp.epsilon`)."
        )
    spent, together = contents.guarantee.spent, contents.guarantee.composed
    when = f", as the ledger had it on {together.date}" if together.date else ""
    return (
        f"Epsilon {spent.epsilon:.3g} of {spent.budget:g} for each {spent.unit} (the smaller, the less the model can "
        f"tell of it), at delta {spent.delta:.2g} (the small chance left aside, in which that may not hold); "
        f"{together.epsilon:.3g} for all private trainings on these rows together{when}."
    )


def _at_rest(privacy: PrivacySettings) -> str:
    if privacy.vault:
        return (
            "The run is encrypted (`privacy.vault`) and was worked on in memory alone; what was taken out of it, such "
            "as a copy of this page, is not."
        )
    return "In clear, readable by the owner of the files alone (`privacy.vault` encrypts a run)."


def _shown(privacy: PrivacySettings) -> str:
    if privacy.redact:
        return "No word of the texts is printed or stands in this report (`privacy.redact`)."
    return "Reports, findings and errors quote examples: share them as you would share the data (`privacy.redact`)."
