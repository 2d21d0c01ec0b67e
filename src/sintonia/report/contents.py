"""Reads everything a report tells from the run folder. It writes nothing and changes no number.

Each part is optional: what is missing is left out, what is damaged is named in `problems`, so that a report
can always be written, also of a run that is not finished. Where every example was tested twice, by models of
several parts, single answers are those of the first time; scores are of all answers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sintonia.audit import ANCHOR, Anchor
from sintonia.errors import SintoniaError
from sintonia.files import from_json, read_lines
from sintonia.records import (
    Base,
    Bought,
    Details,
    Evaluation,
    Finding,
    LearningCurve,
    Preference,
    Prepared,
    Resolved,
    Scorecard,
    SetAside,
    Taught,
    Turn,
    Verdict,
    Worth,
)
from sintonia.records.privacy.memorisation import Canaries, Memorisation
from sintonia.records.privacy.spent import Guarantee
from sintonia.report.bill import Bill, read_bill
from sintonia.report.privacy.hiding import without_values
from sintonia.report.privacy.keeping import Keeping, read_keeping
from sintonia.report.privacy.spending import guarantee_of
from sintonia.report.turns import TurnTree, read_turn_tree
from sintonia.runs import BOUGHT, CURVE, TAUGHT, WORTH, RunFolder
from sintonia.settings import Recipe

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """How likely a language model found the target, and whether it would have written just that."""

    nats: float
    bytes: int
    exact: bool
    text: str | None = None
    """What was written, where somebody was asked to write."""

    @property
    def bits_per_byte(self) -> float:
        """Bits that the target takes, over its bytes."""
        return self.nats / math.log(2) / max(self.bytes, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One test example with what the base and the tuned model answered, or made of the target."""

    id: str
    input: str
    target: str
    base: str | Weighed
    tuned: str | Weighed
    loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that the run folder says, as records."""

    path: Path
    recipe: Recipe | None
    prepared: Prepared | None
    base: Base | None
    turns: tuple[Turn, ...]
    turn: Turn | None
    """The turn that was judged; the newest one as long as there is no verdict."""
    evaluations: tuple[Evaluation, ...]
    scorecards: dict[str, Scorecard]
    """Test scorecards by subject (the name of a rung); the tuned model is `tuned`."""
    answers: tuple[Answer, ...]
    verdict: Verdict | None
    findings: tuple[Finding, ...]
    set_aside: tuple[SetAside, ...]
    bill: Bill
    resolved: tuple[Resolved, ...]
    model_form: str
    """`sentence-transformers`, `transformers`, `peft`, or empty when no model is saved yet."""
    problems: tuple[str, ...]
    """Files that are there and could not be read."""
    details: Details | None = None
    """What lies behind the verdict."""
    preference: Preference | None = None
    """What a judge model made of the written answers, where one was asked."""
    worth: Worth | None = None
    """Whether tuning was worth its while, as it was seen before the training."""
    bought: Bought | None = None
    """What added rows brought, where the run continues another with more of them."""
    taught: Taught | None = None
    """The model against its teacher, where it has one."""
    guarantee: Guarantee | None = None
    """What the judged turn promises of privacy, where it was trained so."""
    curve: LearningCurve | None = None
    """Whether more examples would help, where that was asked."""
    memorisation: Memorisation | None = None
    """What the judged model remembers of its training rows."""
    canaries: Canaries | None = None
    """What a copy of its training remembered of planted secrets, where somebody asked."""
    audit: Anchor | None = None
    """Head of the audit log as the run last knew it; none of runs from before there was one."""
    keeping: Keeping = field(default_factory=Keeping)
    """Until when it keeps what it holds of the data."""
    tree: TurnTree = field(default_factory=TurnTree)
    """The turns, each below the one it came from."""


class _Reader:
    """Reads one part after the other and remembers which could not be read."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.problems: list[str] = []

    def guarded(self, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except (SintoniaError, OSError, ValueError, yaml.YAMLError) as error:
            self.problems.append(str(error))
            return otherwise

    def record(self, relative: str, cls: type[T]) -> T | None:
        return self.guarded(lambda: self.run.read(relative, cls), None)

    def lines(self, relative: str, cls: type[T]) -> tuple[T, ...]:
        return self.guarded(lambda: tuple(self.run.lines(relative, cls)), ())


def read_contents(run: RunFolder) -> Contents:
    """Everything in the run folder that a report can tell."""
    reader = _Reader(run)
    prepared, verdict = reader.record("prepared.json", Prepared), reader.record("verdict.json", Verdict)
    turns = _turns(reader)
    turn = _judged_turn(turns, verdict)
    recipe, folder = reader.guarded(run.recipe, None), _turn_folder(run, turn)
    findings = _findings(reader, prepared, turn, verdict)
    if recipe is None or recipe.privacy.redact:
        findings = without_values(findings)
        verdict = verdict and replace(verdict, causes=without_values(verdict.causes))
    return Contents(
        path=run.place,
        recipe=recipe,
        prepared=prepared,
        base=reader.record("base.json", Base),
        turns=turns,
        turn=turn,
        evaluations=reader.lines(f"{folder}/evaluations.jsonl", Evaluation) if folder else (),
        scorecards=_test_scorecards(reader, folder),
        answers=reader.guarded(lambda: _answers(run, folder, recipe), ()),
        verdict=verdict,
        details=reader.record(f"{folder}/details.json", Details) if folder else None,
        preference=reader.record(f"{folder}/preference.json", Preference) if folder else None,
        worth=reader.record(WORTH, Worth),
        bought=reader.record(BOUGHT, Bought),
        taught=reader.record(TAUGHT, Taught),
        guarantee=reader.guarded(lambda: guarantee_of(run, folder, reader.problems.append), None),
        curve=reader.record(CURVE, LearningCurve),
        memorisation=reader.record(f"{folder}/memorisation.json", Memorisation) if folder else None,
        canaries=_of_turn(reader.record("memorisation/canaries.json", Canaries), turn),
        audit=reader.record(ANCHOR, Anchor),
        keeping=reader.guarded(lambda: read_keeping(run), Keeping()),
        tree=reader.guarded(lambda: read_turn_tree(run), TurnTree()),
        findings=findings,
        set_aside=reader.lines("data/set_aside.jsonl", SetAside),
        bill=reader.guarded(lambda: read_bill(run), Bill()),
        resolved=turn.resolved if turn else reader.guarded(lambda: _resolved(run), ()),
        model_form=_model_form(run.file("model")),
        problems=tuple(dict.fromkeys(reader.problems)),
    )


def _of_turn(found: Canaries | None, turn: Turn | None) -> Canaries | None:
    """What was found in a copy of another turn says nothing of this one."""
    return found if found and turn and found.turn == turn.number else None


def _turns(reader: _Reader) -> tuple[Turn, ...]:
    paths = sorted(reader.run.file("turns").glob("*/turn.json"))
    turns = [reader.record(f"turns/{path.parent.name}/turn.json", Turn) for path in paths]
    return tuple(turn for turn in turns if turn is not None)


def _judged_turn(turns: tuple[Turn, ...], verdict: Verdict | None) -> Turn | None:
    if verdict is None:
        return turns[-1] if turns else None
    return next((turn for turn in turns if turn.number == verdict.turn), None)


def _turn_folder(run: RunFolder, turn: Turn | None) -> str:
    """The judged turn's folder; while the first turn is still training, the newest folder there is."""
    if turn is not None:
        return run.turn(turn.number)
    folders = sorted(path.name for path in run.file("turns").glob("*") if path.is_dir())
    return f"turns/{folders[-1]}" if folders else ""


def _test_scorecards(reader: _Reader, folder: str) -> dict[str, Scorecard]:
    if not folder:
        return {}
    cards: dict[str, Scorecard] = {}
    for path in sorted(reader.run.file(f"{folder}/scorecards").glob("test-*.json")):
        card = reader.record(f"{folder}/scorecards/{path.name}", Scorecard)
        if card is not None:
            card = _first_answers(card)
            cards[path.stem.removeprefix("test-")] = card
            cards.setdefault(card.subject, card)
    for path in sorted(reader.run.file(f"{folder}/scorecards").glob("written-*.json")):
        card = reader.record(f"{folder}/scorecards/{path.name}", Scorecard)
        if card is not None:
            cards[f"written {card.subject}"] = _first_answers(card)
    return cards


def _first_answers(card: Scorecard) -> Scorecard:
    """The card with each example once; its scores stay those of all its answers."""
    first = sorted({one: position for position, one in reversed(list(enumerate(card.ids)))}.values())
    if len(first) == len(card.ids):
        return card
    columns = ("ids", "targets", "predictions", "losses", "confidences", "num_bytes", "correct", "squared_errors")
    kept: dict[str, Any] = {
        name: tuple(getattr(card, name)[k] for k in first if getattr(card, name)) for name in columns
    }
    return dataclasses.replace(card, **kept)


def _answers(run: RunFolder, folder: str, recipe: Recipe | None) -> tuple[Answer, ...]:
    """The first answer to each test example; where texts are to be hidden, or nobody knows, without its text."""
    if not folder:
        return ()
    lines = read_lines(run.file(f"{folder}/predictions/test.jsonl"))
    answers = [from_json(Answer, _with_text(body)) for body in lines]
    if recipe is None or recipe.privacy.redact:
        answers = [_hidden(one) for one in answers]
    return tuple({one.id: one for one in reversed(answers)}.values())[::-1]


def _with_text(body: dict[str, Any]) -> dict[str, Any]:
    """A row of predictions, what was written beside how likely the target is."""
    sides = [side for side in ("base", "tuned") if f"{side}_weighed" in body]
    return body | {side: {**body[f"{side}_weighed"], "text": body[side]} for side in sides}


def _hidden(answer: Answer) -> Answer:
    """Without its text; the target of a language model is text too, that of a classifier a label."""
    is_text = isinstance(answer.tuned, Weighed)
    return replace(answer, input=f"(hidden: example {answer.id})", target="(hidden)" if is_text else answer.target)


def _findings(
    reader: _Reader, prepared: Prepared | None, turn: Turn | None, verdict: Verdict | None
) -> tuple[Finding, ...]:
    """The findings of the run, each once, wherever it was written down."""
    found = [*reader.lines("findings.jsonl", Finding)]
    found += prepared.findings if prepared else ()
    found += turn.findings if turn else ()
    found += verdict.causes if verdict else ()
    return tuple({(one.code, one.message): one for one in reversed(found)}.values())[::-1]


def _resolved(run: RunFolder) -> tuple[Resolved, ...]:
    path = run.file("resolved.yaml")
    if not path.exists():
        return ()
    body = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings = body.get("settings", ()) if isinstance(body, dict) else ()
    return tuple(from_json(Resolved, one) for one in settings)


def _model_form(folder: Path) -> str:
    if (folder / "modules.json").exists():
        return "sentence-transformers"
    if (folder / "adapter_config.json").exists():
        return "peft"
    return "transformers" if (folder / "config.json").exists() else ""
