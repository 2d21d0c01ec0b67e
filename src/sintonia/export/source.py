"""What is exported: the model of a finished run, of which kind it is, and validation examples to prove it on.

The sealed test is not touched: examples come from the validation set alone. Nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sintonia.errors import RunFailed, StorageError, UsageError
from sintonia.models.open import read_candidate
from sintonia.models.shape import is_causal
from sintonia.models.sources.folder import is_adapter
from sintonia.models.sources.trust import read_json_object
from sintonia.records import Base, Example, Prepared, Turn, Verdict
from sintonia.runs import RunFolder, weights_id
from sintonia.tasks import LANGUAGE_TASKS, TASKS

Kind = Literal["language", "classifier of a language model", "encoder with a head", "tagger", "embedder"]
MOST_EXAMPLES = 24
"""Validation examples that an export is proved on, where there are as many."""
_WHOLE_TAGGER = "token classifier of transformers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The model of a run, ready to be exported."""

    run: RunFolder
    folder: Path
    body: dict[str, Any]
    """What the model says of itself."""
    kind: Kind
    base: Base | None
    examples: tuple[Example, ...]
    """Of the validation set, in the order of the file."""

    @property
    def task(self) -> str:
        """What it learned."""
        return str(self.body["task"])

    @property
    def is_adapter(self) -> bool:
        """Whether the run saved an adapter, and not all weights."""
        return is_adapter(self.folder)

    @property
    def reading(self) -> dict[str, Any]:
        """How it reads texts, where that is not the plain way."""
        return dict(self.body.get("reading") or {})

    @property
    def max_tokens(self) -> int:
        """Most tokens that it reads of a text."""
        if "max_tokens" in self.body:
            return int(self.body["max_tokens"])
        limits = read_json_object(self.folder / "sentence_bert_config.json")
        return int(limits["max_seq_length"])

    @property
    def is_whole(self) -> bool:
        """Whether transformers or sentence-transformers read its folder as it is, and find in it what is found here."""
        if self.kind == "tagger":
            return self.body.get("form") == _WHOLE_TAGGER
        return self.reading.get("pairs") != "compared"


def open_source(run: RunFolder) -> Source:
    """The model of a finished run, and examples of its validation set.

    Raises:
        UsageError: the run is not finished, or its data have expired.
        RunFailed: it has no validation example.
        StorageError: the model is damaged.
    """
    run.refuse_expired()  # without validation examples nothing can prove an export
    prepared, folder = run.read("prepared.json", Prepared), run.file("model")
    verdict = run.read("verdict.json", Verdict)
    if prepared is None or verdict is None or not folder.is_dir():
        raise UsageError(f"`{run.place}` has no model yet", hint=f"`sintonia resume {run.place}` goes on to it")
    body = read_candidate(folder)
    judged = run.read(f"{run.turn(verdict.turn)}/turn.json", Turn)
    if judged is not None and judged.candidate.files_id not in (None, "", weights_id(folder)):
        raise StorageError(
            f"`{folder}` is not the model of the verdict: its files were changed since",
            hint=f"bring them back from a copy; `{judged.candidate.weights}` in the run holds them too",
        )
    examples = run.lines(prepared.parts[0].validation.path, Example)[:MOST_EXAMPLES]
    if not examples:
        raise RunFailed(f"`{run.place}` has no validation example to prove an export on", hint="begin a new run")
    return Source(
        run=run,
        folder=folder,
        body=body,
        kind=_kind(folder, str(body.get("task"))),
        base=run.read("base.json", Base),
        examples=tuple(examples),
    )


def _kind(folder: Path, task: str) -> Kind:
    if task in LANGUAGE_TASKS:
        return "language"
    if task not in TASKS:
        raise UsageError(f"`{folder}` learned the task `{task}`, which is unknown here", hint="install its package")
    if task in ("embed", "tag"):
        return "embedder" if task == "embed" else "tagger"
    return "classifier of a language model" if is_causal(folder) else "encoder with a head"
