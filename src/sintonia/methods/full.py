"""`full`: all weights of the base train, and the head of a classifier."""

from sintonia.methods.method import Kind, Method


def _learning_rate(kind: Kind, hidden_size: int) -> tuple[float, str]:
    if kind == "encoder":
        return 5e-5, "method full, small encoders 5e-5 to 1e-4"
    rate = 3e-4 if hidden_size < 1024 else 1e-4 if hidden_size < 3000 else 2e-5
    return rate, f"method full, base hidden {hidden_size}"


FULL = Method(name="full", bases=("encoder", "language"), trains_encoder=True, learning_rate=_learning_rate)
