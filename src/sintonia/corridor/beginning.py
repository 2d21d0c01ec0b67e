"""How a run begins, and how it is gone on with: what is refused before the data are read, and what changed since.

A command that is refused because of its recipe or its data leaves no run folder behind. It reads no example and
trains nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import DataError, Unavailable, UsageError, hiding
from sintonia.files import sha256_file
from sintonia.records import Base
from sintonia.runs import ANSWERED, RunFolder
from sintonia.settings import LoraSettings, Recipe, TrainingSettings

_ORIGINALS = "cache/originals.json"

_USUAL = ("classify", "chat")
"""Tasks that are spoken of where nobody named one."""


def refuse_early(recipe: Recipe, *, asks_judge: bool = True) -> None:
    """Refuses what cannot work whatever the data are: method and base for the task, and what is asked of the base.

    Where the task is left to the data, a recipe is refused that fits none. A base that would have to be fetched first
    is looked at when it is chosen. A judge that answers over the network is asked once whether it is there, unless
    nobody will ask it.

    Raises:
        UsageError: why, for each task that it may be.
        StorageError: the base cannot be read.
    """
    from sintonia.choose import can_learn, is_usual_kind, refuse_away
    from sintonia.tasks import TASKS

    refuse_away(recipe.base, recipe.task)
    if asks_judge and recipe.evaluation.judge is not None:
        from sintonia.corridor.closing.opinion import refuse_judge

        refuse_judge(recipe)
    tasks = [task for task in TASKS if recipe.task in ("auto", task)]
    if len(tasks) > 1 and recipe.base != "auto":
        tasks = [task for task in tasks if can_learn(recipe, task)] or tasks
    refused = [error for task in tasks if (error := _refusal(recipe, task))]
    if len(refused) < len(tasks):
        return
    pairs = sorted(zip(tasks, refused, strict=True), key=lambda pair: not is_usual_kind(recipe, pair[0]))
    told = [(task, one) for task, one in pairs if task in _USUAL and is_usual_kind(recipe, task)] or pairs[:1]
    refused = [one for _, one in told]  # the others would say the same of their own names
    whats = dict.fromkeys(one.what for one in refused)
    named = [f"to {task}: {one.what}" for task, one in told]
    raise UsageError(
        "; ".join(named if len(whats) > 1 else whats),
        expected=refused[0].expected if len(refused) == 1 else "",
        hint="; ".join(dict.fromkeys(one.hint for one in refused)),
    )


@contextmanager
def metrics_of_recipe(recipe: Recipe) -> Iterator[None]:
    """Within it there are the metrics that a recipe adds.

    Raises:
        UsageError: no such metric, a file of it that cannot be used, or settings that the named task has no use for.
    """
    from sintonia.metrics import adding, asked_for
    from sintonia.metrics.asked import refuse_idle, refuse_unknown
    from sintonia.tasks import TASKS

    asked = asked_for(recipe.evaluation.format, recipe.evaluation.metrics_file, recipe.classify.order)
    with hiding(recipe.privacy.redact), adding(*asked):
        refuse_unknown(recipe.evaluation)
        if recipe.task in TASKS:
            refuse_idle(recipe.evaluation, recipe.task, TASKS[recipe.task].METRICS)
        yield


@contextmanager
def metrics_of_run(run: RunFolder) -> Iterator[None]:
    """The same for a run, whose folder keeps what is to be said of them.

    Raises:
        UsageError: a file of them was changed since the run began.
    """
    from sintonia.metrics import adding
    from sintonia.metrics.asked import refuse_unknown
    from sintonia.metrics.kept import own_metrics

    run.refuse_expired()
    with hiding(run.recipe().privacy.redact), adding(*own_metrics(run)):
        refuse_unknown(run.recipe().evaluation)
        yield


@contextmanager
def told_metrics_of_run(run: RunFolder) -> Iterator[None]:
    """The same as far as they can be spoken of; no code of a person is run."""
    from sintonia.metrics import adding
    from sintonia.metrics.kept import told_metrics

    run.refuse_expired()
    with hiding(run.recipe().privacy.redact), adding(*told_metrics(run)):
        yield


def with_whole_paths(recipe: Recipe) -> Recipe:
    """With whole paths of the files that a recipe names, so that a run can be resumed from anywhere.

    Raises:
        UsageError: there is no such data file, or no such base.
    """
    data = Path(recipe.data.path).expanduser()
    if not data.exists():
        raise UsageError(f"there is no file `{recipe.data.path}`", hint="check the path")
    template = recipe.chat.template  # a path, or a name
    template = _whole(template) if Path(template).expanduser().is_file() else template
    evaluation = recipe.evaluation
    kind, _, schema = (evaluation.format or "").partition(":")
    judge = evaluation.judge
    return dataclasses.replace(
        recipe,
        base=_whole_reference(recipe.base) if recipe.base != "auto" else recipe.base,
        data=dataclasses.replace(
            recipe.data,
            path=str(data.absolute()),
            test=_whole(recipe.data.test),
            validation=_whole(recipe.data.validation),
            added=tuple(str(Path(one).expanduser().absolute()) for one in recipe.data.added),
            production=_whole(recipe.data.production),
        ),
        chat=dataclasses.replace(recipe.chat, template=template),
        evaluation=dataclasses.replace(
            evaluation,
            format=f"json:{_whole(schema)}" if kind == "json" and schema else evaluation.format,
            metrics_file=_whole(evaluation.metrics_file),
            judge=_whole_path_of(judge) if judge else None,
        ),
    )


def _whole(path: str | None) -> str | None:
    return str(Path(path).expanduser().absolute()) if path else None


def _whole_path_of(judge: str) -> str:
    """A judge in a folder, with its whole path; anything else as it is, to be looked at later."""
    from sintonia.models.catalog import catalog

    path = Path(judge.removeprefix("file:")).expanduser()
    is_path = "://" not in judge and judge not in catalog() and path.exists()
    return f"file:{path.absolute()}" if is_path else judge


def _whole_reference(base: str) -> str:
    """The reference of a base; of a folder or file, with its whole path."""
    from sintonia.models.catalog import find_entry

    scheme, _, place = find_entry(base).reference.partition(":")
    if scheme != "file":
        return base
    if not Path(place).expanduser().exists():
        raise UsageError(f"there is no base `{place}`", hint="check the path")
    return f"file:{_whole(place)}"


def _refusal(recipe: Recipe, task: str) -> UsageError | None:
    from sintonia.choose import foresee
    from sintonia.resolve import check_base_settings, settle

    try:
        settled = settle(recipe, task)
        base = foresee(recipe, task) if _asks_of_base(recipe) else None
        if base is not None:
            check_base_settings(settled, base)
            _refuse_rank(settled, base)
    except UsageError as error:
        return error
    return None


def _asks_of_base(recipe: Recipe) -> bool:
    """Whether a base was named, or something of the default one: else it fits, and is not looked at twice."""
    training, usual = recipe.training, TrainingSettings()
    asks = (training.frozen_layers, training.max_tokens) != (usual.frozen_layers, usual.max_tokens)
    return asks or recipe.base != "auto" or recipe.lora != LoraSettings()


def _refuse_rank(recipe: Recipe, base: Base) -> None:
    rank, width = recipe.lora.rank, base.hidden_size
    if recipe.method == "lora" and rank != LoraSettings().rank and rank > width:
        raise UsageError(
            f"`lora.rank` is {rank}, the base is only {width} wide",
            hint=f"at most {width}: of a higher rank the adapters are larger than the layers beside them",
        )


@contextmanager
def leaving_nothing(run: RunFolder) -> Iterator[None]:
    """Within it a refusal of the recipe or the data takes the run folder away, if nothing was prepared in it before.

    What may pass (no network, too little memory) takes nothing away: what was prepared is gone on with. Nor is what a
    teacher has answered taken away, which may have taken hours.
    """
    is_new = not run.file("prepared.json").exists()
    try:
        yield
    except Unavailable as refused:
        again = f"`sintonia resume {run.place}` goes on once that has changed"
        refused.hint = f"{refused.hint}; {again}" if refused.hint else again
        raise
    except (DataError, UsageError):
        if is_new and not run.file(ANSWERED).exists():
            run.remove()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A file of the recipe as it was when it was read: its size, its time, and a hash of what it says."""

    path: str
    num_bytes: int
    changed_nanoseconds: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Originals:
    """All of them."""

    files: tuple[Original, ...]


def remember_originals(run: RunFolder, recipe: Recipe) -> None:
    """Keeps what the data files of a recipe are like, so that a resume can say when they were changed.

    It is called before they are read, so that a change meanwhile is seen. What cannot be read is left to the reading.
    """
    asked = recipe.data
    paths = [path for path in (asked.path, asked.test, asked.validation, *asked.added, asked.production) if path]
    files = [_original(path) for path in paths if Path(path).is_file() or Path(path).is_dir()]
    run.write(_ORIGINALS, _Originals(files=tuple(one for one in files if one)))


def originals_of(run: RunFolder) -> tuple[Original, ...]:
    """The data files of a run as they were when they were read."""
    known = run.read(_ORIGINALS, _Originals)
    return known.files if known else ()


def changed_originals(run: RunFolder) -> tuple[str, ...]:
    """A line for each data file that is no longer what this run has read. The run has its own copy of the rows."""
    going_on = "it goes on with the rows it began with; a new run takes the file as it is now"
    files = originals_of(run)
    return tuple(f"`{Path(one.path).name}` {found}: {going_on}" for one in files if (found := _change(one)))


def _original(path: str) -> Original | None:
    try:
        return Original(path=path, **_traits(Path(path)), sha256=_hash(Path(path)))
    except OSError:
        return None


def _change(original: Original) -> str:
    path = Path(original.path)
    seen = {"num_bytes": original.num_bytes, "changed_nanoseconds": original.changed_nanoseconds}
    try:
        if not path.exists():
            return "was moved or removed since this run began"
        has_changed = _traits(path) != seen and _hash(path) != original.sha256
    except OSError:
        return "cannot be read any more"
    return "was changed since this run began" if has_changed else ""


def _traits(path: Path) -> dict[str, int]:
    found = [one.stat() for one in _files(path)]
    return {
        "num_bytes": sum(one.st_size for one in found),
        "changed_nanoseconds": max((one.st_mtime_ns for one in found), default=0),
    }


def _hash(path: Path) -> str:
    """A sha256 of a file, or of all files of a folder with their names."""
    if not path.is_dir():
        return sha256_file(path)
    lines = "".join(f"{one.relative_to(path).as_posix()} {sha256_file(one)}\n" for one in _files(path))
    return hashlib.sha256(lines.encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
