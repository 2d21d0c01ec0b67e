"""`head`: only a linear head on frozen features trains; seconds on a laptop."""

from sintonia.methods.method import Method


def _learning_rate(_task: str, _hidden_size: int) -> tuple[float, str]:
    return 1e-2, "method head, unit features"


HEAD = Method(name="head", tasks=("classify",), trains_encoder=False, learning_rate=_learning_rate)
