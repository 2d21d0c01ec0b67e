"""What a run came to, in the interface's forms: metadata, the table of steps, checkpoints. It judges nothing.

Losses are those of `loss_of`: natural logarithms, and bits per byte where conversations are learned. What was not
measured stays empty: of conversations there is no accuracy of tokens.
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from sintonia.pipeline import finished_turns, loss_of
from sintonia.records import Evaluation, Event, Prepared, Verdict
from sintonia.records.verdict import Interval
from sintonia.runs import RunFolder
from sintonia.serve.store import Store
from sintonia.serve.store.events import StoredEvent

HEADER = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")
"""Of the table of steps, as OpenAI's guide has it."""
WITH_LABELS = ("classify", "multilabel")
"""Tasks of which an answer is one token of its kind, so that the share of right ones is the accuracy of tokens."""


def outcome_of(verdict: Verdict) -> dict[str, str]:
    """The verdict in keys of metadata, the most important first."""
    primary = verdict.primary
    return {
        "sintonia_outcome": verdict.outcome,
        "sintonia_metric": primary.metric,
        "sintonia_base": _number(primary.base.value),
        "sintonia_tuned": _number(primary.tuned.value),
        "sintonia_difference": _interval(primary.difference),
        "sintonia_openings": str(verdict.test_openings),
        "sintonia_examples": str(primary.examples),
    }


def table_of_steps(run: RunFolder) -> bytes:
    """The steps of the turn that gave the model, as CSV with OpenAI's header."""
    rows: dict[int, dict[str, Any]] = {}
    for event in run.lines("events.jsonl", Event):
        if event.kind == "step":
            rows.setdefault(event.step, {"step": event.step})["train_loss"] = loss_of(event)[0]
        if event.kind == "validated":
            rows.setdefault(event.step, {"step": event.step})["valid_loss"] = loss_of(event)[0]
    if _has_labels(run):
        verdict = run.read("verdict.json", Verdict)
        turn = verdict.turn if verdict else 1
        for one in run.lines(f"{run.turn(turn)}/evaluations.jsonl", Evaluation):
            found = rows.setdefault(one.step, {"step": one.step})
            found["train_accuracy"] = _share(one.train_correct)
            found["valid_mean_token_accuracy"] = _share(one.validation_correct)
    written = io.StringIO()
    table = csv.DictWriter(written, HEADER, lineterminator="\n")
    table.writeheader()
    for step in sorted(rows):
        table.writerow({key: "" if value is None else value for key, value in rows[step].items()})
    return written.getvalue().encode()


def metrics_of(event: Event) -> tuple[str, dict[str, Any]] | None:
    """A step or a validation as the interface's message and numbers; None for other events."""
    if event.kind not in ("step", "validated"):
        return None
    loss, unit = loss_of(event)
    total = event.values.get("total_steps")
    numbers: dict[str, Any] = {"step": event.step}
    if total is not None:
        numbers["total_steps"] = total
    if unit:
        numbers["loss_unit"] = unit
    shown = "?" if loss is None else f"{loss:.4f}"
    where = f"Step {event.step}/{total}" if total is not None else f"Step {event.step}"
    if event.kind == "step":
        return f"{where}: training loss={shown}", numbers | {"train_loss": loss}
    probed = event.values.get("train_loss")
    scale = 1 / math.log(2) if unit else 1.0  # of nats that became bits
    numbers |= {"train_loss": None if probed is None else probed * scale, "valid_loss": loss, "full_valid_loss": loss}
    return f"{where}: full validation loss={shown}", numbers


def checkpoints_of(store: Store, job: str, tuned_name: str) -> list[dict[str, Any]]:
    """The validations of a job behind its start, newest first, each as OpenAI's `fine_tuning.job.checkpoint`."""
    path = store.jobs.run_path(job)
    if not (path / "recipe.yaml").is_file():
        return []
    run, found = RunFolder.open(path), []
    told = {
        (one.data["turn"], one.data["step"]): one
        for one in reversed(store.events.page(job, after=None, most=2**31))
        if one.data and "valid_loss" in one.data
    }
    folders = [folder for folder in sorted(path.glob("turns/*")) if folder.name.isdigit()]
    for folder in folders:
        turn = int(folder.name)
        for one in run.lines(f"{run.turn(turn)}/evaluations.jsonl", Evaluation):
            if one.step and (turn, one.step) in told:
                name = _checkpoint_name(tuned_name, turn, len(folders), one.step)
                found.append(_checkpoint(job, name, told[turn, one.step]))
    return found[::-1]


def kept_checkpoint(run: RunFolder, tuned_name: str) -> str:
    """The name of the checkpoint whose weights are the model: those of no other are kept."""
    verdict, turns = run.read("verdict.json", Verdict), finished_turns(run)
    kept = next((one for one in turns if verdict and one.number == verdict.turn), None)
    return _checkpoint_name(tuned_name, kept.number, len(turns), kept.candidate.best_step) if kept else ""


def _checkpoint(job: str, name: str, told: StoredEvent) -> dict[str, Any]:
    numbers = told.data or {}
    shown = ("step", "train_loss", "valid_loss", "full_valid_loss")
    return {
        "id": f"ftckpt_{told.id.partition('-')[2]}",
        "object": "fine_tuning.job.checkpoint",
        "created_at": told.created_at,
        "fine_tuned_model_checkpoint": name,
        "fine_tuning_job_id": job,
        "step_number": numbers["step"],
        "metrics": {key: numbers[key] for key in shown if numbers.get(key) is not None},
    }


def _checkpoint_name(tuned_name: str, turn: int, num_turns: int, step: int) -> str:
    return f"{tuned_name}:ckpt-{f'turn-{turn}-' if num_turns > 1 else ''}step-{step}"


def _has_labels(run: RunFolder) -> bool:
    prepared = run.read("prepared.json", Prepared)
    return prepared is not None and prepared.task in WITH_LABELS


def _share(right: tuple[bool, ...]) -> float | str:
    return sum(right) / len(right) if right else ""


def _number(value: float) -> str:
    return f"{value:.4f}"


def _interval(one: Interval) -> str:
    return f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
