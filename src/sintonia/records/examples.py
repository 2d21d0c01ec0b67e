"""The nouns of the data: findings and where they are, examples, the three sets, what preparing came to."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["note", "warning", "stop"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One setting with the value used and where that came from."""

    setting: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something true and worth saying about the data, the training, the evaluation or the resources."""

    code: str
    severity: Severity
    message: str
    hint: str
    count: int = 1
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One parsed row: what goes in and what should come out."""

    id: str
    input: str
    target: str
    group: str
    place: Place
    content: dict[str, Any] | None = None
    """All of it, where texts cannot hold it: a conversation as `{"messages", "tools"}`, its answers included, or
    `{"text"}` that is learned from as it is."""
    fields: dict[str, str] = field(default_factory=dict, hash=False)
    """What other columns of few different values say of it, by their names; empty where one says nothing."""

    def __post_init__(self) -> None:
        shared = {sys.intern(name): sys.intern(value) for name, value in self.fields.items()}
        object.__setattr__(self, "fields", shared)

    @property
    def whole(self) -> dict[str, Any]:
        """All of it, whatever it is: its content, or else its input as a text.

        >>> Example(id="a", input="Hi", target="", group="", place=Place(file="a.txt", line=1)).whole
        {'text': 'Hi'}
        """
        return {"text": self.input} if self.content is None else self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A row that is not used, with the reason."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSet:
    """A set of examples kept in a file of the run folder."""

    path: str
    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTest:
    """The test set as everybody but `sealed.open_test` may know it: how long it is and what it hashes to."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Training, validation and sealed test: three sets, never mixed."""

    name: str
    train: ExampleSet
    validation: ExampleSet
    test: SealedTest


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFile:
    """A file of rows that were added for training, and what became of them."""

    file: str
    """Its name, as the places of its rows have it."""
    rows_in: int
    rows_used: int
    set_aside: dict[str, int]
    """How many rows are not used, by what they do: `repeat a row that is trained on`, for example."""
    partly_used: int = 0
    """Of those that are used, how many some of ten parts leave out, for they test what the row is close to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The data, read, audited, split and sealed."""

    data_id: str
    task: str
    form: str
    """The way the examples are written down."""
    labels: tuple[str, ...]
    columns: dict[str, str]
    primary_metric: str
    notes: tuple[str, ...]
    """What was taken, why, and how to say otherwise."""
    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]
    rows_in: int
    rows_used: int
    rows_set_aside: int
    label_counts: dict[str, int]
    """Training examples of each label."""
    leaked: tuple[str, ...] = ()
    """Ids of test examples whose text is trained on too."""
    near_copies: tuple[str, ...] = ()
    """Ids of test examples that have a near-copy in training."""
    added: tuple[AddedFile, ...] = ()
    """Files whose rows are trained on only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row whose target may be wrong, for a person to decide about."""

    row: str
    """Id of the example."""
    place: Place
    input: str
    target: str
    suggested: str
    """The target that the look-alikes of the row have."""
    confidence: float
    """Probability of the target it has, by a model that has not seen the row; low is suspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What an audit came to."""

    prepared: Prepared
    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...]
    seconds: float
