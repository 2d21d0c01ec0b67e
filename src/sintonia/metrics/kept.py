"""The metrics that a recipe adds, as a run folder keeps them: what a report says of them, and hashes of their files.

A run folder that somebody hands on can be read and shown without running the code of its metric.
"""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import UsageError
from sintonia.files import read_json, sha256_file, write_json
from sintonia.metrics.metric import Metric
from sintonia.metrics.table import asked_for, facts, from_facts
from sintonia.runs import RunFolder
from sintonia.settings import EvaluationSettings

_NAME = "metrics.json"


def own_metrics(run: RunFolder) -> tuple[Metric, ...]:
    """The metrics that the recipe of a run adds; what the report says of them is kept in the run folder.

    Raises:
        UsageError: a file of theirs cannot be used, or was changed since the run began.
    """
    recipe = run.recipe()
    asked = recipe.evaluation
    metrics, hashes = (
        asked_for(asked.format, asked.metrics_file, recipe.classify.order),
        {one: sha256_file(Path(one)) for one in _files(asked)},
    )
    kept = read_json(run.file(_NAME))
    if kept is None and metrics:
        write_json(run.file(_NAME), {"files": hashes, "metrics": [facts(one) for one in metrics]})
    changed = [name for name, found in hashes.items() if kept and kept["files"].get(name) != found]
    if changed:
        raise UsageError(
            f"`{Path(changed[0]).name}` was changed since this run began: its scores would be of two metrics",
            hint="bring the old file back, or begin a new run",
            where=changed[0],
        )
    return metrics


def told_metrics(run: RunFolder) -> tuple[Metric, ...]:
    """The same as far as they can be spoken of, from the run folder alone: no code is run."""
    kept = read_json(run.file(_NAME))
    return tuple(from_facts(one) for one in kept["metrics"]) if kept else ()


def _files(asked: EvaluationSettings) -> list[str]:
    """What is read to compute them: the file of the metric, the schema of the format."""
    kind, _, rest = (asked.format or "").partition(":")
    return [one for one in (asked.metrics_file, rest if kind == "json" else None) if one]
