"""A tiny random encoder and small made-up data for the tests: no download, a second to train."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

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
