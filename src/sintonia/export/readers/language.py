"""Language models as a runtime reads them: what a prompt becomes, what follows how likely, and what is answered.

The model of the run is read in the same way by our own code. Nothing is compared and nothing is written here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from sintonia.errors import RunFailed
from sintonia.export.proof import Runtime
from sintonia.models.language.generate import write_greedily
from sintonia.models.language.saved import OpenLanguageModel, open_language_candidate
from sintonia.models.loading import quiet
from sintonia.models.sources.gguf_file import convert

Messages = Sequence[Mapping[str, Any]]


class LanguageReader(Protocol):
    """A language model in some runtime, with all that it brings: template, tokenizer, stop tokens."""

    runtime: Runtime

    def prompt(self, messages: Messages, tools: Sequence[Any]) -> list[int]:
        """Messages as the tokens that stand before an answer."""
        ...

    def tokens(self, text: str) -> list[int]:
        """A text as tokens, with what the tokenizer puts around it."""
        ...

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        """What follows each token: float32 (tokens, words)."""
        ...

    def answer(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        """The likeliest tokens after these, without the one that ends an answer."""
        ...

    def stops(self) -> set[int]:
        """The tokens at which it stops to write."""
        ...


class OurLanguageModel:
    """The model of a run, opened and run by our own code."""

    def __init__(self, opened: OpenLanguageModel) -> None:
        self.opened = opened
        self.runtime = Runtime(name="sintonia", version=version("sintonia"), is_independent=False)

    def prompt(self, messages: Messages, tools: Sequence[Any]) -> list[int]:
        text = self.opened.template.prompt(messages, tools)
        return list(self.opened.tokenizer(text, add_special_tokens=False)["input_ids"])

    def tokens(self, text: str) -> list[int]:
        return list(self.opened.tokenizer(text)["input_ids"])

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        return _logits(self.opened.causal, ids)

    def answer(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        return list(write_greedily(self.opened.causal, [ids], self.opened.template.stop_ids, new_tokens)[0].ids)

    def stops(self) -> set[int]:
        return set(self.opened.template.stop_ids)


class TransformersModel:
    """A causal model and a tokenizer of transformers, without a line of ours: peft's models among them."""

    def __init__(self, causal: Any, tokenizer: Any, runtime: Runtime) -> None:
        self.causal, self.tokenizer, self.runtime = causal.eval(), tokenizer, runtime

    def prompt(self, messages: Messages, tools: Sequence[Any]) -> list[int]:
        if not self.tokenizer.chat_template:
            raise RunFailed("the exported model has lost its chat template", hint="please report this")
        given = [dict(one) for one in messages]
        found = self.tokenizer.apply_chat_template(
            given, tools=list(tools) or None, add_generation_prompt=True, tokenize=False
        )
        return list(self.tokenizer(found, add_special_tokens=False)["input_ids"])

    def tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        return _logits(self.causal, ids)

    def answer(self, ids: Sequence[int], new_tokens: int) -> list[int]:
        with torch.inference_mode(), quiet():
            row = torch.tensor([list(ids)])
            asked = {"do_sample": False, "max_new_tokens": new_tokens, "pad_token_id": self.tokenizer.pad_token_id or 0}
            found = self.causal.generate(row, attention_mask=torch.ones_like(row), **asked)
        return _before_stop(found[0, len(ids) :].tolist(), self.stops())

    def stops(self) -> set[int]:
        said = self.causal.generation_config.eos_token_id
        return set(said if isinstance(said, list) else [] if said is None else [said])


def _before_stop(ids: Sequence[int], stops: set[int]) -> list[int]:
    end = next((place for place, token in enumerate(ids) if token in stops), len(ids))
    return list(ids[:end])


def _logits(causal: Any, ids: Sequence[int]) -> np.ndarray:
    with torch.inference_mode():
        row = torch.tensor([list(ids)])
        found = causal(input_ids=row, attention_mask=torch.ones_like(row), use_cache=False).logits[0]
    return np.asarray(found.float().numpy())


def read_ours(folder: Path) -> OurLanguageModel:
    """The model of a run."""
    return OurLanguageModel(open_language_candidate(folder))


def read_merged(folder: Path) -> TransformersModel:
    """A folder of whole weights, by transformers alone."""
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet():
        causal = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **_LOCAL)
        tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
    return TransformersModel(causal, tokenizer, Runtime(name="transformers", version=transformers.__version__))


def read_adapter(folder: Path, base: Path) -> TransformersModel:
    """An adapter on its base, by peft alone."""
    import peft
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet():
        whole = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, **_LOCAL)
        tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
        whole.generation_config.eos_token_id = _stops_beside(folder)  # peft itself reads them of the base alone
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what it asks of transformers, which is nothing of ours
            causal = peft.PeftModel.from_pretrained(whole, str(folder))
    return TransformersModel(causal, tokenizer, Runtime(name="peft", version=peft.__version__))


def _stops_beside(folder: Path) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id


def read_gguf(file: Path, work: Path) -> TransformersModel:
    """A GGUF file by transformers' own reader, which gives float32 weights and knows nothing of how it was written.

    `work` is a folder for what it is converted to.
    """
    import transformers

    read = read_merged(convert(file, work))
    read.runtime = Runtime(name="transformers (its GGUF reader)", version=transformers.__version__)
    return read


_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
