"""`gguf`: one file with weights, tokenizer, chat template and stop tokens, for llama.cpp and what is built on it.

Written by the `gguf` package of llama.cpp for decoders of the llama kind. What the file could not say rightly is
refused by its name: another architecture, another way to cut texts, stretched positions.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sintonia.errors import UsageError
from sintonia.export.format import Format
from sintonia.export.merged import merged_model
from sintonia.export.proof import Precision
from sintonia.export.readers.language import LanguageReader, read_gguf
from sintonia.export.readers.llama import LlamaModel, has_llama
from sintonia.export.source import Source

FILE = "model.gguf"
_INSTEAD = "take `--to merged`, which vLLM and transformers read"


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a type of model of transformers is called in a GGUF file."""

    name: str
    is_permuted: bool
    """Whether rows of queries and keys are put into another order: llama.cpp turns neighbouring numbers of a head,
    where transformers turns those that are half a head apart."""


ARCHITECTURES = {
    "llama": Architecture("LLAMA", is_permuted=True),
    "mistral": Architecture("LLAMA", is_permuted=True),
    "qwen2": Architecture("QWEN2", is_permuted=False),
}
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
SPLITS: dict[str, tuple[Mapping[str, Any], ...]] = {"gpt-2": (_BYTES,), "smollm": (_DIGITS, _BYTES)}
"""The ways to cut texts before the tokens that llama.cpp knows by these names, as `tokenizer.json` says them."""


def refuses_model(source: Source) -> str:
    """Why a model has no GGUF file, as far as its kind says."""
    return "" if source.kind == "language" else f"the model is of the kind `{source.kind}`, and llama.cpp writes texts"


def write_gguf(source: Source, work: Path, precision: Precision) -> None:
    """Writes the model of a run as one file.

    Raises:
        UsageError: it is of an architecture, or has a tokenizer, that is not written here.
    """
    import gguf

    opened = merged_model(source)
    settings = opened.causal.config
    architecture = _architecture(settings)
    split = _split(opened.tokenizer)
    kind = getattr(gguf.MODEL_ARCH, architecture.name)
    writer = gguf.GGUFWriter(work / FILE, gguf.MODEL_ARCH_NAMES[kind])
    _write_shape(writer, settings)
    writer.add_file_type(getattr(gguf.LlamaFileType, _FILE_TYPES[precision]))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if source.base is not None:
        writer.add_license(source.base.licence)
    _write_tokens(writer, opened, split, settings.vocab_size)
    names = gguf.get_tensor_name_map(kind, settings.num_hidden_layers)
    for name, tensor in opened.causal.state_dict().items():
        if name == "lm_head.weight" and settings.tie_word_embeddings:
            continue
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise UsageError(f"the weights `{name}` have no name in a GGUF file", hint=_INSTEAD)
        rows = tensor.float().numpy()
        heads = _heads(name, settings) if architecture.is_permuted else 0
        _add(writer, known, permuted(rows, heads) if heads else rows, precision)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_FILE_TYPES: dict[Precision, str] = {
    "f32": "ALL_F32",
    "f16": "MOSTLY_F16",
    "bf16": "MOSTLY_BF16",
    "q8_0": "MOSTLY_Q8_0",
    "q4_0": "MOSTLY_Q4_0",
}


def permuted(rows: np.ndarray, num_heads: int) -> np.ndarray:
    """Rows of queries or keys (heads * width, ...) as llama.cpp turns them.

    >>> permuted(np.arange(4), 1).tolist()
    [0, 2, 1, 3]
    """
    halves = rows.reshape(num_heads, 2, rows.shape[0] // num_heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def _heads(name: str, settings: Any) -> int:
    """How many heads the weights turn; none where they do not."""
    if ".q_proj." in name:
        return int(settings.num_attention_heads)
    return int(settings.num_key_value_heads) if ".k_proj." in name else 0


def _architecture(settings: Any) -> Architecture:
    found = ARCHITECTURES.get(settings.model_type)
    if found is None:
        raise UsageError(
            f"a GGUF file of the architecture `{settings.model_type}` is not written here",
            expected=f"one of {', '.join(ARCHITECTURES)}",
            hint=f"{_INSTEAD}; `convert_hf_to_gguf.py` of llama.cpp may know it",
        )
    positions = getattr(settings, "rope_parameters", None) or {}
    odd = {
        f"stretched positions ({positions.get('rope_type')})": positions.get("rope_type", "default") != "default",
        "a sliding window": bool(getattr(settings, "sliding_window", None)),
        f"the activation {settings.hidden_act}": settings.hidden_act != "silu",
    }
    wrong = [name for name, is_so in odd.items() if is_so]
    if wrong:
        raise UsageError(f"the model has {wrong[0]}, which is not written into a GGUF file here", hint=_INSTEAD)
    return found


def _split(tokenizer: Any) -> str:
    """The name by which llama.cpp knows how this tokenizer cuts texts.

    Raises:
        UsageError: it knows none, or the tokenizer is of another kind.
    """
    said = json.loads(tokenizer.backend_tokenizer.to_str())
    first = said["pre_tokenizer"] or {}
    steps = first.get("pretokenizers", [first])
    for name, asked in {**SPLITS, **_by_expression()}.items():
        is_same = len(steps) == len(asked) and all(
            all(step.get(key) == value for key, value in one.items()) for step, one in zip(steps, asked, strict=True)
        )
        is_plain = (said["normalizer"] or {"type": "NFC"}) == {"type": "NFC"}  # most texts are in that form already
        if is_same and is_plain and said["model"]["type"] == "BPE" and said["model"]["merges"]:
            return name
    raise UsageError(
        "the tokenizer of this model cuts texts in a way that is not written into a GGUF file here",
        expected=f"byte-level BPE as llama.cpp knows it by the name {' or '.join({**SPLITS, **_by_expression()})}",
        hint=_INSTEAD,
    )


def _by_expression() -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Those that cut by an expression of their own, as transformers knows it by the same names."""
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS as KNOWN

    plain = {**_BYTES, "use_regex": False}
    return {
        name: ({"type": "Split", "pattern": {"Regex": KNOWN[name]}, "behavior": "Isolated"}, plain)
        for name in ("llama-bpe", "qwen2")
    }


def _write_shape(writer: Any, settings: Any) -> None:
    width = getattr(settings, "head_dim", None) or settings.hidden_size // settings.num_attention_heads
    writer.add_block_count(settings.num_hidden_layers)
    writer.add_context_length(settings.max_position_embeddings)
    writer.add_embedding_length(settings.hidden_size)
    writer.add_feed_forward_length(settings.intermediate_size)
    writer.add_head_count(settings.num_attention_heads)
    writer.add_head_count_kv(settings.num_key_value_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(settings.rope_parameters["rope_theta"]))
    writer.add_layer_norm_rms_eps(settings.rms_norm_eps)
    writer.add_vocab_size(settings.vocab_size)


def _write_tokens(writer: Any, opened: Any, split: str, num_tokens: int) -> None:
    """The vocabulary in its order, what each token is, how they are joined, and how a conversation begins and ends."""
    import gguf

    tokenizer = opened.tokenizer
    words = {number: word for word, number in tokenizer.get_vocab().items()}
    added = tokenizer.added_tokens_decoder
    kinds = [
        (gguf.TokenType.CONTROL if added[number].special else gguf.TokenType.USER_DEFINED)
        if number in added
        else (gguf.TokenType.NORMAL if number in words else gguf.TokenType.UNUSED)
        for number in range(num_tokens)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list([words.get(number, f"[PAD{number}]") for number in range(num_tokens)])
    writer.add_token_types(kinds)
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    stops = opened.template.stop_ids
    if stops:
        writer.add_eos_token_id(stops[0])
        writer.add_eot_token_id(stops[0])
    for token, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if token is not None:
            add(token)
    around = tokenizer("a")["input_ids"]
    writer.add_add_bos_token(bool(around) and around[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(bool(around) and around[-1] == tokenizer.eos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _add(writer: Any, name: str, rows: np.ndarray, precision: Precision) -> None:
    """Vectors stay whole; of a 4-bit file the word vectors have 8 bits, which is where rounding costs most."""
    import gguf

    kind = getattr(gguf.GGMLQuantizationType, _kind_of(name, rows, precision).upper())
    if kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(name, np.ascontiguousarray(rows, dtype=np.float32))
        return
    if precision == "f16" and float(np.abs(rows).max()) > np.finfo(np.float16).max:
        raise UsageError(f"`{name}` has numbers that are too large for 16 bits", hint="take `--precision bf16`")
    writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(rows, dtype=np.float32), kind), raw_dtype=kind)


def _kind_of(name: str, rows: np.ndarray, precision: Precision) -> str:
    if rows.ndim < 2:
        return "f32"
    if precision in ("q8_0", "q4_0") and rows.shape[-1] % 32:
        return "f16"
    is_word = name.startswith(("token_embd", "output."))
    return "q8_0" if precision == "q4_0" and is_word else precision


def rounded_model(source: Source, precision: Precision) -> Any:
    """The language model of a run in memory, with the weights that the file holds, as this package rounds them."""
    import gguf
    import torch

    opened = merged_model(source)
    with torch.no_grad():
        for name, weight in opened.causal.named_parameters():
            rows = weight.numpy()
            kind = _kind_of("token_embd" if name.startswith(("model.embed", "lm_head")) else name, rows, precision)
            if kind != "f32":
                number = getattr(gguf.GGMLQuantizationType, kind.upper())
                there = gguf.quants.dequantize(gguf.quants.quantize(rows, number), number)
                weight.copy_(torch.from_numpy(np.array(there, dtype=np.float32).reshape(rows.shape)))
    return opened


def read_file(_: Source, work: Path, spare: Path) -> LanguageReader:
    """What was written, by llama.cpp where it is installed, else by transformers' own reader of such files."""
    return LlamaModel(work / FILE) if has_llama() else read_gguf(work / FILE, spare / "read")


def read_exactly(_: Source, work: Path, spare: Path) -> LanguageReader:
    """The same file by transformers' own reader, which computes in float32."""
    return read_gguf(work / FILE, spare / "exact")


def _commands(_: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    file = shlex.quote(str(folder.absolute() / FILE))
    return (("llama.cpp", f"llama-cli -m {file} --temp 0"), ("llama.cpp, as a server", f"llama-server -m {file}"))


PRECISIONS: tuple[Precision, ...] = ("f16", "bf16", "f32", "q8_0", "q4_0")
GGUF = Format(
    name="gguf",
    refuses=refuses_model,
    write=write_gguf,
    read=read_file,
    commands=_commands,
    read_exactly=read_exactly,
    rounded=rounded_model,
    precisions=PRECISIONS,
)
