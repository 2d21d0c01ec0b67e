"""`head`: only a linear head on frozen features trains; seconds on a laptop."""

from sintonia.methods.method import Method

HEAD = Method(
    name="head",
    trains_encoder=False,
    learning_rate=1e-2,
    learning_rate_origin="method head, unit features",
    bytes_per_weight=16,
)
