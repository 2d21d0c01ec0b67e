"""`head`: only a linear head on frozen features trains; seconds on a laptop."""

from sintonia.methods.method import Kind, Method


def _learning_rate(kind: Kind, _hidden_size: int) -> tuple[float, str]:
    if kind == "language":
        return 3e-3, "method head, features of a language model, which are about three times as long"
    return 1e-2, "method head, unit features"


HEAD = Method(
    name="head",
    bases=("encoder", "language"),
    levels=("text",),
    trains_encoder=False,
    learning_rate=_learning_rate,
)
