"""The models that are offered: bases of this machine, runs that were named, what jobs have made.

A name that was sent is looked up among them and used for nothing else; nothing is ever fetched.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.choose import known_bases
from sintonia.errors import UsageError
from sintonia.records import Verdict
from sintonia.runs import RunFolder
from sintonia.serve.jobs import kept_checkpoint
from sintonia.serve.refusals import Refused, not_found
from sintonia.serve.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KNOWN_SECONDS = 5.0
_MARK = ":ckpt-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One model."""

    id: str
    place: str
    """A run folder, or the reference of a base: what the shelf opens."""
    created: int
    owner: str
    is_base: bool = False
    kind: str = ""
    """Of a base, whether it is an `encoder` or a `language` model."""

    def as_object(self) -> dict[str, Any]:
        """OpenAI's `model`."""
        return {"id": self.id, "object": "model", "created": self.created, "owned_by": self.owner}


class Offers:
    """All of them, looked up by name."""

    def __init__(self, store: Store, runs: Sequence[Path]) -> None:
        """`runs` are finished runs, offered by the names of their folders.

        Raises:
            UsageError: a run is not finished, or a name is taken or none.
        """
        self._store = store
        self._bases: tuple[float, dict[str, Offer]] = (-_KNOWN_SECONDS, {})
        self._runs: dict[str, Offer] = {}
        for path in runs:
            self._add_run(path)

    def all(self) -> list[Offer]:
        """Bases, runs, then what jobs have made, the newest job first."""
        made = [self._of_job(one) for one in self._store.jobs.newest_first() if _has_model(one)]
        return [*self._known_bases().values(), *self._runs.values(), *made]

    def find(self, name: str) -> Offer:
        """A model by its name; the kept checkpoint of a job is its model.

        Raises:
            Refused: there is none.
        """
        found = self._known_bases().get(name) or self._runs.get(name)
        if found is not None:
            return found
        tuned, mark, _ = name.partition(_MARK)
        job = self._store.jobs.of_model(tuned)
        if job is None or not _has_model(job):
            raise not_found("model", name)
        offer = self._of_job(job)
        if mark:
            kept = kept_checkpoint(RunFolder(Path(offer.place)), tuned)
            if name != kept:
                what = f"The weights of this checkpoint were not kept; those that were are '{kept}', the model itself"
                raise Refused(404, what, code="model_not_found", about="model")
        return offer

    def base_of(self, name: str) -> str:
        """What a recipe calls the model that a job is to begin with.

        Raises:
            Refused: there is none.
        """
        found = self.find(name)
        return found.place if found.is_base else f"file:{Path(found.place) / 'model'}"

    def plain_name(self, name: str) -> str:
        """The name of a model within the name of one that comes from it: of a tuned one that of its base."""
        return name.split(":")[1] if name.startswith("ft:") else name

    def _known_bases(self) -> dict[str, Offer]:
        when, found = self._bases
        if time.monotonic() - when < _KNOWN_SECONDS:
            return found
        here = [one for one in known_bases() if one.folder and one.name]
        found = {
            one.name: Offer(
                id=one.name, place=one.name, created=_born(Path(one.folder)), owner="base", is_base=True, kind=one.kind
            )
            for one in here
        }
        self._bases = (time.monotonic(), found)
        return found

    def _add_run(self, path: Path) -> None:
        run = RunFolder.open(path)
        if run.read("verdict.json", Verdict) is None:
            raise UsageError(f"`{path}` has no verdict yet", hint=f"`sintonia resume {path}` goes on to it")
        name = run.path.resolve().name
        if not _NAME.fullmatch(name):
            raise UsageError(f"`{name}` cannot be the name of a model", expected="letters, digits, `.`, `_` and `-`")
        if name in self._runs or name in self._known_bases():
            raise UsageError(f"two models are called `{name}`", hint="rename the folder of the run")
        self._runs[name] = Offer(id=name, place=str(run.path), created=_born(run.file("verdict.json")), owner="run")

    def _of_job(self, job: Any) -> Offer:
        place = str(self._store.jobs.run_path(job.id))
        return Offer(id=job.tuned_name, place=place, created=job.finished_at or job.created_at, owner="job")


def _has_model(job: Any) -> bool:
    return job.status == "succeeded" and not job.is_model_deleted


def _born(path: Path) -> int:
    return int(path.stat().st_mtime)
