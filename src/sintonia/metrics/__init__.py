"""The metrics, one file each, and the table that names them. Pure functions; they never see a model."""

from sintonia.metrics.accuracy import ACCURACY
from sintonia.metrics.bits_per_byte import BITS_PER_BYTE
from sintonia.metrics.exact_match import EXACT_MATCH
from sintonia.metrics.macro_f1 import MACRO_F1
from sintonia.metrics.metric import Metric

METRICS: dict[str, Metric] = {metric.name: metric for metric in (ACCURACY, MACRO_F1, BITS_PER_BYTE, EXACT_MATCH)}

__all__ = ["METRICS", "Metric"]
