"""The room that prepares: reads the data, audits every row, splits by group, seals the test last.

It holds no model and embeds nothing. After the sealing no test row is read again until the pipeline opens it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from sintonia.metrics.asked import refuse_idle
from sintonia.prepare.added.answered import UNWRITTEN, answer_writer
from sintonia.prepare.added.placing import take_in, told
from sintonia.prepare.added.reading import names_of_added
from sintonia.prepare.added.unlabelled import Unanswered, Unlabelled, read_unlabelled
from sintonia.prepare.audit import SETS, Audit, is_imbalanced
from sintonia.prepare.checks import explain, run_checks
from sintonia.prepare.checks.d122_language import language_of_each
from sintonia.prepare.conversations import count_conversations
from sintonia.prepare.examples import MIN_USABLE_ROWS
from sintonia.prepare.forms.tokens import tags_of_tokens
from sintonia.prepare.gather import Gathered, gather
from sintonia.prepare.labelling.outside import read_answers, refuse_tool, write_waiting
from sintonia.prepare.labelling.pool import read_pool, split_keys, text_key
from sintonia.prepare.mending.decisions import ACTIONS, read_decisions, write_decision
from sintonia.prepare.mending.fix import Fixed, fix
from sintonia.prepare.mending.suspects import SUSPECTS_FILE
from sintonia.prepare.production import ToAnswer, read_inputs, read_production
from sintonia.prepare.readers import SUFFIXES
from sintonia.prepare.scales import check_order, order_of
from sintonia.prepare.sets.another import AnotherFile, read_another
from sintonia.prepare.sets.folds import FEWER_ROWS, Fold, make_folds
from sintonia.prepare.sets.place import Placed, place
from sintonia.prepare.sets.recorded import UNKNOWN
from sintonia.prepare.sets.seen import take_seen, write_seen
from sintonia.prepare.sets.write import data_id, write_and_seal, write_set_aside
from sintonia.prepare.smart_home import write_smart_home
from sintonia.prepare.table import shown
from sintonia.records import Prepared, Split
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from sintonia.statistics import level_of_opening
from sintonia.statistics.calibration import LEAST_EXAMPLES
from sintonia.statistics.power import PLANNED_DISAGREEMENT, minimum_detectable_effect
from sintonia.tasks import TASKS

__all__ = [
    "ACTIONS",
    "MIN_USABLE_ROWS",
    "SUFFIXES",
    "SUSPECTS_FILE",
    "UNWRITTEN",
    "AnotherFile",
    "Fixed",
    "ToAnswer",
    "Unanswered",
    "Unlabelled",
    "answer_writer",
    "explain",
    "fix",
    "language_of_each",
    "names_of_added",
    "prepare",
    "read_another",
    "read_answers",
    "read_decisions",
    "read_inputs",
    "read_pool",
    "read_unlabelled",
    "refuse_tool",
    "split_keys",
    "tags_of_tokens",
    "take_seen",
    "text_key",
    "write_decision",
    "write_smart_home",
    "write_waiting",
]

_NAMES: dict[Split, str] = {"train": "training", "validation": "validation", "test": "sealed test"}


def prepare(recipe: Recipe, run: RunFolder, *, is_check: bool = False) -> Prepared:
    """Reads, audits, splits and seals the data of a recipe; the sets are written into the run folder.

    The split is decided by hashes and by what is recorded beside the data, never by the seed. A check looks at the
    data of any task and leaves no record beside them.

    Raises:
        DataError: the data cannot be used, with the file and line.
        UsageError: the recipe names a column or a role that does not exist.
        StorageError: a file cannot be read or written.
    """
    run.file("cache").mkdir(mode=0o700, exist_ok=True)
    gathered = gather(recipe, str(run.file("cache")), taught=() if is_check else tuple(TASKS))
    production = read_production(recipe.data, gathered)
    is_folded = _is_folded(recipe.data, gathered)
    placed = place(recipe.data, gathered, is_recorded=not is_check, is_folded=is_folded)
    folds = _folds(recipe.data.path, placed) if is_folded else ()
    taken = take_in(recipe.data, gathered, placed, folds, is_recorded=not is_check)
    placed, folds = taken.placed, taken.folds
    audit = _audit(recipe, gathered, placed, folds)
    audit = dataclasses.replace(audit, production=production, num_added=taken.num_added, added=taken.files)
    write_set_aside(run.file("data/set_aside.jsonl"), audit.dropped)
    counts = audit.counts() if folds else audit.counts("train")
    parts = write_and_seal(run, Path(recipe.data.test or recipe.data.path), audit, folds)
    write_seen(run, audit, gathered.whole, is_check=is_check)
    return Prepared(
        data_id=data_id(gathered.columns, audit),
        task=gathered.form.task,
        form=gathered.form.name,
        labels=tuple(sorted(counts)),
        columns=gathered.columns,
        primary_metric=audit.primary_metric,
        findings=run_checks(audit),
        parts=parts,
        notes=(
            *gathered.notes,
            *_task_notes(recipe, audit, gathered.form.name),
            *_sizes(recipe.data, audit),
            *_shared(placed, recipe.data),
            placed.note,
            *told(taken.files, num_parts=len(folds)),
        ),
        rows_in=audit.rows_in,
        rows_used=len(audit.rows),
        rows_set_aside=len(audit.dropped),
        label_counts={label: counts[label] for label in sorted(counts)},
        leaked=_ids(audit, audit.leaks.tested),
        near_copies=_ids(audit, audit.leaks.near),
        added=taken.files,
    )


def _ids(audit: Audit, positions: np.ndarray) -> tuple[str, ...]:
    return tuple(audit.rows.row(int(position)).id for position in positions)


def _is_folded(asked: DataSettings, gathered: Gathered) -> bool:
    """Whether the rows are so few that ten parts tell more than one, and no file and no time gives a set.

    A passage of text is hundreds of tokens that are each predicted: of those one part tells enough.
    """
    is_given = asked.test or asked.validation or asked.time
    is_few = len(np.unique(gathered.first)) < FEWER_ROWS and gathered.form.cut is None
    return is_few and gathered.form.task in TASKS and not is_given


def _folds(where: str, placed: Placed) -> tuple[Fold, ...]:
    rows = placed.rows
    keys = [f"{key:016x}" for key in rows.text_keys.tolist()]
    targets = [rows.classes[code] for code in rows.codes.tolist()] if rows.classes else []
    return make_folds(keys, placed.groups.tolist(), targets, where=where)


def _audit(recipe: Recipe, gathered: Gathered, placed: Placed, folds: tuple[Fold, ...]) -> Audit:
    """What the checks look at; of ten parts the sets of the first."""
    sets = placed.sets
    if folds:
        sets = np.array([SETS.index(one) if one else UNKNOWN for one in folds[0].sets], dtype=np.int8)
    audit = Audit(
        file=Path(recipe.data.path).name,
        task=gathered.form.task,
        rows_in=gathered.rows_in,
        rows=placed.rows,
        sets=sets,
        num_parts=max(len(folds), 1),
        groups=placed.groups,
        dropped=tuple(sorted([*gathered.dropped, *placed.dropped], key=lambda one: (one.file, one.line))),
        primary_metric=recipe.evaluation.primary_metric,
        near=placed.near,
        leaks=placed.leaks,
        table=gathered.table,
        columns=gathered.columns,
        group_column=recipe.data.group,
        language=recipe.data.language,
        fields=gathered.reading.fields.names(),
        hides_texts=recipe.privacy.redact,
    )
    return dataclasses.replace(audit, primary_metric=_primary_metric(recipe, audit, gathered.form.name))


def _primary_metric(recipe: Recipe, audit: Audit, form: str) -> str:
    """The metric asked for, or that of the task.

    Raises:
        UsageError: the task has no such metric, or the order of the labels is not one of these labels.
    """
    if audit.rows.classes:
        check_order(recipe.classify.order, audit.rows.classes)
    asked = audit.primary_metric
    known = TASKS[audit.task].METRICS if audit.task in TASKS else ()
    if asked != "auto":
        if known:
            refuse_idle(recipe.evaluation, audit.task, known)
        return asked
    return _usual_metric(audit, form)[0]


def _usual_metric(audit: Audit, form: str) -> tuple[str, str]:
    """The metric of the task where none is asked for, and why; of one that can only be audited, that of labels."""
    counts = audit.counts() if audit.rows.classes else {}
    task = TASKS[audit.task] if audit.task in TASKS else TASKS["classify"]
    return task.usual_metric(bool(counts) and is_imbalanced(counts), form)


def _task_notes(recipe: Recipe, audit: Audit, form: str) -> tuple[str, ...]:
    notes: list[str] = []
    if recipe.data.production:
        name = Path(recipe.data.production).name
        notes.append(f"real use: {len(audit.production):,} texts of `{name}` are compared (D117 if they differ)")
    if audit.task not in TASKS:
        return ()
    notes += _notes_of_labels(recipe, audit)
    why = f"the rows are {form}"
    if audit.rows.classes:
        why = f"`{shown(audit.columns.get('target', 'label'))}` holds {len(audit.counts())} repeated values"
    elif audit.task == "chat":
        why = "the rows are conversations or texts"
    why = "as asked" if recipe.task != "auto" else why
    metric = "as asked" if recipe.evaluation.primary_metric != "auto" else _usual_metric(audit, form)[1]
    said = f"task: {audit.task}, {why}", f"primary metric: {audit.primary_metric}, {metric}"
    return (*said, *([count_conversations(audit.rows)] if audit.task == "chat" else []), *notes)


def _notes_of_labels(recipe: Recipe, audit: Audit) -> list[str]:
    """What is not done for want of validation examples, and an order that labels seem to have."""
    notes, num_validation = [], len(audit.in_set("validation"))
    has_thresholds = bool(recipe.classify.out_of_scope) or getattr(TASKS[audit.task], "HAS_THRESHOLDS", False)
    if has_thresholds and num_validation < LEAST_EXAMPLES:
        what = "no text is refused" if audit.task == "classify" else "each label is answered from even odds on"
        notes.append(f"thresholds: {num_validation} validation examples are too few ({LEAST_EXAMPLES}): {what}")
    order = order_of(audit.counts()) if audit.task == "classify" and not recipe.classify.order else ()
    if order:
        how = f"`classify.order=[{', '.join(shown(one) for one in order)}]`"
        notes.append(f"labels: they look like steps; {how} adds how many steps the answers are off")
    return notes


def _shared(placed: Placed, asked: DataSettings) -> tuple[str, ...]:
    """Passages that stand on both sides of the split: the test is then about new questions, not new passages."""
    passages = placed.passages
    if not passages.num_long or asked.group:
        return ()
    kinds = "one passage" if passages.num_long == 1 else f"{passages.num_long:,} passages"
    return (
        f"split: {kinds} that many rows share, in {passages.num_rows:,} rows (a system prompt, a schema), may be"
        f" in all sets; rows that also share the answer stay together, with `data.group=COLUMN` all of a passage do",
    )


def _sizes(asked: DataSettings, audit: Audit) -> tuple[str, ...]:
    """How many examples each set has, and what the test can show: said before anything is trained."""
    together = "equal or nearly equal texts"
    if asked.group:
        together = f"equal texts and equal values of `{shown(asked.group)}`"
    num_tested = len(audit.rows) - audit.num_added if audit.num_parts > 1 else len(audit.in_set("test"))
    sizes = ", ".join(f"{len(audit.in_set(split)):,} {_NAMES[split]}" for split in SETS)
    how = f"; the latest by `{shown(asked.time)}` are the test" if asked.time else ""
    if audit.num_parts > 1:
        tested = "each row of the data file" if audit.num_added else "each row"
        sizes, how = f"{audit.num_parts} parts (5 folds, twice), {tested} tested in two of them", ""
        if audit.num_added and len(audit.rows) >= FEWER_ROWS:
            how = f"; they stay, as the data file has fewer than {FEWER_ROWS} rows: in one file all would be one part"
    split = f"split: {sizes}; {together} stay together{how}"
    if not audit.rows.classes:
        return (split,)
    effect = minimum_detectable_effect(PLANNED_DISAGREEMENT, num_tested, level_of_opening(1))
    return (
        split,
        f"this test set can show a difference of {100 * effect:.1f} points or more "
        f"(if base and tuned disagree on {PLANNED_DISAGREEMENT:.0%} of it, at the first opening)",
    )
