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
) -> tuple[Finding, ...]:
    """Findings about label signal and truncation."""
    texts = [one.input for one in (*train, *validation)]
    num_truncated = tokenize(base.tokenizer, texts, base.max_tokens).num_truncated
    features = frozen_features(run, base, [one.input for one in train])
    targets = encode_targets([one.target for one in train], labels)
    return (
        *check_truncation(num_truncated, len(texts), base.max_tokens),
        *check_label_signal(features, targets, [one.group for one in train], len(labels)),
    )
