"""What a reader of the verdict must know about the test set itself, as findings.

It never changes the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sintonia.evaluate.compare import FEWEST_EXAMPLES
from sintonia.records import Finding

RARE_BELOW = 10
FEW_GROUPS = 20
WORN_AFTER = 3

CODES = {
    "E301": "fewer than 50 test examples",
    "E302": "macro-F1 rests on classes with fewer than 10 test examples",
    "E303": "labels without a test example",
    "E304": "the test has been opened more than 3 times",
    "E307": "the gain is not shown on test examples without a near-copy in training",
    "E305": "the test examples come from fewer than 20 groups",
    "E306": "the verdict is on the recipe; the model saved is none of the models that were scored",
    "E309": "the answers are as likely behind the prompts of other examples",
    "E311": "the confidences of the tuned model say something else than its answers",
    "E312": "the model forgot something of what its base knew",
    "E313": "worse than the base on some kinds of examples",
    "E314": "more answers of one side, by over 5 points, cannot be read in the declared format",
    "E315": "more than 5 % of the test inputs are longer than what is read of them",
    "E317": "the judge could not be asked, or there is reason not to believe it",
    "E318": "more than 5 % of the written answers were stopped by the limit of tokens",
    "E319": "not all test examples were written to, or not by the base of the verdict",
    "E320": "the languages of the test examples were not told apart",
    "E321": "what is tested on another file is the own test of the run, or holds some of it",
    "E323": "length alone tells which answer is preferred",
    "E322": "the pattern of the declared format took too long on some answers",
    "E308": "a baseline could not be tried, or not in all parts",
}


def cautions(
    targets: tuple[str, ...],
    groups: tuple[str, ...],
    labels: tuple[str, ...],
    primary_metric: str,
    openings: int,
) -> tuple[Finding, ...]:
    """Findings about this test set and this opening of it, in order of their codes."""
    counted = Counter(targets)
    rare = sorted(label for label, count in counted.items() if count < RARE_BELOW)
    unseen = sorted(set(labels) - set(counted))
    num_groups = len(set(groups))
    found: list[Finding] = []
    if len(targets) < FEWEST_EXAMPLES:
        message = f"the test has {len(targets)} examples: too few to decide anything"
        found.append(_caution("E301", message, f"label more rows: {FEWEST_EXAMPLES} test examples at least"))
    if rare and primary_metric == "macro_f1":
        message = f"{len(rare)} of {len(counted)} classes have fewer than {RARE_BELOW} test examples: "
        message += _listed([f"{label} ({counted[label]})" for label in rare])
        found.append(_caution("E302", message, "label more of them; read the interval", len(rare)))
    if unseen:
        message = f"{len(unseen)} of {len(labels)} labels have no test example: {_listed(unseen)}"
        found.append(_caution("E303", message, "nothing is known about them: label more", len(unseen)))
    if openings > WORN_AFTER:
        message = f"this is opening {openings} of this test, or of tests that share examples with it: it is worn; "
        message += "each opening is judged more strictly"
        found.append(_caution("E304", message, f"label at least {len(targets)} fresh test rows", openings))
    if num_groups < FEW_GROUPS:
        message = f"the test has only {num_groups} independent groups behind its {len(targets)} examples"
        found.append(_caution("E305", message, "add rows from other groups (persons, documents, templates)"))
    return tuple(found)


def recipe_note(num_models: int, num_examples: int) -> Finding:
    """What a verdict from cross-validation is about: the recipe, not the model in the folder."""
    return Finding(
        code="E306",
        severity="note",
        count=num_models,
        message=f"the verdict is on the recipe: {num_models} models were scored, each on examples it had not seen; the "
        f"model saved is none of them, it was trained afterwards on all {num_examples} examples",
        hint="label 300 rows or more, and the model saved is itself tested",
    )


def own_test_caution(num_own: int, num_tested: int, file: str) -> Finding:
    """That another file brings nothing new, or less than it seems."""
    which = "all" if num_own == num_tested else f"{num_own:,} of"
    message = f"{which} {num_tested:,} examples of `{file}` that are tested are of the run's own test: they were "
    message += "looked at before, and say nothing that its verdict has not said"
    return _caution("E321", message, "take a file of rows that the run has not been given", num_own)


def few_shot_note(why: str) -> Finding:
    """That a rung of the ladder is missing."""
    return Finding(
        code="E308",
        severity="note",
        message=f"the base was not tried with answered examples in its prompt: {why}",
        hint="a better prompt may do as well as tuning: try it by hand",
    )


def partly_tried_note(names: Sequence[str], num_parts: int) -> Finding:
    """That rungs of the ladder are missing, for want of them in some part."""
    listed = " and ".join(f"`{name}`" for name in names)
    return Finding(
        code="E308",
        severity="note",
        count=len(names),
        message=f"{listed} could be tried in some of the {num_parts} parts only, and is left out of the baselines",
        hint="what is compared with must have answered all examples; raise `training.max_tokens` where they do not fit",
    )


def no_fitted_note() -> Finding:
    """That only the base itself was there to be compared with."""
    return Finding(
        code="E308",
        severity="note",
        message="no baseline that is fitted to the training examples could answer: the model is held against its base "
        "alone",
        hint="whether a quick baseline does as well is not known: check that the training examples have answers",
    )


def near_copies_caution(num_copied: int, num_examples: int) -> Finding:
    """That the gain is not shown on examples that are new to the model."""
    message = (
        f"{num_copied} of {num_examples} test examples have a near-copy in training, and on the others the gain is not "
        "shown: it may be memory"
    )
    hint = (
        "keep copies together (`data.group=COLUMN`, where a column says what belongs together), keep one row of each, "
        "or take another test (`data.test=FILE`)"
    )
    return _caution("E307", message, hint, num_copied)


def _caution(code: str, message: str, hint: str, count: int = 1) -> Finding:
    return Finding(code=code, severity="warning", message=message, hint=hint, count=count)


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
