"""The run that is trained anew without the rows: whether it can be, where it goes, how it begins. It trains nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sintonia.corridor.beginning import metrics_of_recipe, refuse_early, with_whole_paths
from sintonia.corridor.erasing.plan import Plan, Touched
from sintonia.errors import UsageError
from sintonia.recipe import check_values
from sintonia.runs import TEACHING, RunFolder


def refuse_retraining(run: Path, touched: Sequence[Touched]) -> None:
    """Refuses to train a run anew that did not see the rows, or cannot be begun alone.

    Raises:
        UsageError: which of these.
    """
    found = next((one for one in touched if Path(one.path).resolve() == run.resolve()), None)
    if found is None:
        raise UsageError(
            f"`{run}` saw none of these rows",
            expected="one of the runs that the plan lists",
            hint="leave `--retrain` out to see the plan with `--dry-run`",
        )
    if found.through:
        raise UsageError(
            f"`{run}` cannot be trained anew by itself: {found.through}, which saw the rows",
            hint="erase and retrain that run first; then begin this one again on its new model with `tune`",
        )
    if RunFolder(run).file(TEACHING).exists():
        raise UsageError(
            f"`{run}` learned from a teacher's answers, which are erased with it",
            hint="erase without `--retrain`, then ask the teacher again: `sintonia tune POOL --teacher RUN`",
        )
    recipe = check_values(with_whole_paths(RunFolder(run).recipe()))
    with metrics_of_recipe(recipe):
        refuse_early(recipe)


def refuse_seeing_again(run: Path, still_there: Sequence[str]) -> None:
    """Refuses a training anew on files that still hold the rows.

    Raises:
        UsageError: which files.
    """
    if still_there:
        raise UsageError(
            f"`{run}` would see the rows again: {', '.join(f'`{one}`' for one in still_there)} holds them too",
            expected="files without the rows",
            hint="name those files as well: `sintonia erase DATA FILE ... --subject KEY`; without `--keep-data`",
        )


def folder_for(run: Path, out: Path | None) -> Path:
    """The folder that was asked for, or the next free one beside the run.

    Raises:
        UsageError: it exists.
    """
    stem = re.sub(r"-erased(-\d+)?$", "", run.name)
    numbered = (run.with_name(f"{stem}-erased{f'-{number}' if number > 1 else ''}") for number in range(1, 10_000))
    folder = out.expanduser().absolute() if out else next(path for path in numbered if not path.exists())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"`{out}` exists already", hint="take another `--out`")
    return folder


def begin(plan: Plan) -> RunFolder:
    """The new run folder with the recipe of the old run, or the one that an earlier attempt has begun."""
    folder = Path(plan.out)
    if (folder / "recipe.yaml").exists() or (folder / "vault.json").exists():
        return RunFolder.open(folder)
    return RunFolder.create(folder, RunFolder(Path(plan.retrain)).recipe())
