"""`lora`: the weights of the base stay as they are, small matrices beside every linear layer train."""

from sintonia.methods.method import Kind, Method


def low_rank_learning_rate(kind: Kind, hidden_size: int) -> tuple[float, str]:
    """Ten times that of full fine-tuning, less for wider language models (science.md 6.1)."""
    if kind == "encoder":
        return 5e-4, "method lora, ten times that of method full"
    return min(1e-3, round(5e-4 * (2000 / hidden_size) ** 0.781, 6)), f"method lora, base hidden {hidden_size}"


LORA = Method(
    name="lora",
    bases=("encoder", "language"),
    trains_encoder=True,
    learning_rate=low_rank_learning_rate,
    has_adapters=True,
)
