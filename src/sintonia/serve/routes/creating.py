"""How a request becomes a job: everything that can be refused is refused before the job is there."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError, UsageError
from sintonia.pipeline import start
from sintonia.serve.jobs import (
    DATA,
    VALIDATION,
    Asked,
    method_of,
    recipe_from,
    settings_of,
    shown_hyperparameters,
)
from sintonia.serve.refusals import Refused, not_found, refusal_of, shown
from sintonia.serve.routes.plain_text import refuse_unwritable
from sintonia.serve.state import State
from sintonia.serve.store import Job, StoredFile, new_name
from sintonia.serve.store.names import random_letters

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9-]+")
_ORGANISATION = "local"


def create(state: State, asked: Asked) -> Job:
    """A new job with its run folder.

    Raises:
        Refused: no such model or file, or settings that do not go together.
    """
    _refuse_crowd(state)
    refuse_unwritable(asked.sintonia, "sintonia")
    _check_metadata(asked)
    base = state.offers.base_of(asked.model)
    data = _file(state, asked.training_file, "training_file")
    validation = _file(state, asked.validation_file, "validation_file") if asked.validation_file else None
    settings = settings_of(asked)
    name, seed = new_name("ftjob"), secrets.randbelow(2**31) if asked.seed is None else asked.seed
    folder = state.store.jobs.path(name)
    try:
        path, validation_path = _link_files(state, folder, data, validation)
        recipe = recipe_from(
            settings, base=base, seed=seed, path=str(path), validation=str(validation_path) if validation else None
        )
        _start(state, recipe, name)
        job = state.store.jobs.add(
            name,
            asked.model,
            _tuned_name(state, asked),
            _remembered(asked, settings["task"], seed),
            dict(asked.metadata or {}),
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    state.store.events.add(name, f"Created fine-tuning job: {name}")
    state.store.events.add(name, "Validating training file: " + data.id)
    state.scheduler.wake()
    return job


def _start(state: State, recipe: Any, name: str) -> None:
    """Makes the run folder, which refuses what cannot work whatever the data are."""
    try:
        start(recipe, state.store.jobs.run_path(name))
    except UsageError as error:
        raise refusal_of(error, "model") from None


def _refuse_crowd(state: State) -> None:
    most = state.around.limits.waiting_jobs
    if len(state.store.jobs.with_status("validating_files", "queued", "running", "paused")) >= most:
        raise Refused(429, f"{most} jobs have not ended yet", code="rate_limit_exceeded", wait_seconds=60)


def _check_metadata(asked: Asked) -> None:
    if ours := [key for key in asked.metadata or () if key.startswith("sintonia_")]:
        what = f"The key '{shown(ours[0])}' of metadata is written by the server"
        raise Refused(400, what, code="invalid_value", about="metadata")


def _file(state: State, name: str, about: str) -> StoredFile:
    found = state.store.files.find(name)
    if found is None:
        raise Refused(400, f"There is no file '{shown(name)}'", code="invalid_file", about=about)
    if found.purpose != "fine-tune":
        raise Refused(400, f"The file has the purpose '{found.purpose}', not 'fine-tune'", code="invalid_file",
                      about=about)  # fmt: skip
    return found


def _link_files(state: State, folder: Path, data: StoredFile, validation: StoredFile | None) -> tuple[Path, Path]:
    """The files of a job in its own folder: deleting the upload takes nothing from it."""
    folder.mkdir(mode=0o700, parents=True)
    for file, name in ((data, DATA), (validation, VALIDATION)):
        if file is None:
            continue
        try:
            os.link(state.store.files.path(file.id), folder / name)
        except FileNotFoundError:
            raise not_found("File object", file.id) from None
        except OSError as error:
            raise StorageError(f"cannot keep the file for the job: {error.strerror}") from None
    return folder / DATA, folder / VALIDATION


def _remembered(asked: Asked, task: str, seed: int) -> dict[str, Any]:
    return {
        "task": task,
        "method": method_of(asked)[0],
        "hyperparameters": shown_hyperparameters(asked),
        "training_file": asked.training_file,
        "validation_file": asked.validation_file,
        "seed": seed,
        "result_names": [new_name("file") for _ in range(3)],
    }


def _tuned_name(state: State, asked: Asked) -> str:
    """`ft:BASE:ORG:SUFFIX:RANDOM8`; the suffix in letters, digits and hyphens."""
    suffix = _NOT_IN_A_NAME.sub("-", asked.suffix or "").strip("-")
    if asked.suffix and not suffix:
        raise Refused(400, "The suffix has neither letters nor digits", code="invalid_value", about="suffix")
    return f"ft:{state.offers.plain_name(asked.model)}:{_ORGANISATION}:{suffix}:{random_letters(8)}"
