"""D120: texts that nobody can read.

What: texts or answers with more than 1 % unprintable or replacement characters; words of nothing but `?`, where
letters were lost; mostly mixed punctuation; one or two characters over and over; words run together into one of more
than 45 letters, or encoded bytes; long ones that compress to less than a twentieth (one phrase repeated) or hardly at
all (noise). Thresholds from science.md 3.5, narrowed so that code, tables of numbers, addresses, emoji and the scripts
without spaces pass. Where more than half of the rows look so, they may be meant to: a note says it.
Why it matters: the model is taught noise, and learns to tell a class by its damage.
What to do: look at the listed rows; read them again from where they came (a PDF, a scan, a cut export), or remove them.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter

from sintonia.prepare.audit import Audit, Seen, percent, rows_in_words
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

CODE = "D120"
TASKS: frozenset[str] | None = None
_LEAST_CHARACTERS = 10
_LONG_WORD = 45
_FEW = 4
_MOST_HUMPS = 2
"""Capitals within a word of prose; names in code have more."""
_LONG_TEXT = 500
_MARKS_OF_NOISE = 8
"""Kinds of punctuation: tables, rules, JSON and rows of dots have fewer."""
_MOST_LOOKED_AT = 20_000
"""Characters of one text that are looked at."""

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x1b") + b"\x7f"
_NOT_CONTROLS = bytes(code for code in range(256) if code not in _CONTROLS)
_PLAIN = bytes(code for code in range(256) if code >= 128 or chr(code).isalnum()) + b" \t\n\v\f\r"
"""Neither punctuation nor control; every byte of a character beyond ASCII counts as a letter."""
_PRIVATE = re.compile("[\ue000-\uf8ff\ud800-\udfff\ufff0-\ufff8\ufffe\uffff]")
_LOST_WORD = re.compile(r"(?<!\S)\?{2,}")
_ENDS_A_WORD = str.maketrans("", "", ".,;!?'’")
_ENCODED = re.compile(rf"[A-Za-z0-9+/]{{{_LONG_WORD + 1},}}={{0,2}}")


def suspect(row: Labelled) -> bool:
    """Whether the text or the answer cannot be read."""
    return bool(why_garbled(row.text) or why_garbled(row.answer))


def why_garbled(text: str) -> str:
    """What makes a text unreadable, in words; empty when it can be read. Linear in the first 20,000 characters."""
    if len(text) < _LEAST_CHARACTERS:
        return "characters that cannot be shown" if "\ufffd" in text or "\0" in text else ""
    text = text[:_MOST_LOOKED_AT]
    encoded = text.encode("utf-8", "surrogatepass")
    odd = encoded.translate(None, _PLAIN)
    if _has_unprintable(text, odd):
        return "characters that cannot be shown"
    if len(odd) * 10 > (len(encoded) - encoded.count(b" ")) * 6:
        if odd.count(b"?") * 2 > len(odd) and len(_LOST_WORD.findall(text)) > 1:
            return "`?` in place of letters"
        if len(odd) >= 2 * _LEAST_CHARACTERS and len(set(odd)) >= _MARKS_OF_NOISE:
            return "hardly a letter"
    if len(set(text[:_LEAST_CHARACTERS])) <= _FEW and _is_one_thing_repeated(text):
        return "one or two characters over and over"
    if len(text) > _LONG_WORD and _is_one_long_word(text):
        return "one word without end"
    return _compresses_oddly(text, encoded) if len(text) >= _LONG_TEXT else ""


def finding(audit: Audit, seen: Seen) -> Finding | None:
    """A note for a few rows or for most of them, a warning from 1 % of the rows on."""
    if not seen.count:
        return None
    share = seen.count / max(seen.looked_at, 1)
    rows = [audit.rows.row(position) for position in seen.positions]
    reasons = Counter(why_garbled(row.text) or why_garbled(row.answer) for row in rows)
    return Finding(
        code=CODE,
        severity="warning" if 0.01 <= share <= 0.5 else "note",
        count=seen.count,
        message=(
            f"{rows_in_words(seen.count)} of {seen.looked_at:,} ({percent(seen.count, seen.looked_at)}) cannot be read "
            f"by people: {', '.join(reason for reason, _ in reasons.most_common(3))}"
        ),
        hint=(
            "look at the listed rows; read them again from their source, or remove them"
            if share <= 0.5
            else "most rows look so: if that is what these data are, there is nothing to do"
        ),
        places=audit.places(seen.positions),
    )


def _has_unprintable(text: str, odd: bytes) -> bool:
    num_unprintable = len(odd.translate(None, _NOT_CONTROLS))
    if not text.isascii():
        num_unprintable += text.count("\ufffd") + len(_PRIVATE.findall(text))
    return num_unprintable * 100 > len(text)


def _is_one_thing_repeated(text: str) -> bool:
    if len(text) < 2 * _LEAST_CHARACTERS:
        return False
    characters = set(text) - set(" \t\r\n")
    most = 1 if len(text) < 4 * _LEAST_CHARACTERS else 2
    return len(characters) <= most and any(character.isalpha() for character in characters)


def _is_one_long_word(text: str) -> bool:
    """Words of a script with spaces run together, or base64; more than half of the text."""
    middle = len(text) // 2
    end = text.find(" ", middle)
    around_the_middle = text[text.rfind(" ", 0, middle + 1) + 1 : end if end >= 0 else None]
    if len(around_the_middle) <= _LONG_WORD:
        return False
    longest = max(around_the_middle.split(), key=len, default="")
    if len(longest) <= _LONG_WORD or 2 * len(longest) <= len(text):
        return False
    letters = longest.translate(_ENDS_A_WORD)
    if len(letters) > _LONG_WORD and letters.isalpha() and max(letters) < "\u0590":
        num_humps = sum(map(str.isupper, letters[1:]))
        return len(set(letters)) > 8 and num_humps <= _MOST_HUMPS and not longest.startswith("www.")
    encoded = _ENCODED.search(longest)
    if not encoded:
        return False
    kinds = [sum(map(kind, encoded[0])) for kind in (str.isdigit, str.islower, str.isupper)]
    return min(kinds) >= 3 and len(set(encoded[0])) > 20


def _compresses_oddly(text: str, encoded: bytes) -> str:
    ratio = len(zlib.compress(encoded, 1)) / len(encoded)
    if ratio < 0.05:
        return "one phrase over and over"
    return "noise" if ratio > 0.75 and text.isascii() else ""
