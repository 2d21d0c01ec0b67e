"""A tiny random encoder, a tiny language model and small made-up data for the tests: a second to train."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForCausalLM, BertConfig, BertModel, PreTrainedTokenizerFast

TOPICS = {
    "weather": ["rain", "sun", "cloud", "storm", "wind", "snow", "forecast", "warm", "cold", "umbrella"],
    "music": ["song", "guitar", "melody", "band", "concert", "drum", "singer", "chorus", "piano", "album"],
    "food": ["bread", "cheese", "soup", "dinner", "kitchen", "recipe", "sauce", "taste", "cook", "pepper"],
    "travel": ["train", "airport", "ticket", "luggage", "hotel", "flight", "map", "journey", "border", "visa"],
}
FILLER = [
    "please",
    "could",
    "you",
    "tell",
    "me",
    "about",
    "the",
    "next",
    "one",
    "with",
    "some",
    "more",
    "and",
    "then",
    "maybe",
    "today",
    "again",
    "for",
    "us",
    "now",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tiny_base(folder: Path, seed: int = 0) -> Path:
    """Two layers of width 32 with random weights, saved by transformers."""
    words = SPECIAL + FILLER + [word for topic in TOPICS.values() for word in topic] + list(TOPICS)
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    settings = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(settings).save_pretrained(folder)
    return folder


def make_rows(count: int, seed: int = 0, topics: int = 4, noise: float = 0.0) -> list[dict[str, str]]:
    """Rows `text`, `label`: a few words of the topic among filler; `noise` is the share of wrong labels."""
    generator = np.random.default_rng(seed)
    names, rows, seen = list(TOPICS)[:topics], [], set()
    while len(rows) < count:
        label = names[int(generator.integers(topics))]
        words = [*generator.choice(TOPICS[label], 2), *generator.choice(FILLER, int(generator.integers(2, 7)))]
        text = " ".join(generator.permutation(words))
        if text in seen:
            continue
        seen.add(text)
        if generator.random() < noise:
            label = names[int(generator.integers(topics))]
        rows.append({"text": text, "label": label})
    return rows


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    """The rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ANSWERS = {
    "weather": "take an umbrella",
    "music": "play a song",
    "food": "cook some soup",
    "travel": "pack the luggage",
}


def make_tiny_language_model(
    folder: Path, seed: int = 0, *, model_type: str = "llama", has_template: bool = True, **settings: object
) -> Path:
    """Two layers of width 32 with random weights and a tokenizer of bytes, saved by transformers."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({one: k for k, one in enumerate([*special, *letters])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    if has_template:
        fast.chat_template = CHATML
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    shape: dict[str, object] = {
        "vocab_size": len(special) + len(letters),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    config = AutoConfig.for_model(model_type, **(shape | settings))
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def make_conversations(count: int, seed: int = 0, noise: float = 0.0) -> list[dict[str, str]]:
    """Rows `prompt`, `completion`: a text about a topic, and the answer that belongs to the topic."""
    generator = np.random.default_rng(seed + 1)
    rows = make_rows(count, seed)
    topics = [str(generator.choice(list(ANSWERS))) if generator.random() < noise else row["label"] for row in rows]
    return [{"prompt": row["text"], "completion": ANSWERS[topic]} for row, topic in zip(rows, topics, strict=True)]
