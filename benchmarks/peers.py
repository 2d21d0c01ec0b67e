"""TRL and transformers training adapters of a language model, with a note of what each of their steps saw and took.

The libraries run as they are, but for the first values of the adapters, and for the windows in which rows are sorted
by length: `Trainer` takes a quarter of a small set, which groups next to nothing; here they are as wide as in a large
set, to the peer's good. Sintonia's side is elsewhere.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    trainer_pt_utils,
)

from sintonia.models.language.rows import TokenRow
from sintonia.models.loading import quiet

WINDOW_BATCHES = 50
"""Rows are sorted by length within so many batches: what `Trainer` does with 1,600 rows or more of batch 8."""
Batches = list[list[TokenRow]]
FirstValues = dict[str, Tensor]
"""Of each adapted linear layer, by its name in the model: the first values of its matrix A. B starts at zero."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all sides train with."""

    base: Path
    batch_rows: int = 8
    learning_rate: float = 2e-4
    rank: int = 16
    alpha: float = 32.0
    trained_layers: int = 0
    """So many of the highest layers have adapters; 0: all."""
    epochs: int = 1
    clip_norm: float = 1.0
    max_tokens: int = 1024


@dataclass(kw_only=True)
class Run:
    """One training: what each optimizer step saw, its loss, and what it took."""

    batches: Batches = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """Of each step: forward, backward, clipping, update."""
    preparing_seconds: float = 0.0
    """What was computed before the first step, to be read in each."""
    padded_tokens: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    """What was learned: `NAME.lora_A` and `NAME.lora_B` of each adapted linear layer."""


class Notes(TrainerCallback):
    """The time of each step, from the batch in hand to the new weights."""

    def __init__(self, run: Run) -> None:
        self.run, self.began = run, 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Starts the watch."""
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stops the watch."""
        self.run.seconds.append(time.perf_counter() - self.began)


def token_rows(inputs: dict[str, Tensor]) -> list[TokenRow]:
    """The examples of a batch without their padding; labels below zero are not learned."""
    rows = []
    for ids, labels, mask in zip(inputs["input_ids"], inputs["labels"], inputs["attention_mask"].bool(), strict=True):
        learned = (labels[mask] >= 0).tolist()
        rows.append(TokenRow(ids=tuple(ids[mask].tolist()), learned=(False, *learned[1:]), num_bytes=0))
    return rows


def _recording(trainer_class: type[Trainer]) -> type[Trainer]:
    """The trainer with a note of the tensors and the loss of each step."""

    class Recording(trainer_class):  # type: ignore[misc, valid-type]
        run = Run()

        def training_step(self, model: nn.Module, inputs: dict[str, Tensor], *rest: Any, **named: Any) -> Tensor:
            """Everything is the trainer's own."""
            self.run.batches.append(token_rows(inputs))
            self.run.padded_tokens += inputs["input_ids"].numel()
            loss = super().training_step(model, inputs, *rest, **named)
            self.run.losses.append(float(loss))
            return loss

    return Recording


def _settings(plan: Plan, folder: str, seed: int) -> dict[str, Any]:
    """What is the same for all; everything else is the library's default."""
    return {
        "output_dir": folder,
        "num_train_epochs": plan.epochs,
        "per_device_train_batch_size": plan.batch_rows,
        "learning_rate": plan.learning_rate,
        "max_grad_norm": plan.clip_norm,
        "seed": seed,
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _adapter_settings(plan: Plan, first: FirstValues, num_layers: int) -> Any:
    from peft import LoraConfig

    chosen: dict[str, Any] = {"target_modules": "all-linear"}
    if plan.trained_layers:
        chosen = {
            "target_modules": sorted({name.rpartition(".")[2] for name in first}),
            "layers_to_transform": list(range(num_layers - plan.trained_layers, num_layers)),
        }
    return LoraConfig(r=plan.rank, lora_alpha=plan.alpha, lora_dropout=0.0, task_type="CAUSAL_LM", **chosen)


def _adapters(model: Any) -> dict[str, nn.Module]:
    """The adapted linear layers of a model of peft, by their name in the model without adapters."""
    found = model.get_base_model().named_modules()
    return {name: module for name, module in found if hasattr(module, "lora_A") and hasattr(module, "base_layer")}


def _start_alike(model: Any, first: FirstValues) -> None:
    """Gives the peer our first values.

    Raises:
        ValueError: the peer adapts other layers than we do, so there is nothing to compare.
    """
    adapters = _adapters(model)
    if set(adapters) != set(first):
        raise ValueError(f"the peer adapts {len(adapters)} layers, sintonia {len(first)}, or others")
    with torch.no_grad():
        for name, values in first.items():
            adapters[name].lora_A["default"].weight.copy_(values)


def train_with_trl(plan: Plan, rows: Sequence[dict[str, Any]], first: FirstValues, seed: int, **settings: Any) -> Run:
    """`SFTTrainer` on rows of `prompt` and `completion`; `settings` are those that differ from its defaults."""
    import datasets
    from transformers import AutoConfig
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    num_layers = AutoConfig.from_pretrained(plan.base).num_hidden_layers
    with tempfile.TemporaryDirectory() as folder, quiet():
        trainer = _recording(SFTTrainer)(
            model=str(plan.base),
            args=SFTConfig(**_settings(plan, folder, seed), max_length=plan.max_tokens, **settings),
            train_dataset=datasets.Dataset.from_list(list(rows)),
            peft_config=_adapter_settings(plan, first, num_layers),
        )
        return _train(trainer, first)


def train_with_transformers(plan: Plan, rows: Sequence[TokenRow], first: FirstValues, seed: int) -> Run:
    """`Trainer` and peft at their defaults, each batch padded to its longest row."""
    from peft import get_peft_model
    from transformers import DataCollatorForSeq2Seq

    tokenizer = AutoTokenizer.from_pretrained(plan.base)
    tokenizer.padding_side = "right"
    with quiet():
        causal = AutoModelForCausalLM.from_pretrained(plan.base, dtype=torch.float32)
    dataset = [
        {
            "input_ids": list(row.ids),
            "attention_mask": [1] * len(row.ids),
            "labels": [token if learned else -100 for token, learned in zip(row.ids, row.learned, strict=True)],
        }
        for row in rows
    ]
    with tempfile.TemporaryDirectory() as folder, quiet():
        trainer = _recording(Trainer)(
            model=get_peft_model(causal, _adapter_settings(plan, first, causal.config.num_hidden_layers)),
            args=TrainingArguments(**_settings(plan, folder, seed)),
            train_dataset=dataset,
            data_collator=DataCollatorForSeq2Seq(tokenizer),
            processing_class=tokenizer,
        )
        return _train(trainer, first)


def _train(trainer: Any, first: FirstValues) -> Run:
    trainer.run = Run()
    _start_alike(trainer.model, first)
    trainer.add_callback(Notes(trainer.run))
    trainer.remove_callback(PrinterCallback)  # stdout is for the result
    wide = partial(trainer_pt_utils.get_length_grouped_indices, mega_batch_mult=WINDOW_BATCHES)
    with patch.object(trainer_pt_utils, "get_length_grouped_indices", wide):
        trainer.train()
    for name, module in _adapters(trainer.model).items():
        trainer.run.weights[f"{name}.lora_A"] = module.lora_A["default"].weight.detach().clone()
        trainer.run.weights[f"{name}.lora_B"] = module.lora_B["default"].weight.detach().clone()
    return trainer.run
