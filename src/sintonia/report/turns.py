"""The tree of the turns of a run: which came from which, why, and what it gave. From the run folder alone.

Differences are paired, example by example, on the validation set that both were scored on. It picks no turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sintonia.metrics import METRICS
from sintonia.metrics.kept import told_metrics
from sintonia.metrics.table import BUILT_IN, adding
from sintonia.records import Change, Example, Prepared, Scorecard, SearchOutcome, Turn, Verdict
from sintonia.report import wording
from sintonia.runs import SEARCHED, RunFolder
from sintonia.statistics import paired_difference, selection_optimism

_ALONE = "all rows"
"""The part of the model that is shipped of several parts: it has no validation set of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnNode:
    """One turn in its place in the tree."""

    number: int
    parent: int | None
    depth: int
    part: str
    change: str
    """`training.learning_rate: 1e-07 -> 5e-05`; empty for the first turn of a part."""
    why: str
    metric: str
    value: float
    """On validation."""
    difference: float | None
    """The value less that of its parent; None for the first turn, and where they answered different examples."""
    error: float | None
    """The paired standard error of the difference."""
    seconds: float
    findings: tuple[str, ...]
    """Codes of what the training showed."""
    is_judged: bool

    @property
    def gave(self) -> str:
        """`+9.3 points (standard error 1.2)`, or nothing where there is nothing to compare it with."""
        if self.difference is None or self.error is None:
            return ""
        error = wording.size_of_change(self.error, self.metric).split(" ")[0]
        return f"{wording.change(self.difference, self.metric)} (standard error {error})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTree:
    """The turns of a run, each after the one it came from, and what the best of them hides."""

    nodes: tuple[TurnNode, ...] = ()
    searched: str = ""
    """How many configurations a search tried before, and why it ended."""
    flattery: str = ""
    """How much too good the best of several looks on validation; empty where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a turn answered on validation."""

    card: Scorecard
    groups: tuple[str, ...]
    """What each example belongs to."""


def read_turn_tree(run: RunFolder) -> TurnTree:
    """The tree of a run; of damaged files it raises, as reading them does.

    Raises:
        StorageError: a record cannot be read.
    """
    prepared, verdict = run.read("prepared.json", Prepared), run.read("verdict.json", Verdict)
    found = [
        run.read(f"turns/{path.parent.name}/turn.json", Turn) for path in sorted(run.path.glob("turns/*/turn.json"))
    ]
    turns = tuple(turn for turn in found if turn is not None)
    if not turns:
        return TurnTree()
    changes = {turn.number: run.read(f"{run.turn(turn.number)}/change.json", Change) for turn in turns}
    answered = _answered(run, turns, prepared) if len(turns) > 1 else {}
    with adding(*told_metrics(run)):
        return turn_tree(
            turns,
            {number: change for number, change in changes.items() if change},
            answered,
            judged=verdict.turn if verdict else None,
            searched=run.read(SEARCHED, SearchOutcome),
        )


def turn_tree(
    turns: Sequence[Turn],
    changes: Mapping[int, Change],
    answered: Mapping[int, Answered],
    judged: int | None = None,
    searched: SearchOutcome | None = None,
) -> TurnTree:
    """The turns of a run as a tree, in the order in which it is read from top to bottom.

    `changes` and `answered` are by the number of the turn; what is missing there is left out.
    """
    children: dict[int | None, list[Turn]] = {}
    numbers = {turn.number for turn in turns}
    for turn in sorted(turns, key=lambda one: one.number):
        children.setdefault(turn.parent if turn.parent in numbers else None, []).append(turn)

    def below(parent: int | None, depth: int) -> Iterator[tuple[Turn, int]]:
        for turn in children.get(parent, ()):
            yield turn, depth
            yield from below(turn.number, depth + 1)

    nodes = tuple(
        _node(turn, depth, changes.get(turn.number), _gained(turn, answered), is_judged=turn.number == judged)
        for turn, depth in below(None, 0)
    )
    num_searched = searched.num_configurations if searched else 0
    told = f"A search tried {num_searched} configurations in short trainings: {searched.ended}." if searched else ""
    return TurnTree(nodes=nodes, searched=told, flattery=_flattery(turns, answered, num_searched))


def _node(
    turn: Turn, depth: int, change: Change | None, gained: tuple[float, float] | None, *, is_judged: bool
) -> TurnNode:
    return TurnNode(
        number=turn.number,
        parent=turn.parent,
        depth=depth,
        part=turn.part,
        change=f"{change.setting}: {change.before} -> {change.after}" if change else "",
        why=turn.purpose,
        metric=turn.primary_metric,
        value=turn.validation_metric,
        difference=gained[0] if gained else None,
        error=gained[1] if gained else None,
        seconds=turn.resources.seconds,
        findings=tuple(dict.fromkeys(one.code for one in turn.findings)),
        is_judged=is_judged,
    )


def _gained(turn: Turn, answered: Mapping[int, Answered]) -> tuple[float, float] | None:
    """Against its parent."""
    before, after = answered.get(turn.parent or 0), answered.get(turn.number)
    if turn.part == _ALONE or before is None or after is None:
        return None
    return _paired(turn.primary_metric, before, after)


def _paired(name: str, before: Answered, after: Answered) -> tuple[float, float] | None:
    """None where they did not answer the same examples."""
    metric = METRICS[name]
    if before.card.ids != after.card.ids:
        return None
    counts = [metric.counts(one.card.targets, metric.answers(one.card)) for one in (before, after)]
    return paired_difference(counts[0], counts[1], after.groups, metric.from_counts)


def _flattery(turns: Sequence[Turn], answered: Mapping[int, Answered], num_searched: int) -> str:
    """How much too good the best turn looks (science.md 1.4), on average over parts that took a second one.

    What a search tried was picked from too, one of which is a turn.
    """
    sizes, most = [], 0
    for part in dict.fromkeys(turn.part for turn in turns if turn.part != _ALONE):
        own = [turn for turn in turns if turn.part == part and turn.number in answered]
        if len(own) < 2:
            continue
        goodness = METRICS[own[0].primary_metric].goodness
        best = max(own, key=lambda turn: (goodness(turn.validation_metric), -turn.number))
        others = [answered[turn.number] for turn in own if turn != best]
        pairs = [_paired(best.primary_metric, one, answered[best.number]) for one in others]
        errors = [one[1] for one in pairs if one is not None]
        if errors:
            num_picked_from = len(own) + max(num_searched - 1, 0)
            sizes.append(selection_optimism(sum(errors) / len(errors), num_picked_from))
            most = max(most, num_picked_from)
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    if not mean:
        return ""
    size = wording.size_of_change(mean, turns[0].primary_metric)
    of = "recipes, those of the search among them," if num_searched else "turns"
    return (
        f"The best of {most} {of} on validation looks too good there, by about {size} if none is truly better: "
        "only the test tells"
    )


def _answered(run: RunFolder, turns: Sequence[Turn], prepared: Prepared | None) -> dict[int, Answered]:
    """The kept answers of each turn that the primary metric can read, with the groups of their examples.

    A metric of a person's own is code, and is not run to tell of a run.
    """
    groups: dict[str, dict[str, str]] = {}
    for part in prepared.parts if prepared else ():
        groups[part.name] = {one.id: one.group for one in run.lines(part.validation.path, Example)}
    found: dict[int, Answered] = {}
    for turn in turns:
        known, metric = groups.get(turn.part, {}), BUILT_IN.get(turn.primary_metric)
        for name in ("validation", "validation-written"):
            card = run.read(f"{run.turn(turn.number)}/scorecards/{name}.json", Scorecard)
            if card and metric and metric.answers(card) and known.keys() >= set(card.ids):
                found[turn.number] = Answered(card=card, groups=tuple(known[one] for one in card.ids))
    return found
