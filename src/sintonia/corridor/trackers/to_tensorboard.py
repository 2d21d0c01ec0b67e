"""TensorBoard: event files in `tensorboard/` of the turn, written anew from the record whenever they are opened.

`tensorboard --logdir RUN/turns` shows them. Nothing is sent anywhere.
"""

from __future__ import annotations

import shutil

from sintonia.corridor.trackers.tracker import Place

FOLDER = "tensorboard"


class TensorBoardFiles:
    """The event files of one turn."""

    def __init__(self, place: Place) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = place.folder / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self._writer = SummaryWriter(str(folder))
        rows = "".join(f"| {name} | {value} |\n" for name, value in place.settings.items())
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", 0)
        self._step = 0

    def last_step(self, series: str) -> int:
        """None: the files are new."""
        return -1

    def log(self, numbers: dict[str, float], step: int) -> None:
        """One scalar a series."""
        self._step = max(self._step, step)
        for series, value in numbers.items():
            self._writer.add_scalar(series, value, step)

    def flush(self) -> None:
        """To disk."""
        self._writer.flush()

    def conclude(self, words: dict[str, str], numbers: dict[str, float]) -> None:
        """The verdict as text, and its numbers at the last step."""
        for name, text in words.items():
            self._writer.add_text(name, text, self._step)
        self.log(numbers, self._step)

    def close(self, is_finished: bool) -> None:
        """Ends the files."""
        self._writer.close()


def open_tracker(place: Place) -> TensorBoardFiles:
    """New event files for a turn."""
    return TensorBoardFiles(place)
