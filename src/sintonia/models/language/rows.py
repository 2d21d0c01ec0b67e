"""One example as a language model reads it. No model and no text lives here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """The tokens of one example, and which of them are learned."""

    ids: tuple[int, ...]
    learned: tuple[bool, ...]
    """Token k is predicted from those before it, and its loss counts; the first never is."""
    num_bytes: int
    """UTF-8 bytes of the text that is learned: what bits per byte divide by."""
    num_cut_prompt: int = 0
    """Tokens that were cut and are not learned."""
    num_cut_answer: int = 0
    """Tokens that were cut and would have been learned."""

    @property
    def num_learned(self) -> int:
        """Tokens whose loss counts."""
        return sum(self.learned)
