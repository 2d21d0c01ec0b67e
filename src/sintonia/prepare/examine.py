"""The part of the audit that needs the base: it looks at training and validation rows only, after the sealing."""

from __future__ import annotations

from collections.abc import Sequence

from sintonia.models.once import frozen_features
from sintonia.models.open import OpenBase
from sintonia.models.tokens import tokenize
from sintonia.prepare.checks.d110_label_signal import check_label_signal
from sintonia.prepare.checks.d111_truncation import check_truncation
from sintonia.records import Example, Finding
from sintonia.runs import RunFolder
from sintonia.tasks.classify import encode_targets


def examine(
    run: RunFolder, base: OpenBase, train: Sequence[Example], validation: Sequence[Example], labels: Sequence[str]
) -> tuple[tuple[Finding, ...], int]:
    """Findings about label signal and truncation, and the tokens of the longest text as the model reads it."""
    texts = [one.input for one in (*train, *validation)]
    tokens = tokenize(base.tokenizer, texts, base.max_tokens)
    features = frozen_features(run, base, [one.input for one in train])
    targets = encode_targets([one.target for one in train], labels)
    findings = (
        *check_truncation(tokens.num_truncated, len(texts), base.max_tokens),
        *check_label_signal(features, targets, [one.group for one in train], len(labels)),
    )
    return findings, max(len(ids) for ids in tokens.ids)
