"""Holds what was exported to the model of the run, example by example, each in its own runtime.

It opens models through readers and compares what they say. It writes nothing and decides on no format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sintonia.errors import RunFailed
from sintonia.export.proof import Agreement, Cost, difference, share_equal
from sintonia.export.readers.language import LanguageReader, OurLanguageModel, read_ours
from sintonia.export.readers.texts import OurTextModel, TextReader
from sintonia.export.source import Source
from sintonia.models.forward import log_softmax
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.saved import OpenLanguageModel
from sintonia.records import Example
from sintonia.tasks import TASKS
from sintonia.tasks.task import inputs_of, spoken

READ_TOKENS = 256
"""Of an example, so that a proof takes seconds; answers are judged within these."""
ANSWER_TOKENS = 16
"""Of each greedy answer: two models that part do so early."""
_LOST = "nothing was kept; please report this, with the name of the base"


def compare(source: Source, exported: Any, rounded: OpenLanguageModel | None) -> Agreement:
    """How far an exported model agrees with that of the run; `rounded` is the same with the weights that were written,
    where these were rounded, so that a fault is told from what rounding does.

    Raises:
        RunFailed: its tokenizer, chat template or stop tokens are not those of the run.
    """
    if source.kind == "language":
        return _compare_language(source, exported, rounded)
    return _compare_texts(source, exported)


def _compare_texts(source: Source, exported: TextReader) -> Agreement:
    ours = OurTextModel(source.folder, source.task)
    texts = inputs_of(TASKS[source.task], source.examples)[: len(source.examples)]
    is_long = ours.are_long(texts) if source.reading else [False] * len(texts)
    texts = [one for one, is_longer in zip(texts, is_long, strict=True) if not is_longer]
    if not texts:
        raise RunFailed(
            f"all {len(is_long)} validation examples have more than {source.max_tokens} tokens, which other programs "
            "read otherwise",
            hint="train with `training.long_texts=head`, as they read them",
        )
    pairs = [(ours.outputs(one), exported.outputs(one)) for one in texts]
    answers = None
    if source.kind != "embedder" and TASKS[source.task].HAS_CLASSES:
        said = [[_answers(side) for side in pair] for pair in pairs]
        answers = share_equal([one for one, _ in said], [other for _, other in said])
    largest = max(difference(*pair) for pair in pairs)
    return Agreement(
        num_examples=len(pairs),
        largest_difference=largest,
        largest_from_run=largest,
        answers_equal=answers,
        compared="embeddings" if source.kind == "embedder" else "logits",
        num_longer=sum(is_long),
    )


def _answers(outputs: np.ndarray) -> list[int]:
    return [int(one) for one in np.atleast_1d(outputs.argmax(axis=-1))]


def _compare_language(source: Source, exported: LanguageReader, rounded: OpenLanguageModel | None) -> Agreement:
    ours = read_ours(source.folder)
    examples = spoken(TASKS[source.task], source.examples)
    _check_stops(source, ours, exported)
    prompts = [_prompts(one, ours, exported) for one in examples]
    wrong = sum(one != other for one, other in prompts)
    if wrong:
        raise RunFailed(
            f"the exported tokenizer or chat template reads {wrong} of {len(prompts)} validation prompts otherwise",
            expected="the same tokens",
            hint=_LOST,
        )
    rows = [ours.opened.template.render(one.whole, READ_TOKENS) for one in examples]
    alike = ours if rounded is None else OurLanguageModel(rounded)
    from_alike, from_run, nats = [], [], np.zeros(2)
    for row in rows:
        said = [reader.logits(row.ids) for reader in (ours, exported)]
        from_run.append(difference(*said))
        from_alike.append(difference(alike.logits(row.ids), said[1]) if rounded else from_run[-1])
        nats += [_nats(row, one) for one in said] if from_run[-1] < float("inf") else np.inf
    short = [one[-READ_TOKENS:] for one, _ in prompts]
    answers = [[reader.answer(one, ANSWER_TOKENS) for one in short] for reader in (ours, exported)]
    num_bytes = sum(row.num_bytes for row in rows)
    bits = nats / np.log(2) / max(num_bytes, 1)
    return Agreement(
        num_examples=len(rows),
        largest_difference=max(from_alike),
        largest_from_run=max(from_run),
        answers_equal=share_equal(*answers),
        compared=f"logits of every token, and greedy answers of up to {ANSWER_TOKENS} tokens",
        cost=Cost(metric="bits per byte", run=float(bits[0]), exported=float(bits[1])) if num_bytes else None,
    )


def _check_stops(source: Source, ours: OurLanguageModel, exported: LanguageReader) -> None:
    lost = ours.stops() - exported.stops()
    if lost and source.task != "pretrain":
        names = ", ".join(map(str, ours.opened.tokenizer.convert_ids_to_tokens(sorted(lost))))
        raise RunFailed(f"the exported model would not stop at {names}, as the model of the run does", hint=_LOST)


def _prompts(example: Example, ours: OurLanguageModel, exported: LanguageReader) -> tuple[list[int], list[int]]:
    """What both read before they answer; of plain text its first half."""
    content = example.whole
    if "text" in content:
        text = content["text"][: max(len(content["text"]) // 2, 1)]
        return ours.tokens(text), exported.tokens(text)
    last = max((k for k, one in enumerate(content["messages"]) if one["role"] == "assistant"), default=1)
    messages: Sequence[dict[str, Any]] = ours.opened.template.readable(content["messages"][:last])
    tools = content.get("tools") or ()
    return ours.prompt(messages, tools), exported.prompt(messages, tools)


def _nats(row: TokenRow, logits: np.ndarray) -> float:
    """Of the learned tokens of an example, together."""
    places = [place for place, is_learned in enumerate(row.learned) if is_learned]
    if not places:
        return 0.0
    before = np.array(places) - 1
    return -float(log_softmax(logits[before])[np.arange(len(places)), np.array(row.ids)[places]].sum())
