"""Records that tests of several rooms begin with: plain bases and prepared data. Nothing is computed here."""

from __future__ import annotations

from sintonia.records import Base, ExampleSet, Part, Prepared, SealedTest

LANGUAGE_BASE = Base(
    reference="file:x",
    revision="0" * 64,
    licence="unknown",
    num_parameters=134_515_008,
    num_layers=30,
    hidden_size=576,
    max_tokens=8192,
    why=(),
    estimated_memory_bytes=1,
    kind="language",
    vocabulary_size=49152,
    intermediate_size=1536,
)
"""Of the shape of SmolLM2."""
ENCODER_BASE = Base(
    reference="file:x",
    revision="0" * 64,
    licence="unknown",
    num_parameters=10,
    num_layers=2,
    hidden_size=4,
    max_tokens=64,
    why=(),
    estimated_memory_bytes=1,
)
"""As small as can be."""


def make_prepared(num_train: int) -> Prepared:
    """Two labels and one part, with training and validation sets of that many rows."""
    one = ExampleSet(path="x", count=num_train, sha256="0")
    return Prepared(
        data_id="0",
        task="classify",
        form="text and label",
        labels=("a", "b"),
        columns={"input": "t", "target": "l"},
        primary_metric="macro_f1",
        notes=(),
        parts=(Part(name="000", train=one, validation=one, test=SealedTest(count=9, sha256="0")),),
        findings=(),
        rows_in=9,
        rows_used=9,
        rows_set_aside=0,
        label_counts={},
    )
