"""Format validity: the share of written answers that are valid in the format that the recipe declares."""

from __future__ import annotations

from typing import Any

from sintonia.metrics.formats import Format
from sintonia.metrics.metric import Labels, Metric, check_lengths, mean_counts, mean_from_counts

NAME = "format_validity"


def format_validity(declared: Format) -> Metric:
    """The metric of one declared format; targets are read for their number only."""

    def counts(targets: Labels, texts: Labels) -> Any:
        """Columns: valid answers, examples."""
        check_lengths(targets, texts)
        return mean_counts([float(declared.is_valid(text)) for text in texts])

    return Metric(
        name=NAME,
        title=f"share of answers {_as_said(declared)}",
        counts=counts,
        from_counts=mean_from_counts,
        higher_is_better=True,
        range=(0.0, 1.0),
        blind_to=(
            "Whether an answer is right: a valid answer to another question counts in full. It reads the form alone, "
            "tables and fields that do not exist included, and an answer with a word or a code fence around it is "
            "not valid however good it is."
        ),
        is_mean_of_correct=True,
        reads="texts",
    )


def _as_said(declared: Format) -> str:
    return declared.title if declared.declared.startswith("regex:") else f"that are {declared.title}"
