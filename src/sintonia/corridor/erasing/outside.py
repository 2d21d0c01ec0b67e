"""What an erasure does not reach, as far as it is known: named one by one, and the rest by its kind. It looks only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sintonia.audit import entries
from sintonia.corridor.erasing.plan import Touched
from sintonia.errors import SintoniaError
from sintonia.runs import RunFolder
from sintonia.vault import has_key_at_hand, is_vault

_ALWAYS = (
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
    for one in entries():
        if one.event == "export" and one.facts.get("run") in names:
            facts = one.facts
            lines.append(f"export `{facts.get('folder')}` ({facts.get('format')}) of run `{facts['run']}`, {one.time}")
    for run in touched:
        lines += _of_run(run, keeps_models=keeps_models)
    return (*dict.fromkeys(lines), *_ALWAYS)


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
