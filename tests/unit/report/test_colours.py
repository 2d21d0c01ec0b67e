"""Text can be read on its background in light, in dark and on paper: contrast of at least 4.5 (WCAG AA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sintonia.report

SHEET = (Path(sintonia.report.__file__).parent / "templates/report.css").read_text(encoding="utf-8")
TEXTS = ("ink", "muted", "link", "tuned", "second", "good", "bad", "even", "doubt", "void")


def themes() -> dict[str, dict[str, str]]:
    """The colours of each theme; a theme that does not name one takes it from the first."""
    blocks = re.findall(r":root \{(.*?)\}", SHEET, flags=re.DOTALL)
    named = [dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block)) for block in blocks]
    return dict(zip(("light", "dark", "print"), [{**named[0], **colours} for colours in named], strict=True))


def brightness(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("background", ["paper", "card", "wash"])
def test_text_has_contrast(theme: str, background: str) -> None:
    colours = themes()[theme]
    for text in TEXTS:
        light, dark = sorted((brightness(colours[text]), brightness(colours[background])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {background} in {theme}"
