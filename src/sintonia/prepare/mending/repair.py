"""The repairs that need no opinion: encodings undone, stray white space removed. For `sintonia check --fix`.

It never changes a quote, a ligature, a full-width letter or an HTML entity, never joins or indents lines, and
never empties a text: what is not plainly damage stays as a person wrote it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_MOST_ROUNDS = 4
_UNSEEN_AT_ENDS = "\u200b\u2060\ufeff"
_STRAY_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f]")
_RUN_OF_SPACES = re.compile("(?<=\\S)  +(?=\\S)")
_SPACE_AT_LINE_END = re.compile("(?<![ \t])[ \t]+(?=\r?\n)")
_BLANK_LINES_BEFORE = re.compile("^(?:[ \t]*\r?\n)+")
_NOT_IN_ANY_WORD = re.compile("[a-zß-ÿ][ÄÅ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰‹‘’“”•–—˜™›]")
"""`Ä™` and its like after a small letter: ę and ě read as Windows-1252, which ftfy takes for words in capitals."""

_MAY_BE_MISREAD = re.compile("[^\x00-\x7f]{2}|[ÂÃâãÅÎÐÙ] |[\u0080-\u009f]")
"""What every misread text has: a letter beyond ASCII beside another, beside a lost blank, or a C1 control."""


def repair_text(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without its plain damage, and what was done: `mojibake`, `whitespace`, both or nothing.

    Repairing twice gives the same text. A text that would be empty is left as it is.

    >>> repair_text(" caffÃ¨  nero ")
    ('caffè nero', ('mojibake', 'whitespace'))
    """
    repaired, done = text, set()
    for _ in range(_MOST_ROUNDS):
        before = repaired
        decoded = repair_encoding(repaired)
        tidied = repair_whitespace(decoded)
        done |= {"mojibake"} if decoded != repaired else set()
        done |= {"whitespace"} if tidied != decoded else set()
        repaired = tidied
        if repaired == before:
            break
    if not repaired.strip():
        return text, ()
    return repaired, tuple(sorted(done))


def repair_encoding(text: str) -> str:
    """The text with letters that were read in a wrong encoding put right, by ftfy (Speer 2019).

    >>> repair_encoding("perchÃ© no? “Così” no")
    'perché no? “Così” no'
    """
    if text.isascii() or not _MAY_BE_MISREAD.search(text):
        return text
    ftfy, settings = _ftfy()
    lines = text.split("\n")
    return "\n".join(_decoded(line, ftfy, settings) for line in lines)


def repair_whitespace(text: str) -> str:
    """The text without blanks at its ends, odd spaces and runs of spaces; lines and indentation stay.

    >>> repair_whitespace("one\u00a0 two ")
    'one two'
    """
    tidied = text.strip(_UNSEEN_AT_ENDS)
    if not tidied.isascii():
        tidied = _STRAY_SPACES.sub(" ", tidied)
    if "\n" not in tidied.strip():
        tidied = tidied.strip(_UNSEEN_AT_ENDS + " \t\r\n\f\v")
    else:
        tidied = _SPACE_AT_LINE_END.sub("", tidied.rstrip())
        tidied = _BLANK_LINES_BEFORE.sub("", tidied).rstrip(_UNSEEN_AT_ENDS + " \t\r\n\f\v")
    if "  " in tidied and not _is_laid_out(tidied):
        tidied = _RUN_OF_SPACES.sub(" ", tidied)
    return tidied or text


def _is_laid_out(text: str) -> bool:
    """Code, or columns drawn with blanks: there a run of blanks means something."""
    lines = text.split("\n")
    if "\t" in text or "```" in text or (len(lines) > 1 and any(line.startswith(" ") for line in lines)):
        return True
    return sum("  " in line for line in lines) > 1


def _decoded(line: str, ftfy: Any, settings: Any) -> str:
    if line.isascii() or not _MAY_BE_MISREAD.search(line):
        return line
    for _ in range(_MOST_ROUNDS):
        fixed = ftfy.fix_encoding_and_explain(line, settings).text
        if fixed == line and _NOT_IN_ANY_WORD.search(line):
            fixed = _read_again(line)
        if fixed == line:
            break
        line = fixed
    return line


def _read_again(line: str) -> str:
    """The line as UTF-8, when all of it can be that; `sloppy` keeps the bytes that Windows-1252 leaves open."""
    try:
        return line.encode("sloppy-windows-1252").decode("utf-8")
    except UnicodeError:
        return line


@cache
def _ftfy() -> tuple[Any, Any]:
    """ftfy, with the repairs of encodings only. It would rather guess (`�` for what is lost): that is off."""
    import ftfy

    settings = ftfy.TextFixerConfig(
        fix_encoding=True,
        restore_byte_a0=True,
        decode_inconsistent_utf8=True,
        fix_c1_controls=True,
        replace_lossy_sequences=False,
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return ftfy, settings
