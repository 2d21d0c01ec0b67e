"""Weights & Biases, offline: files in `wandb/` of the turn, written anew from the record whenever they are opened.

Nothing is sent, also for somebody who is logged in: `wandb sync RUN/turns/001/wandb/offline-run-*` uploads a run.
"""

from __future__ import annotations

import hashlib
import shutil

from sintonia.corridor.trackers.tracker import Place

FOLDER, PROJECT = "wandb", "sintonia"


class OfflineRun:
    """One offline run of W&B that belongs to one turn; its id is always the same."""

    def __init__(self, place: Place) -> None:
        import wandb

        shutil.rmtree(place.folder / FOLDER, ignore_errors=True)
        (place.folder / FOLDER).mkdir(parents=True, mode=0o700)  # without it, W&B writes to a temporary folder
        settings = wandb.Settings(
            console="off", disable_git=True, disable_code=True, silent=True, x_disable_stats=True, x_disable_meta=True
        )
        self._run = wandb.init(
            project=PROJECT,
            id=hashlib.sha256(str(place.folder).encode()).hexdigest()[:16],
            name=place.name,
            dir=str(place.folder),
            mode="offline",
            config=place.settings,
            settings=settings,
        )

    def last_step(self, series: str) -> int:
        """None: the files are new."""
        return -1

    def log(self, numbers: dict[str, float], step: int) -> None:
        """One row of its history; numbers of the same step go into the same row."""
        self._run.log(numbers, step=step)

    def flush(self) -> None:
        """W&B writes by itself."""

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        """The verdict in the summary."""
        self._run.summary.update({**words, **numbers})

    def close(self, is_finished: bool) -> None:
        """Ends the files."""
        self._run.finish(exit_code=0 if is_finished else 1)


def open_tracker(place: Place) -> OfflineRun:
    """New files for a turn."""
    return OfflineRun(place)
