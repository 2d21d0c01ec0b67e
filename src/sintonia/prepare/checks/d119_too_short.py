"""D119: texts too short to say much.

What: texts of fewer than 3 words or fewer than 10 characters (science.md 3.5); where words are written without
spaces (Chinese, Japanese, Thai and their like), fewer than 4 characters. Nothing is said when more than a fifth of
the rows are so short: then short is what these texts are, as commands are.
Why it matters: `ok` or `see above` can stand for anything; what a person saw beside it, the model does not see.
What to do: look at the listed rows: does each one say enough to tell its answer? If not, add the context or remove
it. Short commands such as `stop` are fine.
"""

from __future__ import annotations

import re

from sintonia.prepare.audit import Audit, Seen, percent, rows_in_words
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

CODE = "D119"
TASKS: frozenset[str] | None = None
_LEAST_WORDS = 3
_LEAST_CHARACTERS = 10
_LEAST_WITHOUT_SPACES = 4
_USUAL = 0.2
_LONG = 60
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def suspect(row: Labelled) -> bool:
    """Whether the text is too short by words or by characters. A long one is not split."""
    text = row.text
    if len(text) > _LONG and text.count(" ") >= _LEAST_WORDS:
        return False
    if len(text) >= _LEAST_CHARACTERS and len(text.split(None, _LEAST_WORDS)) >= _LEAST_WORDS:
        return False
    if not text.isascii() and (letters := len(_WITHOUT_SPACES.findall(text))):
        return letters < _LEAST_WITHOUT_SPACES
    return True


def finding(audit: Audit, seen: Seen) -> Finding | None:
    """A note, unless such texts are usual here."""
    if not seen.count or seen.count > _USUAL * seen.looked_at:
        return None
    return Finding(
        code=CODE,
        severity="note",
        count=seen.count,
        message=(
            f"{rows_in_words(seen.count)} of {seen.looked_at:,} ({percent(seen.count, seen.looked_at)}) have a text of "
            f"fewer than {_LEAST_WORDS} words or {_LEAST_CHARACTERS} characters"
        ),
        hint="look whether each says enough to tell its answer; short commands are fine, `see above` is not",
        places=audit.places(seen.positions),
    )
