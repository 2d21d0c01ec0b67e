"""One run, held from Python: what the commands ask of a run folder. It computes nothing and prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sintonia import pipeline
from sintonia.errors import UsageError
from sintonia.pipeline import Listener
from sintonia.python.one_model import Model
from sintonia.python.showing import Findings
from sintonia.records import (
    Base,
    Change,
    Combining,
    Evaluated,
    Finding,
    LearningCurve,
    Prepared,
    Proposals,
    Resources,
    Turn,
    Verdict,
)
from sintonia.runs import RunFolder
from sintonia.settings import Recipe

if TYPE_CHECKING:
    from sintonia.export import Exported


def _silent(_: object) -> None:
    """Listens to nothing."""


class Run:
    """A run folder, begun with `Run.start` or found again with `Run.open`; all that is known of it lies there."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @classmethod
    def start(cls, recipe: Recipe, out: Path | str) -> Run:
        """A new run folder for a recipe; nothing is computed yet.

        Raises:
            UsageError: wrong settings, no such data file, a base that is not for them, or the folder is in use.
        """
        return cls(pipeline.start(recipe, out))

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """An existing run folder, finished or not.

        Raises:
            UsageError: there is no run in that folder.
        """
        return cls(RunFolder.open(path))

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder.place

    def __repr__(self) -> str:
        """The way it is opened again."""
        return f"Run.open({str(self.path)!r})"

    def _repr_html_(self) -> str:
        from sintonia.report import run_html

        return run_html(self.folder)

    def recipe(self) -> Recipe:
        """What was asked for."""
        return self.folder.recipe()

    def prepared(self) -> Prepared | None:
        """What became of the data, once they are read."""
        return self.folder.read("prepared.json", Prepared)

    def base(self) -> Base | None:
        """The base with its revision and licence, once it is chosen."""
        return self.folder.read("base.json", Base)

    def turns(self) -> tuple[Turn, ...]:
        """The turns that have ended, oldest first."""
        return pipeline.finished_turns(self.folder)

    def verdict(self) -> Verdict | None:
        """The newest verdict, once there is one."""
        return self.folder.read("verdict.json", Verdict)

    def findings(self) -> Findings:
        """What was found in data, training and evaluation so far."""
        return Findings(self.folder.lines("findings.jsonl", Finding))

    def cost(self) -> Resources | None:
        """What all work on this run has taken so far: seconds, memory, disk, energy."""
        return self.folder.read("cache/spent.json", Resources)

    def improve(self, listener: Listener = _silent, *, change: Change | None = None) -> Verdict:
        """Goes on until there is a verdict, as `sintonia resume`; with a change of `propose`, one more turn before it.

        Raises:
            SintoniaError: one of its kinds, each with place and hint. The folder stays whole and can be gone on with.
        """
        return pipeline.improve(self.folder, listener, change)

    def pause(self) -> None:
        """Asks the training, in whatever thread or process, to save a checkpoint and stop after the current step."""
        pipeline.request_pause(self.folder)

    def propose(self) -> Proposals:
        """What is worth doing next, as `sintonia adjust`; nothing is trained."""
        return pipeline.propose(self.folder)

    def add_rows(self, files: Sequence[Path | str], out: Path | str, *, accept: Sequence[str] = ()) -> Run:
        """A new run that goes on with more rows to train on, as `sintonia adjust --add`; `improve` does the work."""
        return Run(pipeline.add_rows(self.folder, [Path(one) for one in files], Path(out), accept=accept))

    def teach(self, pool: Path | str, out: Path | str, **settings: Any) -> Run:
        """A new run for another base that learns from this model's answers, as `sintonia tune --teacher`.

        `settings` are those of a recipe; `improve` does the work.
        """
        return Run(pipeline.teach(self.folder, Path(pool), Path(out), dict(_dotted(settings))))

    def measure_curve(
        self, listener: Listener = _silent, *, fine_tunes: bool = False, goal: float | None = None
    ) -> LearningCurve:
        """Whether more data would help, as `sintonia adjust --curve`."""
        return pipeline.measure_curve(self.folder, fine_tunes=fine_tunes, goal=goal, listener=listener)

    def combine(self, listener: Listener = _silent, *, seeds: int = 0) -> Combining:
        """Averages and scales its models, as `sintonia adjust --combine`, after training `seeds` more of the best turn.

        `improve` judges what wins.
        """
        if seeds < 0:
            raise UsageError(f"`seeds` is {seeds}", expected="0 or more")
        if seeds:
            pipeline.train_seeds(self.folder, pipeline.seeds_to_train(self.folder, seeds), listener)
        return pipeline.combine_turns(self.folder, listener)

    def write_scaled_model(self, scale: float, out: Path | str) -> Path:
        """Writes its model into a new folder, going only so far from its base, as `sintonia adjust --scale`."""
        pipeline.write_scaled_model(self.folder, scale, Path(out))
        return Path(out)

    def evaluate_on(self, file: Path | str, listener: Listener = _silent) -> Evaluated:
        """Judges its model on another file, as `sintonia evaluate RUN --on FILE`; that opening is counted."""
        return pipeline.evaluate_on(self.folder, Path(file), listener)

    def model(self) -> Model:
        """Its model, to be asked."""
        return Model(self.path)

    def predict(self, inputs: Iterable[Any]) -> list[dict[str, Any]]:
        """What its model says of each input: see `Model.predict`."""
        return self.model().predict(inputs)

    def export(self, to: str, out: Path | str, *, precision: Any = None, is_unproven: bool = False) -> Exported:
        """Writes its model in a format of others, with the proof that it is the same, as `sintonia export`."""
        from sintonia.export import Wanted, export_run

        wanted = Wanted(format=to, folder=Path(out), precision=precision, is_unproven=is_unproven)
        return export_run(self.folder, wanted)

    def write_report(self) -> tuple[Path, Path]:
        """Writes `report.html` and `card.md` again, and says where they are."""
        from sintonia.report import write_card, write_report

        self.folder.refuse_expired()
        return write_report(self.folder), write_card(self.folder)


def _dotted(settings: dict[str, Any]) -> list[tuple[str, Any]]:
    """Blocks of settings by their dotted names, which a teacher's lesson is given by."""
    found: list[tuple[str, Any]] = []
    for name, value in settings.items():
        is_block = isinstance(value, dict)
        found += [(f"{name}.{inner}", one) for inner, one in value.items()] if is_block else [(name, value)]
    return found
