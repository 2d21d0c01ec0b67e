"""A causal language model that reads: the state of the last token of a text, in the form of transformers' classifiers.

On disk it is the model of transformers for classifying sequences (`score` beside the layers), which loads without our
code. It makes bases ready and reads and writes folders; it opens no base by itself and trains nothing.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import processors
from torch import Tensor, nn
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from sintonia.errors import StorageError, UsageError
from sintonia.models.loading import check_finite, load_transformer, quiet
from sintonia.models.pooled import PooledEncoder
from sintonia.models.sources.folder import weight_files

_SCORE = "score.weight"
_FEATURE_LENGTH = 3.0
"""About how long what the head stands on is made. States of a language model all point much the same way: at length one
the usual strengths of a probe are too weak for what tells them apart. (SmolLM2-135M, 500 training and 300 other
examples, strengths 1 to 30: trec 0.65 to 0.69 at this length and 0.56 to 0.67 at length one, sst2 0.79 to 0.81 and
0.73 to 0.81. A constant beside the weights gained nothing.)"""
_PROBE_TOKENS, _PROBE_PADDING, _TOLERANCE = 7, 5, 1e-3
"""What stands to the right of a text may move its states by rounding only, relative to the largest."""


class DecoderReader(PooledEncoder):
    """Rows of token ids to the state of their last token, and to logits with a head that has no constant beside it.

    Rows are padded on the right, where nothing that is read can see it: the mask hides nothing.
    """

    is_causal = True

    def __init__(self, transformer: nn.Module, hidden_size: int, scale: float = 1.0) -> None:
        super().__init__(transformer, hidden_size)
        self.scale = scale
        """What states are multiplied with before the head: a power of two, so that it goes into the saved head without
        any rounding. A candidate has 1."""

    def head_inputs(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """States (batch, hidden) of about the length that a probe likes: as they are, not each of length one, as
        transformers reads them."""
        return self._encoded(ids, mask) * self.scale

    def add_head(self, weight: Tensor, bias: Tensor) -> None:
        """Puts a linear head with these values on the states; weight (labels, hidden), and zeros.

        Raises ValueError where there is a constant: a mistake of the caller.
        """
        if bool(bias.any()):
            raise ValueError("the head of a language model has no constant beside its weights")
        self.head = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        with torch.no_grad():
            self.head.weight.copy_(weight)

    def _encoded(self, ids: Tensor, mask: Tensor | None, types: Tensor | None = None) -> Tensor:
        if types is not None:
            raise ValueError("tokens of a language model have no types")  # a mistake of the caller
        ones = None if mask is None else torch.ones_like(mask)  # some models warn of padding where they get nothing
        return self._pooled(self.transformer(input_ids=ids, attention_mask=ones).last_hidden_state, mask)

    def _pooled(self, states: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            return states[:, -1]
        return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]


def load_reader(folder: Path) -> DecoderReader:
    """The language model in a folder, without its output layer; of a candidate of ours with its head.

    Raises:
        StorageError: the folder does not hold such a model.
    """
    transformer = load_transformer(folder)
    transformer.config.use_cache = False
    model = DecoderReader(transformer, int(transformer.config.get_text_config().hidden_size))
    try:
        weight = _score_in(folder) if (folder / "sintonia.json").is_file() else None
    except (OSError, SafetensorError) as error:
        line = str(error).strip().splitlines()[0]
        raise StorageError(f"cannot load the model in `{folder}`: {line}") from None
    if weight is not None:
        check_finite([(_SCORE, weight)], f"the head in `{folder}`")
        model.add_head(weight, torch.zeros(len(weight)))
    return model.eval()


def _score_in(folder: Path) -> Tensor | None:
    """The matrix of a head, float32 (outputs, hidden); None where there is none."""
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as tensors:
            if _SCORE in tensors.keys():  # noqa: SIM118 - it is no dict
                found: Tensor = tensors.get_tensor(_SCORE)
                return found.float()
    return None


def make_readable(model: DecoderReader, tokenizer: Any, where: str) -> None:
    """Makes a pristine language model ready to be read at the last token of a text; no weight changes.

    What is between two texts, and what texts are padded with, is settled in the tokenizer, so that it is saved with it.
    No token is added at the end: read at the last one of the text itself, frozen states tell more of it. (The best
    probe of SmolLM2-135M, on 500 training and 300 other examples: trec 0.69, after the token that ends an answer 0.64,
    after the end of a text 0.48; sst2 0.83, 0.74 and 0.72.)

    Raises:
        UsageError: transformers has no classifier of this type, or it looks at what comes after a token.
    """
    classifier_of(model.transformer, 2)
    model.transformer.get_input_embeddings().padding_idx = None  # type: ignore[operator]  # its vector is a word's, too
    model.scale = 2.0 ** round(math.log2(_FEATURE_LENGTH / _length_of_states(model.transformer, where)))
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    _mark_pairs(tokenizer)
    last = tokenizer.backend_tokenizer.encode("a").ids[-1]  # transformers reads at the last token that is no padding
    special = (tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token)
    usable = [one for one in special if one is not None and tokenizer.convert_tokens_to_ids(one) != last]
    if usable:
        tokenizer.pad_token = usable[0]


@torch.no_grad()
def _length_of_states(transformer: Any, where: str) -> float:
    """How long the states of a few tokens are on average.

    Raises:
        UsageError: they change with what stands to their right.
    """
    size = transformer.get_input_embeddings().weight.shape[0]
    row = (torch.arange(_PROBE_TOKENS)[None] * 3 + 1) % size
    alone = transformer(input_ids=row).last_hidden_state
    padded = nn.functional.pad(row, (0, _PROBE_PADDING))
    ones = torch.ones_like(padded)
    beside = transformer(input_ids=padded, attention_mask=ones).last_hidden_state[:, :_PROBE_TOKENS]
    if not bool((alone - beside).abs().max() <= _TOLERANCE * alone.abs().max()):
        raise UsageError(
            f"the model in `{where}` looks at what comes after a token, or cannot do without a mask "
            f"(its type is {transformer.config.model_type})",
            expected="a causal language model, which reads from left to right",
        )
    return max(float(torch.linalg.vector_norm(alone, dim=-1).mean()), 1e-6)


def _mark_pairs(tokenizer: Any) -> None:
    """Puts the end of a text between two: tokenizers of language models write them as one."""
    backend, end = tokenizer.backend_tokenizer, tokenizer.eos_token
    plain = [backend.encode(one, add_special_tokens=False).ids for one in ("a", "b")]
    single, both = backend.encode("a").ids, backend.encode("a", "b").ids
    if end is None or len(both) > len(single) + len(plain[1]):
        return
    if plain[0][0] not in single:
        return
    place = single.index(plain[0][0])
    before, after = single[:place], single[place + len(plain[0]) :]
    words = {one: tokenizer.convert_ids_to_tokens(one) for one in (*before, *after)}
    begin, close = (" ".join(words[one] for one in some) for some in (before, after))
    backend.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {close}".strip(),
        pair=f"{begin} $A {end} $B:1 {close}".strip(),
        special_tokens=[*((word, one) for one, word in words.items()), (end, tokenizer.eos_token_id)],
    )


def classifier_of(transformer: Any, num_outputs: int) -> Any:
    """The classifier of transformers around the layers of a model, which are shared; its head holds no values yet.

    Raises:
        UsageError: transformers has none of this type that is one matrix on the state of the last token.
    """
    settings = copy.deepcopy(transformer.config)
    settings.num_labels = num_outputs
    kind: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(settings), None)
    shell: Any = None
    if kind is not None:
        with quiet(), torch.device("meta"):
            shell = kind(settings)
    score = getattr(shell, "score", None)
    inner = getattr(shell, shell.base_model_prefix, None) if shell is not None else None
    if not isinstance(score, nn.Linear) or score.bias is not None or type(inner) is not type(transformer):
        raise UsageError(
            f"transformers has no classifier that reads at the last token of a model of the type {settings.model_type}",
            hint="take another base; without `--base` it is an encoder",
        )
    setattr(shell, shell.base_model_prefix, transformer)
    return shell


def save_classifier(model: Any, tokenizer: Any, folder: Path, says: Mapping[str, Any]) -> None:
    """Writes a model with a head into a folder as transformers does; `says` is what it says of itself."""
    if model.head is None:
        raise ValueError("a model without a head is no classifier")  # a mistake of the caller
    shell = classifier_of(model.transformer, model.head.out_features)
    shell.score.weight = nn.Parameter((model.head.weight * model.scale).detach().clone())
    settings = shell.config
    settings.pad_token_id = tokenizer.pad_token_id
    settings.problem_type = _PROBLEMS.get(str(says.get("task")))
    names = list(says.get("labels") or says.get("fitted", {}).get("labels") or ())
    if len(names) == model.head.out_features:
        settings.id2label = dict(enumerate(names))
        settings.label2id = {name: number for number, name in enumerate(names)}
    with quiet():
        shell.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


_PROBLEMS = {
    "classify": "single_label_classification",
    "multilabel": "multi_label_classification",
    "regress": "regression",
}
"""How transformers calls what is learned: by it a pipeline decides what to make of the outputs."""


def holding(transformer: Any) -> nn.Module:
    """A module in which the layers have the names that adapters of a language model know them by."""
    outer = nn.Module()
    setattr(outer, transformer.base_model_prefix, transformer)
    return outer
