"""A labelling under way: the texts that wait, what a person says of each, and what is still missing.

Nothing is trained here. Labelled rows reach a run by `adjust RUN --add FILE` alone, which puts them into training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sintonia.corridor.growing.answers import Answers, PickedBatch
from sintonia.corridor.growing.picking import (
    NEEDED_OF_A_CLASS,
    RANDOM_FRACTION,
    Known,
    know,
    pick_cold,
    pick_with_run,
    taken,
    usual_size,
)
from sintonia.corridor.walk import Listener, Progress
from sintonia.errors import UsageError
from sintonia.prepare import MIN_USABLE_ROWS, read_answers, text_key, write_waiting
from sintonia.records import Batch, Labelling, LabellingState, Waiting


class LabellingSession:
    """One sitting. `answer`, `skip`, `reject` and `undo` are on disk when they return."""

    def __init__(self, asked: Labelling, answers: Answers, labels: tuple[str, ...], known: Known | None) -> None:
        self.asked, self._answers = asked, answers
        self._blank = {known.group: ""} if known and known.group else {}
        """Columns that a row has to have to be added to the run."""
        self.labels = list(labels)
        self._waiting = answers.waiting()
        self._done: list[tuple[Waiting, int | None]] = []
        """Oldest first; where its row begins, None for a text without a label."""
        self._num_taken = 0

    @property
    def next(self) -> Waiting | None:
        """The text to ask about, None when all are answered."""
        return self._waiting[0] if self._waiting else None

    @property
    def num_waiting(self) -> int:
        """Texts of the batch without an answer."""
        return len(self._waiting)

    def answer(self, label: str) -> None:
        """Gives the next text a label, one that is known or a new one."""
        waiting = self._waiting[0]
        begins = self._answers.keep(self._blank | _row(waiting, label.strip()))
        if label.strip() not in self.labels:
            self.labels.append(label.strip())
        self._go_on(begins)

    def skip(self) -> None:
        """Passes over the next text: it is not asked about again."""
        self._answers.pass_over(self._waiting[0].key, "skipped")
        self._go_on(None)

    def reject(self) -> str | None:
        """The suggestion is wrong. Of two labels the other one is the answer; of more nothing is known but that."""
        suggested = self._waiting[0].suggested
        others = [label for label in self.labels if label != suggested]
        if suggested is not None and len(others) == 1 and len(self.labels) == 2:
            self.answer(others[0])
            return others[0]
        self._answers.pass_over(self._waiting[0].key, "rejected")
        self._go_on(None)
        return None

    def undo(self) -> bool:
        """Takes the last answer of this sitting back and asks about its text again; False when there is none."""
        if not self._done:
            return False
        waiting, begins = self._done.pop()
        if begins is None:
            self._answers.ask_again(waiting.key)
        else:
            self._answers.take_back(waiting.key, begins)
        self._waiting.insert(0, waiting)
        return True

    def _go_on(self, begins: int | None) -> None:
        self._done.append((self._waiting.pop(0), begins))

    def write_waiting(self, tool: str, file: Path) -> Path:
        """Writes the texts that wait for another tool; gives the path of the interface that it needs.

        Raises:
            UsageError: the file is that of the answers, or is there already.
        """
        if file.resolve() in (self._answers.path.resolve(), self._answers.session.resolve()):
            raise UsageError(f"`{file}` is where the answers go", hint="name another file", where="--export")
        return write_waiting(tool, file, self._waiting, self.labels)

    def take_answers(self, file: Path) -> tuple[int, int, int]:
        """Takes the labelled rows of another tool's file: how many are new, were known already, had no answer.

        Raises:
            DataError: it cannot be read, or no row has an answer.
        """
        read = read_answers(file, {})
        picked = {one.key: one for batch in self._answers.batches for one in batch.waiting}
        num_new = 0
        for text, label in read.rows:
            key = text_key(text)
            if key in self._answers.rows:
                continue
            waiting = picked.get(key) or Waiting(key=key, text=text, origin="import")
            self._answers.keep(self._blank | _row(waiting, label))
            num_new += 1
        self._num_taken += num_new
        self.labels = list(dict.fromkeys([*self.labels, *(label for _, label in read.rows)]))
        self._waiting = self._answers.waiting()
        return num_new, len(read.rows) - num_new, read.num_open

    def state(self) -> LabellingState:
        """How far it is."""
        rows = list(self._answers.rows.values())
        counts = Counter(row["label"].strip() for row in rows)
        return LabellingState(
            out=self.asked.out,
            counts={label: counts[label] for label in sorted(counts)},
            num_new=self._num_taken + sum(begins is not None for _, begins in self._done),
            num_waiting=len(self._waiting),
            num_passed=len(self._answers.passed),
            agreed=_agreed(rows),
            missing=() if self.asked.run else tuple(_missing(counts, self.labels)),
        )


@contextmanager
def labelling(asked: Labelling, tell: Listener, *, is_picking: bool = True) -> Iterator[LabellingSession]:
    """A sitting: the texts that an earlier one left, or else, where texts are to be picked, a new batch.

    Raises:
        UsageError: a run that cannot be asked, labels that are missing, a file that another process writes.
        DataError: the pool or the file of answers cannot be used, or no text is left.
    """
    known = know(asked.run) if asked.run else None
    answers = Answers(Path(asked.out))
    if Path(asked.out).resolve() == Path(asked.pool).resolve():
        raise UsageError("the answers would go into the pool itself", hint="name another file", where="--out")
    if not Path(asked.pool).exists():
        raise UsageError(f"there is no file `{asked.pool}`", hint="check the path", where="POOL")
    with answers.writing():
        labels = _labels(asked, known, answers)
        if known and known.time:
            told = f"the run is split by `{known.time}`: write that column into the rows before they are added"
            tell(Progress(stage="label", message=told))
        if is_picking and not labels:
            raise _no_labels()
        source = f"{Path(asked.pool).resolve()} {known.model if known else f'base {asked.base}'}"
        left = answers.waiting() if answers.batches and answers.batches[-1].source == source else []
        if left:
            tell(Progress(stage="label", message=f"going on with {len(left):,} texts that were picked before"))
            if told := _counts_later(asked, len(left)):
                tell(Progress(stage="label", message=told))
        elif is_picking:
            _begin(asked, known, answers, PickedBatch(source=source, labels=labels, waiting=()), tell)
        yield LabellingSession(asked, answers, labels, known)


def _labels(asked: Labelling, known: Known | None, answers: Answers) -> tuple[str, ...]:
    """Those of the run, those asked for, those of earlier batches and those given already; each once, in this order."""
    before = [label for batch in answers.batches for label in batch.labels]
    given = sorted({row["label"].strip() for row in answers.rows.values()})
    return tuple(dict.fromkeys([*(known.labels if known else ()), *asked.labels, *before, *given]))


def _counts_later(asked: Labelling, num_left: int) -> str:
    """What was asked of a batch while texts of the one before wait; empty where nothing was."""
    given = {"--batch": asked.num_wanted, "--random-share": asked.random_fraction}
    names = [name for name, value in given.items() if value is not None]
    told = f"{' and '.join(names)} {'counts' if len(names) == 1 else 'count'} from the next one"
    return f"{num_left:,} texts of the batch before wait: {told}" if names else ""


def _no_labels() -> UsageError:
    return UsageError(
        "which labels there are is not known",
        expected="labels, or a run that has them",
        hint="as in `--labels refund,delivery,other`",
        where="--labels",
    )


def _begin(asked: Labelling, known: Known | None, answers: Answers, empty: PickedBatch, tell: Listener) -> None:
    """Picks a batch and keeps it."""
    left_out = taken(asked.run, frozenset([*answers.rows, *answers.passed]))
    num_labelled = len(left_out.learned | answers.rows.keys())
    usual = usual_size(num_labelled, len(empty.labels), has_model=known is not None)
    by_chance = RANDOM_FRACTION if asked.random_fraction is None else asked.random_fraction
    batch = Batch(num_wanted=asked.num_wanted or usual, random_fraction=by_chance, seed=len(answers.batches))
    if known:
        waiting = pick_with_run(asked, known, left_out, batch, tell)
    else:
        labelled = [row["text"] for row in answers.rows.values()]
        waiting = pick_cold(asked, labelled, left_out, batch, tell)
    counts = Counter(one.origin for one in waiting)
    named = {"margin": "between whose labels the model wavers", "spread": "spread over the pool", "random": "by chance"}
    told = ", ".join(f"{count:,} {named[origin]}" for origin, count in counts.items())
    tell(Progress(stage="label", message=f"picked {len(waiting):,}: {told}"))
    answers.begin(PickedBatch(source=empty.source, labels=empty.labels, waiting=tuple(waiting)))


def _row(waiting: Waiting, label: str) -> dict[str, object]:
    """A labelled row, as it stands in the file."""
    row: dict[str, object] = {"text": waiting.text, "label": label, "origin": waiting.origin}
    if waiting.suggested is not None:
        row |= {"suggested": waiting.suggested, "probability": round(waiting.probability or 0.0, 4)}
    return row


def _agreed(rows: Sequence[dict[str, object]]) -> dict[str, tuple[int, int]]:
    """By origin, how often the suggestion was the answer."""
    asked = [row for row in rows if isinstance(row.get("suggested"), str)]
    right = Counter(str(row.get("origin")) for row in asked if row["suggested"] == row["label"])
    total = Counter(str(row.get("origin")) for row in asked)
    return {origin: (right[origin], total[origin]) for origin in sorted(total)}


def _missing(counts: Counter[str], labels: Sequence[str]) -> Iterator[str]:
    """What a first `tune` still needs: rows, classes, and rows of each class."""
    total = sum(counts.values())
    if total < MIN_USABLE_ROWS:
        yield f"{MIN_USABLE_ROWS - total:,} more rows ({total:,} of {MIN_USABLE_ROWS})"
    if len(counts) < 2:
        yield "rows of two labels at least"
    few = {label: counts[label] for label in labels if counts[label] < NEEDED_OF_A_CLASS}
    if few:
        told = ", ".join(f"`{label}` {NEEDED_OF_A_CLASS - count}" for label, count in list(few.items())[:8])
        more = f" and {len(few) - 8} more labels" if len(few) > 8 else ""
        yield f"{NEEDED_OF_A_CLASS} rows a label: {told}{more}"
