"""When two values look like one and the same subject though they are spelled otherwise. It decides nothing."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?\d{1,400}(\.\d{0,400})?(e[+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A value, and what is the same of it in any spelling."""

    value: str
    folded: str
    number: Decimal | None

    @classmethod
    def of(cls, value: str) -> Spelling:
        """Without case, compatible forms of characters, invisible ones and how much white space."""
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
        seen = "".join(one for one in plain if unicodedata.category(one) != "Cf")
        folded = " ".join(seen.split())
        return cls(value, folded, Decimal(folded) if _NUMBER.fullmatch(folded) else None)

    def is_like(self, value: str) -> bool:
        """Whether another value is this one in another spelling, or the same number."""
        if value == self.value:
            return False
        other = Spelling.of(value)
        return other.folded == self.folded or (self.number is not None and self.number == other.number)
