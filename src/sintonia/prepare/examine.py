"""The part of the audit that needs the base: it looks at training and validation rows only, after the sealing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sintonia.files import write_lines
from sintonia.models.once import compared_features
from sintonia.models.open import OpenBase
from sintonia.models.tokens import Tokens, num_tokens, tokenize
from sintonia.prepare.checks.d110_label_signal import find_missing_signal, label_signal
from sintonia.prepare.checks.d111_truncation import check_truncation
from sintonia.prepare.checks.d127_label_errors import Suspects, check_label_errors
from sintonia.prepare.checks.d128_unknown_language import check_fertility, count_words
from sintonia.prepare.checks.words_and_tokens import examine_words
from sintonia.prepare.mending.suspects import SUSPECTS_FILE, with_conflicts
from sintonia.records import Example, Finding, LabelSignal, Prepared, Suspect
from sintonia.runs import LABEL_SIGNAL, RunFolder
from sintonia.tasks import TASKS, classify, has_head, inputs_of
from sintonia.tasks.classify import encode_targets

_MOST_TEXTS_COUNTED = 5_000


def examine(
    run: RunFolder, base: OpenBase, train: Sequence[Example], validation: Sequence[Example], prepared: Prepared
) -> tuple[tuple[Finding, ...], int]:
    """Findings about labels, truncation and language, and the tokens of the longest text as the model reads it.

    The training rows whose label a person should look at are kept in `data/suspects.jsonl`. With ten parts each row is
    also a test row: what a model thinks of it is not shown, only what contradicts another row.
    """
    task = TASKS[prepared.task]
    texts = inputs_of(task, (*train, *validation))
    reading = base.model.reading
    tokens = tokenize(base.tokenizer, texts, base.max_tokens, reading)
    of_labels = _look_at_labels(run, base, train, prepared) if task.HAS_CLASSES else ((), ())
    is_of_words = has_head(task) and task.LEVEL == "token"
    findings = (
        *(
            examine_words(base, train, validation)
            if is_of_words
            else check_truncation(tokens, base.max_tokens, reading.long_texts)
        ),
        *_check_language(base, tokens, [one if isinstance(one, str) else "\n".join(one) for one in texts]),
        *of_labels[0],
        *of_labels[1],
    )
    return findings, max(len(ids) for ids in tokens.ids)


_Found = tuple[Finding, ...]


def _look_at_labels(
    run: RunFolder, base: OpenBase, train: Sequence[Example], prepared: Prepared
) -> tuple[_Found, _Found]:
    """Whether anything predicts the labels, and which of them look wrong."""
    labels, task = prepared.labels, classify
    features = compared_features(run, base, [task.inputs(one) for one in train])
    targets, groups = encode_targets([one.target for one in train], labels), [one.group for one in train]
    wrong, suspects = check_label_errors(features, targets, groups, [one.place for one in train])
    listed = _in_words(suspects, train, labels) if len(prepared.parts) == 1 else []
    write_lines(run.file(SUSPECTS_FILE), with_conflicts(train, listed))
    signal = label_signal(features, targets, groups, len(labels))
    noise_range = suspects.noise_range if suspects else None
    p_value = 1.0 if np.isnan(signal[1]) else signal[1]
    run.write(LABEL_SIGNAL, LabelSignal(p_value=p_value, noise_range=noise_range))
    return find_missing_signal(signal, len(train)), wrong


def _check_language(base: OpenBase, tokens: Tokens, texts: list[str]) -> tuple[Finding, ...]:
    """Tokens and words of the first texts that are not cut, without the marks that every text gets."""
    longer = set(tokens.long)
    few = [k for k in range(min(len(texts), _MOST_TEXTS_COUNTED)) if k not in longer]
    special = len(base.tokenizer.backend_tokenizer.encode("").ids)
    unknown = base.tokenizer.unk_token_id
    return check_fertility(
        num_tokens=sum(num_tokens(tokens.ids[k]) - special for k in few),
        num_words=sum(count_words(texts[k]) for k in few),
        num_unknown=sum(tokens.ids[k].count(unknown) for k in few),
        num_texts=len(few),
    )


def _in_words(found: Suspects | None, train: Sequence[Example], labels: Sequence[str]) -> list[Suspect]:
    if found is None:
        return []
    together = zip(found.positions.tolist(), found.suggested.tolist(), found.confidence.tolist(), strict=True)
    return [
        Suspect(
            row=train[position].id,
            place=train[position].place,
            input=train[position].input,
            target=train[position].target,
            suggested=labels[suggested],
            confidence=confidence,
        )
        for position, suggested, confidence in together
    ]
