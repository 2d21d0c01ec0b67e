"""What else holds where a head stands on a causal language model: what such a base has no use for is refused."""

from __future__ import annotations

from sintonia.errors import UsageError
from sintonia.methods.method import Method
from sintonia.settings import TrainingSettings

_AT_ONCE = ("windows", "compared")
"""Ways of reading that put several sequences together, which is only made for features of length one."""


def refuse_on_decoder(method: Method, training: TrainingSettings) -> None:
    """Refuses what a head on a language model cannot be trained with.

    Raises:
        UsageError: a method that compares texts, texts in several sequences, or dropout where the layers have none.
    """
    if "language" not in method.bases:
        raise UsageError(
            f"the method `{method.name}` needs an encoder, and the base is a causal language model",
            expected="one of `full`, `lora`, `head`",
            hint=f"take `--method lora`, or an encoder as the base of `--method {method.name}`",
        )
    if training.long_texts in _AT_ONCE or training.text_pairs in _AT_ONCE:
        name = "long_texts" if training.long_texts in _AT_ONCE else "text_pairs"
        raise UsageError(
            f"`training.{name}` {getattr(training, name)} needs an encoder, and the base is a causal language model",
            hint="it reads thousands of tokens at once: raise `training.max_tokens`"
            if name == "long_texts"
            else "it reads both texts together",
        )
    if training.dropout not in ("auto", 0):
        raise UsageError(
            "`training.dropout` has no effect on a causal language model",
            hint="leave it out; with `--method lora`, `lora.dropout` can be set",
        )
