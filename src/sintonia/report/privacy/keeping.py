"""Until when a run keeps what it holds of the data, or since when that is gone, in words. It removes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sintonia.privacy import expires
from sintonia.runs import EXPIRED, Expired, RunFolder
from sintonia.settings import PrivacySettings

NAME = "Kept"
"""What the line is called, on the page and on the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """When the days of a run are over, as it stands now; or what was removed already."""

    expires: str = ""
    """UTC, ISO 8601; empty where no end is set."""
    expired: Expired | None = None


def read_keeping(run: RunFolder) -> Keeping:
    """What a run says of it.

    Raises:
        StorageError: the recipe, or what says so, is damaged.
    """
    gone = run.read(EXPIRED, Expired)
    return Keeping(expires="" if gone else expires(run) or "", expired=gone)


def kept_in_words(privacy: PrivacySettings, keeping: Keeping) -> str:
    """The line: for how long, and until which day."""
    if keeping.expired is not None:
        return gone_in_words(keeping.expired)
    if privacy.keep_days is None:
        return "Until it is removed by hand (`privacy.keep_days` sets an end)."
    days = "1 day" if privacy.keep_days == 1 else f"{privacy.keep_days} days"
    date = f", which is {keeping.expires[:10]} unless it is worked on again" if keeping.expires else ""
    rule = f"Of what the run holds of the data `sintonia runs --expire` removes all, from {days} after its end on"
    return f"{rule}{date}."


def gone_in_words(gone: Expired) -> str:
    """The line once the days were over and the data were removed."""
    return (
        f"No more: the data and what was made of them were removed on {gone.time[:10]} (`privacy.keep_days="
        f"{gone.keep_days}`), but for the model, the verdict and this card."
    )
