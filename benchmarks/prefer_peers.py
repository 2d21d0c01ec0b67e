"""TRL's `DPOTrainer` on pairs of a language model, with a note of what each of its steps saw and took.

It runs as it is, but for the first values of the adapters and the windows in which pairs are sorted by length (see
`peers.py`). Sintonia's side is elsewhere.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from typing import Any
from unittest.mock import patch

from torch import Tensor, nn
from transformers import PrinterCallback, trainer_pt_utils

from benchmarks.peers import (
    WINDOW_BATCHES,
    FirstValues,
    Notes,
    Plan,
    Run,
    _adapter_settings,
    _settings,
    _start_alike,
)
from sintonia.models.language.preferences.bundles import Bundle
from sintonia.models.language.rows import TokenRow
from sintonia.models.loading import quiet

BETA = 0.1
Rows = list[dict[str, Any]]


def bundles_of(inputs: dict[str, Tensor]) -> list[Bundle]:
    """The pairs of a batch of TRL's without their padding: chosen answers first, then the rejected ones."""
    rows = []
    for ids, learned, mask in zip(
        inputs["input_ids"], inputs["completion_mask"].bool(), inputs["attention_mask"].bool(), strict=True
    ):
        rows.append(TokenRow(ids=tuple(ids[mask].tolist()), learned=tuple(learned[mask].tolist()), num_bytes=0))
    half = len(rows) // 2
    return [Bundle(pair) for pair in zip(rows[:half], rows[half:], strict=True)]


def _recording(trainer_class: type) -> type:
    """The trainer with a note of the pairs and the loss of each step."""

    class Recording(trainer_class):  # type: ignore[misc]
        run = Run()

        def training_step(self, model: nn.Module, inputs: dict[str, Tensor], *rest: Any, **named: Any) -> Tensor:
            """Everything is the trainer's own."""
            self.run.batches.append(bundles_of(inputs))
            self.run.padded_tokens += inputs["input_ids"].numel()
            loss: Tensor = super().training_step(model, inputs, *rest, **named)
            self.run.losses.append(float(loss))
            return loss

    return Recording


def train_with_trl(plan: Plan, rows: Rows, first: FirstValues, seed: int, **settings: Any) -> Run:
    """`DPOTrainer`; `settings` are those that differ from its defaults."""
    import datasets
    from transformers import AutoConfig
    from trl import DPOConfig, DPOTrainer

    datasets.disable_progress_bars()
    num_layers = AutoConfig.from_pretrained(plan.base).num_hidden_layers
    with tempfile.TemporaryDirectory() as folder, quiet():
        began = time.perf_counter()
        trainer = _recording(DPOTrainer)(
            model=str(plan.base),
            args=DPOConfig(**_settings(plan, folder, seed), max_length=plan.max_tokens, beta=BETA, **settings),
            train_dataset=datasets.Dataset.from_list(rows),
            peft_config=_adapter_settings(plan, first, num_layers),
        )
        preparing = time.perf_counter() - began
        if "train_sampling_strategy" in settings:
            lengths = [
                len(one["prompt_ids"]) + max(len(one["chosen_ids"]), len(one["rejected_ids"]))
                for one in trainer.train_dataset
            ]
            trainer.train_dataset = trainer.train_dataset.add_column("length", lengths)
        trainer.run = Run(preparing_seconds=preparing)
        _start_alike(trainer.model, first)
        trainer.add_callback(Notes(trainer.run))
        trainer.remove_callback(PrinterCallback)  # stdout is for the result
        wide = partial(trainer_pt_utils.get_length_grouped_indices, mega_batch_mult=WINDOW_BATCHES)
        with patch.object(trainer_pt_utils, "get_length_grouped_indices", wide):
            trainer.train()
        found: Run = trainer.run
        return found
