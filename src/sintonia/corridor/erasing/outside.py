"""What an erasure does not reach, as far as it is known: named one by one, and the rest by its kind. It looks only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from pathlib import Path

from sintonia.audit import Entry, entries
from sintonia.corridor.erasing.plan import Touched
from sintonia.corridor.growing.answers import texts_kept_in
from sintonia.errors import SintoniaError
from sintonia.prepare.erasing.finding import FoundRows
from sintonia.prepare.table import shown
from sintonia.privacy.lineage import Entry as KnownRun
from sintonia.privacy.lineage import keys_of
from sintonia.runs import RunFolder
from sintonia.vault import has_key_at_hand, is_vault

_ALWAYS = (
    "copies of the data that no known run was made of or judged on, and what `sintonia label` keeps or has written "
    "where no known data lie",
    "backups, snapshots and synchronised copies of the data, of the run folders and of SINTONIA_HOME",
    "copies of models, reports and cards that were handed on, and programs that have a model open until they end",
    "what the disk may still hold of removed files until it is written over",
)


def outside_of(
    touched: Sequence[Touched], files: Sequence[Path], *, keeps_models: bool, keeps_data: bool
) -> tuple[str, ...]:
    """A line for each thing that is not erased."""
    lines = list(_of_data(files, keeps_data=keeps_data))
    names = {Path(one.path).name for one in touched}
    lines += [line for one in entries() if (line := _handed_on(one, names))]
    for run in touched:
        lines += _of_run(run, keeps_models=keeps_models)
    return (*dict.fromkeys(lines), *_ALWAYS)


def _handed_on(entry: Entry, runs: Set[str]) -> str:
    """What the audit log says was given out of one of these runs, by their names; empty of all else."""
    facts, name = entry.facts, str(entry.facts.get("run") or entry.facts.get("model"))
    if name not in runs:
        return ""
    if entry.event == "export":
        return f"export `{facts.get('folder')}` ({facts.get('format')}) of run `{name}`, {entry.time}"
    if entry.event == "handed_out":
        files = ", ".join(map(str, facts.get("files", ())))
        return f"{files} of run `{name}`, handed out of its vault to `{facts.get('folder')}`, {entry.time}"
    if entry.event == "prediction":
        return f"answers of run `{name}`, written to `{facts.get('out')}`, {entry.time}"
    return ""


def rows_that_stay(looked: Sequence[FoundRows], column: str) -> Iterator[str]:
    """What is like the rows that are meant, or could not be looked for: counts and places, never a value."""
    for one in looked:
        if one.near:
            count, spellings = sum(one.near.values()), len(one.near)
            yield (
                f"{count:,} rows of `{one.path}` whose `{shown(column)}` is the subject spelled otherwise "
                f"({spellings:,} spellings): if they are meant too, erase again with that spelling"
            )
        if one.num_unread:
            yield (
                f"what runs may hold of {one.num_unread:,} of the rows of `{one.path}`, which make no example in any "
                "known way to read them: `--columns` names another"
            )


def other_data(holding: Iterable[KnownRun], files: Sequence[Path], look: Callable[[Path], FoundRows]) -> Iterator[str]:
    """Data files of the runs that saw the rows, but those that are named, which hold the rows too, or may."""
    named = {one.resolve() for one in files}
    for run in holding:
        name = Path(run.path).name
        made = [(Path(one), f"run `{name}` was made of") for one in run.files]
        judged = [(Path(one), f"run `{name}` was judged on") for one in run.judged]
        lines = (_of_other(path, why, look) for path, why in (*made, *judged) if path.resolve() not in named)
        yield from filter(None, lines)
        if not judged and any(one.name.startswith("evaluations/") for one in run.sets):
            yield f"the file that run `{name}` was judged on, whose place was not noted then"


def _of_other(path: Path, why: str, look: Callable[[Path], FoundRows]) -> str:
    """What is said of another data file; nothing where it holds none of the rows."""
    try:
        if not path.exists():
            return f"`{path}`, which {why} and which is not there any more: removed, moved, or copied"
        count = len(look(path).lines)
    except (SintoniaError, OSError):
        return f"what `{path}` may hold of the rows, which {why}: it cannot be read as data now"
    return f"{count:,} of the rows in `{path}`, which {why}: name it behind the first file too" if count else ""


def of_labelling(files: Iterable[Path], named: Sequence[Path], keys: Set[int]) -> Iterator[str]:
    """What `sintonia label` keeps of the rows in the folders of some data files: answers, and texts it asked about."""
    known = {one.resolve() for one in named}
    for folder in sorted({one.parent for one in files}):
        kept = (one for one in texts_kept_in(folder) if one[0].resolve() not in known)
        for path, texts, is_whole in kept:
            count = len(keys & set(keys_of(texts).tolist()))
            if count:
                yield f"{count:,} of the rows in `{path}`, which `sintonia label` keeps"
            if not is_whole:
                yield f"what `{path}` may hold of the rows, which `sintonia label` keeps: some of it cannot be read"


def _of_data(files: Sequence[Path], *, keeps_data: bool) -> Iterator[str]:
    for file in files:
        if keeps_data:
            yield f"`{file}` itself, which is left as it is"
        elif file.stat().st_nlink > 1:
            yield f"{file.stat().st_nlink - 1} other hard link(s) to what `{file}` was: they keep the rows"
        folder = next((one for one in file.resolve().parents if (one / ".git").exists()), None)
        if folder is not None:
            yield f"the git repository `{folder}`, if `{file.name}` was ever committed there"


def _of_run(touched: Touched, *, keeps_models: bool) -> Iterator[str]:
    path = Path(touched.path)
    if not touched.exists:
        yield f"the run that lay at `{path}` and is not there any more: removed, moved, or copied"
        return
    if keeps_models and touched.is_learned:
        yield from (f"`{path / name}`, a model that learned from the rows and is kept" for name in touched.models)
    if is_vault(path) and not has_key_at_hand(path):
        return
    try:
        recipe = RunFolder(path).recipe()
    except SintoniaError:
        return
    if recipe.tracking:
        yield f"what run `{path.name}` told {', '.join(recipe.tracking)} outside its folder"
    if recipe.evaluation.judge and "://" in recipe.evaluation.judge:
        yield f"test texts of run `{path.name}` that were sent to the judge {recipe.evaluation.judge.partition('#')[0]}"
