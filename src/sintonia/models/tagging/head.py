"""An encoder with a linear head on the state of every token: live weights on one device.

On disk it is what `AutoModelForTokenClassification` loads, so that it works without our code. Where that class puts
more between states and tags than one linear layer, the head lies beside the encoder in a file of its own, and
`sintonia.json` says so. This file never reads data and never trains.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sintonia.errors import StorageError
from sintonia.files import write_json
from sintonia.models.forward import FORWARD_TOKENS
from sintonia.models.loading import check_finite, load_transformer, quiet
from sintonia.models.pooled import PooledEncoder
from sintonia.models.tagging.alignment import Aligned, LearnedRow, tokens_of_words
from sintonia.models.tokens import buckets, pad
from sintonia.tasks.tag import tag_names

_OWN_FILE, _WHOLE_FILE = "token_head.safetensors", "model.safetensors"
_HEADS = ("classifier", "score")
"""What transformers calls the head of a token classifier."""
_TRIED_TOKENS, _TOLERANCE = 6, 1e-4


class TokenTagger(PooledEncoder):
    """Token ids (batch, length) to logits (batch, length, tags)."""

    def states(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """States of the last layer (batch, length, hidden)."""
        states: Tensor = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
        return states

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Logits (batch, length, tags)."""
        if self.head is None:
            raise RuntimeError("this tagger has no head")
        logits: Tensor = self.head(self.states(ids, mask))
        return logits


def compute_word_logits(model: TokenTagger, aligned: Aligned) -> list[np.ndarray]:
    """Logits (units, tags) of each text, float32: of a word the mean of its sub-tokens, NaN where it has none."""
    if model.head is None:
        raise RuntimeError("this tagger has no head")
    return _of_words(model, aligned, is_state=False)


def compute_word_states(model: TokenTagger, aligned: Aligned) -> list[np.ndarray]:
    """States of the last layer (units, hidden) of each text, float32: means of sub-tokens, NaN where there are none."""
    return _of_words(model, aligned, is_state=True)


def _of_words(model: TokenTagger, aligned: Aligned, *, is_state: bool) -> list[np.ndarray]:
    """In groups of windows of like length, without gradients, in evaluation mode."""
    width = model.hidden_size if is_state or model.head is None else model.head.out_features
    counts = [len(places) for places in aligned.spoken]
    spoken = np.concatenate([np.zeros((0, 3), dtype=np.int64), *aligned.spoken])
    order = np.argsort(spoken[:, 0], kind="stable")
    firsts = np.searchsorted(spoken[order, 0], np.arange(len(aligned.windows) + 1))
    found = np.full((len(spoken), width), np.nan, dtype=np.float32)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for group in buckets([len(ids) for ids in aligned.windows], FORWARD_TOKENS):
            ids, mask = pad([aligned.windows[window] for window in group])
            out = (model.states(ids, mask) if is_state else model(ids, mask)).float().cpu().numpy()
            for row, window in enumerate(group):
                words = order[firsts[window] : firsts[window + 1]]
                found[words] = _means(out[row], spoken[words, 1:])
    model.train(was_training)
    return [np.asarray(some) for some in np.split(found, np.cumsum(counts)[:-1])] if counts else []


def _means(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Of each word (words, 2) the mean of its rows (tokens, width)."""
    if not len(places):
        return rows[:0]
    positions, counts = tokens_of_words(places)
    sums = np.add.reduceat(rows[positions], np.cumsum(counts) - counts, axis=0)
    return np.asarray(sums / counts[:, None])


def learned_words(out: Tensor, learned: Sequence[LearnedRow]) -> Tensor:
    """What is said of the words that are learned, (words, tags), from what is said of tokens (rows, length, tags)."""
    places = np.concatenate([one.places for one in learned])
    positions, counts = tokens_of_words(places)
    rows = np.repeat(np.repeat(np.arange(len(learned)), [len(one.places) for one in learned]), counts)
    words = torch.from_numpy(np.repeat(np.arange(len(places)), counts))
    sums = out.new_zeros(len(places), out.shape[-1])
    sums = sums.index_add(0, words, out[torch.from_numpy(rows), torch.from_numpy(positions)])
    return sums / torch.from_numpy(counts).to(out.dtype)[:, None]


def load_tagger(folder: Path) -> TokenTagger:
    """The encoder in a folder, with its head when it has one, in float32 and evaluation mode.

    Raises:
        StorageError: the folder does not hold such a model.
    """
    transformer = load_transformer(folder)
    model = TokenTagger(transformer, int(transformer.config.hidden_size))
    try:
        values = _head_of(folder)
        if values is not None:
            model.add_head(*values)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        line = str(error).strip().splitlines()[0]
        raise StorageError(f"cannot load the head in `{folder}`: {line}") from None
    if model.head is not None:
        check_finite(model.head.named_parameters(), f"the head in `{folder}`")
    model.eval()
    return model


def _head_of(folder: Path) -> tuple[Tensor, Tensor] | None:
    is_own = (folder / _OWN_FILE).is_file()
    path = folder / (_OWN_FILE if is_own else _WHOLE_FILE)
    if not path.is_file():
        return None
    with safe_open(path, framework="pt") as tensors:
        names = set(tensors.keys())
        for head in _HEADS:
            if {f"{head}.weight", f"{head}.bias"} <= names:
                return tensors.get_tensor(f"{head}.weight"), tensors.get_tensor(f"{head}.bias")
    return None


def save_tagger(model: TokenTagger, tokenizer: Any, folder: Path, *, fitted: dict[str, Any], max_tokens: int) -> None:
    """Writes the model into a new folder, as `AutoModelForTokenClassification` loads it where that gives the same."""
    folder.mkdir(parents=True)
    form = write_tagger(model, folder, tag_names(fitted))
    with quiet():
        tokenizer.save_pretrained(folder)
    body = {"schema": 1, "task": "tag", "form": form, "max_tokens": max_tokens, "labels": list(fitted["labels"])}
    write_json(folder / "sintonia.json", {**body, "fitted": fitted})


def write_tagger(model: TokenTagger, folder: Path, tags: Sequence[str]) -> str:
    """Writes the weights into a folder that there is, and says in what form."""
    if model.head is None:
        raise RuntimeError("this tagger has no head")
    whole = _whole(model, tags)
    with quiet():
        if whole is not None:
            whole.save_pretrained(folder, safe_serialization=True, max_shard_size="1TB")
            return "token classifier of transformers"
        model.transformer.save_pretrained(folder, safe_serialization=True)
    head = {"classifier.weight": model.head.weight, "classifier.bias": model.head.bias}
    save_file({name: value.detach().contiguous() for name, value in head.items()}, folder / _OWN_FILE)
    return f"encoder and {_OWN_FILE}"


def _whole(model: TokenTagger, tags: Sequence[str]) -> Any | None:
    """The model as transformers' own class for tags; None where that computes something else."""
    from transformers import AutoModelForTokenClassification

    transformer: Any = model.transformer
    settings = copy.deepcopy(transformer.config)
    settings.id2label = dict(enumerate(tags))
    settings.label2id = {tag: number for number, tag in enumerate(tags)}
    try:
        with quiet():
            whole = AutoModelForTokenClassification.from_config(settings)
    except ValueError:
        return None
    head = next((getattr(whole, name) for name in _HEADS if isinstance(getattr(whole, name, None), nn.Linear)), None)
    if head is None or model.head is None or head.weight.shape != model.head.weight.shape or head.bias is None:
        return None
    left = whole.base_model.load_state_dict(transformer.state_dict(), strict=False)
    if left.missing_keys or any("pooler" not in key for key in left.unexpected_keys):
        return None
    head.load_state_dict(model.head.state_dict())
    return whole if _agrees(model, whole.eval()) else None


def _agrees(model: TokenTagger, whole: Any) -> bool:
    """Whether both say the same of a few tokens."""
    ids = (torch.arange(_TRIED_TOKENS)[None] * 3 + 1) % model.transformer.get_input_embeddings().weight.shape[0]
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        ours, theirs = model(ids, None), whole(input_ids=ids).logits
    model.train(was_training)
    return bool(torch.allclose(ours, theirs, atol=_TOLERANCE))
