"""Malicious and broken models, made by code out of a good one when they are needed; none is in git."""

from __future__ import annotations

from tests.reliability.hostile import links, packed, settings, stored, templates, weights
from tests.reliability.hostile.case import CASES, IGNORED, REFUSED, Case, Place

assert all((links, packed, settings, stored, templates, weights)), "each puts its cases into the list"

__all__ = ["CASES", "IGNORED", "REFUSED", "Case", "Place"]
