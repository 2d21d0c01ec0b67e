"""D124: answers that refuse.

What: answers that begin with a refusal in English or Italian, as "I'm sorry, but I can't" or "Mi dispiace, ma non
posso", or that speak of themselves as an AI that is not able to. Tasks chat and prefer only.
Why it matters: a model refuses as often as its examples do: "if 60 % of the answers say I cannot, you get refusals"
(OpenAI's guide to fine-tuning), also where it could have answered.
What to do: remove the rows whose question deserves an answer; keep those that should be refused, and see that similar
allowed questions are answered.
"""

from __future__ import annotations

import re

from sintonia.prepare.audit import Audit, Seen, percent, rows_in_words
from sintonia.prepare.rows import Labelled
from sintonia.records import Finding

CODE = "D124"
TASKS: frozenset[str] | None = frozenset({"chat", "prefer"})
_FIRST_CHARACTERS = 300
_NOTE, _WARNING = 0.01, 0.10

_CANNOT = (
    r"(?:can(?:no|')?t|can not|could not|couldn't|won't|will not|"
    r"(?:am|'m) (?:not able|unable|not (?:allowed|permitted|comfortable|programmed|designed))|"
    r"do(?:n't| not) (?:have (?:the (?:ability|capability)|access)|feel comfortable)|must decline|have to decline)"
)
_NON_POSSO = (
    r"non (?:posso|riesco a|sono in grado|mi è (?:possibile|permesso|consentito)|"
    r"ho (?:accesso|la (?:capacità|possibilità)))"
)
_AI = r"(?:an? )?(?:ai|artificial intelligence|(?:large )?language model)\b"
_IA = (
    r"(?:un[a']? ?)?(?:ia|intelligenza artificiale|modello (?:di linguaggio|linguistico)|assistente (?:ia|virtuale))\b"
)
_REFUSES = re.compile(
    rf"(?:i(?:'m| am) (?:very |so |really |truly )?(?:sorry|afraid)|sorry|(?:my|i) apologi[sz]e?s?|"
    rf"unfortunately|regrettably)\b[^.!?\n]{{0,60}}?[.,;:!]?[^.!?\n]{{0,20}}?\bi ?{_CANNOT}\b"
    rf"|(?:as|i(?:'m| am)(?: just| only)?) {_AI}[^.!?\n]{{0,80}}?\bi ?{_CANNOT}\b"
    rf"|i {_CANNOT} (?:help|assist|provide|answer|fulfil|comply|do that|complete|generate|create|write|support|"
    rf"engage|discuss|share|offer|give|access|browse|respond|participate)"
    rf"|i ?(?:am|'m) (?:unable|not able) to\b"
    rf"|(?:mi (?:di)?spiace|sono spiacente|siamo spiacenti|mi scuso|purtroppo|scusa(?:mi)?|spiacente)\b"
    rf"[^.!?\n]{{0,60}}?[.,;:!]?[^.!?\n]{{0,20}}?\b{_NON_POSSO}\b"
    rf"|(?:in quanto|come|essendo|sono(?: solo)?) {_IA}[^.!?\n]{{0,80}}?\b{_NON_POSSO}\b"
    rf"|{_NON_POSSO} (?:aiutar|assister|risponder|fornir|soddisfar|eseguir|generar|crear|scriver|farlo|dar|discuter)"
)


def suspect(row: Labelled) -> bool:
    """Whether the answer begins with a refusal."""
    return is_refusal(row.answer)


def is_refusal(answer: str) -> bool:
    """Whether an answer begins with a refusal, in English or Italian.

    >>> is_refusal("I’m sorry, but I can’t help with that.")
    True
    >>> is_refusal("I can't wait to see the film!")
    False
    """
    begins = answer[:_FIRST_CHARACTERS].lstrip(" \t\r\n\"'“*").lower().replace("’", "'")
    return _REFUSES.match(begins) is not None


def finding(audit: Audit, seen: Seen) -> Finding | None:
    """A note from 1 % of the answers, a warning from 10 %."""
    if not seen.count or seen.count < _NOTE * seen.looked_at:
        return None
    return Finding(
        code=CODE,
        severity="warning" if seen.count >= _WARNING * seen.looked_at else "note",
        count=seen.count,
        message=(
            f"{rows_in_words(seen.count)} of {seen.looked_at:,} ({percent(seen.count, seen.looked_at)}) have an answer "
            "that refuses: the tuned model will refuse about as often"
        ),
        hint="remove the rows whose question deserves an answer; keep refusals only where you want them",
        places=audit.places(seen.positions),
    )
