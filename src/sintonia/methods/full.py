"""`full`: all weights of the encoder and the head train."""

from sintonia.methods.method import Method

FULL = Method(
    name="full",
    trains_encoder=True,
    learning_rate=5e-5,
    learning_rate_origin="method full, small encoders 5e-5 to 1e-4",
    bytes_per_weight=16,
)
