"""An answer as it is written: its tokens one after the other, and the text that is certain of them."""

from sintonia.models.language.streaming.spelling import Spelling, Vocabulary
from sintonia.models.language.streaming.tokens import Choosing, Chosen, Memory, Turns, write_on

__all__ = ["Choosing", "Chosen", "Memory", "Spelling", "Turns", "Vocabulary", "write_on"]
