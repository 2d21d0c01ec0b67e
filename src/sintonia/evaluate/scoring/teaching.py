"""What a saved candidate answers, as targets of new rows: labels, lists of them, numbers, spans, conversations.

It reads no file of texts and writes nothing; which answers are trained on is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.evaluate.written.writing import drawn_examples, prompts_of, tokens_to_give, write_candidate
from sintonia.models.answering import OUT_OF_SCOPE, answer, open_tagger, texts_tagged
from sintonia.models.open import candidate_task, open_candidate
from sintonia.records import Example, Place
from sintonia.tasks import Input
from sintonia.tasks.multilabel import names_in
from sintonia.tasks.regress import read

Ask = Callable[[Sequence[Input]], list[Any]]
"""From inputs to an answer each: what a target may be, or an `Unsaid` where the candidate has none to give."""
LEAST_CERTAIN = 0.8
"""How likely a classifier must find its answer, as a tempered probability, for it to be a target: see `_sure`."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """No answer, and why, as it is said of rows."""

    why: str


UNSURE = Unsaid(f"are answered with less than {100 * LEAST_CERTAIN:.0f} % certainty by the teacher")
REFUSED = Unsaid("are out of scope for the teacher, which refuses them")
UNENDED = Unsaid("got no answer of the teacher, or one that it did not end")
_MOST_LOOKED_AT = 500
"""Training conversations by which it is known how long answers are."""


def open_teacher(folder: Path, train: Sequence[Example], new_tokens: int | None) -> Ask:
    """Opens the candidate in a folder, to be asked again and again.

    `train` are examples it learned from: of conversations they tell the system message, where all have the same, and
    how long answers are unless `new_tokens` says so.

    Raises:
        StorageError: the folder is not a model of ours.
    """
    return _OPENERS[candidate_task(folder)](folder, train, new_tokens)


def can_teach(task: str) -> bool:
    """Whether what a candidate of this task answers can be the target of a row."""
    return task in _OPENERS


def common_system(train: Sequence[Example]) -> str:
    """The system message that all conversations begin with; empty where there is none, or several."""
    found = {_system(one) for one in train}
    return found.pop() if len(found) == 1 else ""


def _system(example: Example) -> str:
    first = (example.whole.get("messages") or [{}])[0]
    return str(first.get("content", "")) if first.get("role") == "system" else ""


def _labels(folder: Path, _train: Sequence[Example], _new_tokens: int | None) -> Ask:
    candidate = open_candidate(folder)

    def ask(inputs: Sequence[Input]) -> list[Any]:
        return [_sure(one, candidate.labels) for one in answer(candidate, inputs)]

    return ask


def _sure(said: Mapping[str, Any], labels: Sequence[str]) -> str | Unsaid:
    """The label, where it is certain enough.

    What a teacher guesses, the one that it teaches learns as if it were known. Measured on 2,900 questions of six kinds
    (trec; MiniLM tuned on 523 rows, three of its layers taught): with all answers 4.2 points of accuracy worse than
    with none (2.1 to 6.4); with these, half of them and 96 % right, 0.5 better (-1.2 to 2.2).
    """
    if said["prediction"] == OUT_OF_SCOPE and OUT_OF_SCOPE not in labels:
        return REFUSED
    return UNSURE if said["confidence"] < LEAST_CERTAIN else str(said["prediction"])


def _label_sets(folder: Path, _train: Sequence[Example], _new_tokens: int | None) -> Ask:
    candidate = open_candidate(folder)
    return lambda inputs: [names_in(one["prediction"]) for one in answer(candidate, inputs)]


def _numbers(folder: Path, _train: Sequence[Example], _new_tokens: int | None) -> Ask:
    candidate = open_candidate(folder)
    return lambda inputs: [list(read(one["prediction"])) for one in answer(candidate, inputs)]


def _spans(folder: Path, _train: Sequence[Example], _new_tokens: int | None) -> Ask:
    tagger = open_tagger(folder)

    def ask(inputs: Sequence[Input]) -> list[Any]:
        found = texts_tagged(tagger, [one if isinstance(one, str) else one[0] for one in inputs])
        return [[{"start": start, "end": end, "label": label} for start, end, label in of_text] for of_text in found]

    return ask


def _conversations(folder: Path, train: Sequence[Example], new_tokens: int | None) -> Ask:
    """Answers to prompts of one message, behind the system message of the training conversations."""
    from sintonia.models.language.saved import open_language_candidate

    opened, system = open_language_candidate(folder), common_system(train)
    most = new_tokens or tokens_to_give(prompts_of(opened, drawn_examples(train, _MOST_LOOKED_AT), 0))

    def ask(inputs: Sequence[Input]) -> list[Any]:
        texts = [one if isinstance(one, str) else one[0] for one in inputs]
        asked = [_conversation(text, system) for text in texts]
        prompts = prompts_of(opened, [_unanswered(messages) for messages in asked], most)
        whole = [k for k, prompt in enumerate(prompts) if prompt and prompt.is_whole]
        said = write_candidate(opened, [prompt.ids for prompt in prompts if prompt and prompt.is_whole], most)
        answers: list[Any] = [UNENDED] * len(texts)
        for k, one in zip(whole, said, strict=True):
            if one.is_ended and one.text:
                answers[k] = [*asked[k], {"role": "assistant", "content": one.text}]
        return answers

    return ask


def _conversation(text: str, system: str) -> list[dict[str, str]]:
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": text}]


def _unanswered(messages: list[dict[str, str]]) -> Example:
    """An example of which only what stands before its answer is read."""
    content = {"messages": [*messages, {"role": "assistant", "content": "."}]}
    return Example(id="", input="", target="", group="", place=Place(file="pool", line=0), content=content)


_OPENERS: dict[str, Callable[[Path, Sequence[Example], int | None], Ask]] = {
    "classify": _labels,
    "multilabel": _label_sets,
    "regress": _numbers,
    "tag": _spans,
    "chat": _conversations,
}
"""How a candidate is asked, by task; embeddings and preferences are no targets of rows."""
