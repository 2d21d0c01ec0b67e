"""The metrics, one file each, and the table that names them. Pure functions; they never see a model."""

from sintonia.metrics.formats import Format, parse_format
from sintonia.metrics.metric import Metric
from sintonia.metrics.per_class import ClassRow, confusions, per_class
from sintonia.metrics.table import METRICS, adding, asked_for, facts, from_facts

__all__ = [
    "METRICS",
    "ClassRow",
    "Format",
    "Metric",
    "adding",
    "asked_for",
    "confusions",
    "facts",
    "from_facts",
    "parse_format",
    "per_class",
]
