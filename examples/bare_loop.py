"""Fine-tuning with no abstractions: everything `sintonia tune` is built on, on one page.

    python examples/bare_loop.py DATA MODEL     your CSV or JSONL of text,label and an encoder's folder
    python examples/bare_loop.py DATA --tiny    the same with a tiny untrained BERT, to see it run

Three sets, never mixed: training changes the weights, validation chooses the best epoch, test is used once.
"""

import argparse
import copy
import csv
import json
import random
from collections import Counter
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer

EPOCHS, BATCH, LEARNING_RATE, WARMUP, MOST_TOKENS, SEED = 10, 16, 1e-4, 0.1, 128, 0


# 1. Data: labelled examples, split at random.


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file]


def split(rows: list[dict[str, str]]) -> tuple[list, list, list]:
    rows = list({row["text"]: row for row in rows}.values())  # no text twice: it could land on both sides
    random.shuffle(rows)
    first, second = int(0.6 * len(rows)), int(0.8 * len(rows))
    return rows[:first], rows[first:second], rows[second:]


# 2. Model: a pre-trained encoder, the mean of its token vectors, a new linear layer with one output a label.


class Classifier(nn.Module):
    def __init__(self, encoder: nn.Module, num_labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, num_labels)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1)  # padding must not count in the mean
        return self.head((tokens * mask).sum(dim=1) / mask.sum(dim=1))


def tiny_base(texts: list[str]):
    words = sorted({word for text in texts for word in text.lower().split()})
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return BertTokenizer(vocabulary), BertModel(BertConfig(vocab_size=len(vocabulary), **size))


# 3. Evaluation: without gradients, without dropout.


@torch.inference_mode()
def evaluate(model: Classifier, batches: list) -> tuple[float, float]:
    model.eval()
    right = loss = count = 0
    for inputs, targets in batches:
        logits = model(**inputs)
        loss += nn.functional.cross_entropy(logits, targets, reduction="sum").item()
        right += (logits.argmax(dim=1) == targets).sum().item()
        count += len(targets)
    return right / count, loss / count


# 4. Training: loss, gradients, one small step; after each epoch a look at validation.


def train(model: Classifier, make_batches, rows: list, validation: list, learning_rate: float) -> None:
    num_steps = EPOCHS * -(-len(rows) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(  # up over the first tenth, then down to zero
        optimizer, lambda step: min((step + 1) / (WARMUP * num_steps), (num_steps - step) / num_steps)
    )
    best_loss, best_weights = float("inf"), None
    for epoch in range(1, EPOCHS + 1):
        model.train()
        random.shuffle(rows)
        for inputs, targets in make_batches(rows):
            loss = nn.functional.cross_entropy(model(**inputs), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        accuracy, validation_loss = evaluate(model, validation)
        print(f"epoch {epoch:2}: validation loss {validation_loss:.3f}, accuracy {accuracy:.1%}")
        if validation_loss < best_loss:
            best_loss, best_weights = validation_loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fine-tuning with no abstractions.")
    parser.add_argument("data", type=Path, help="CSV or JSONL with the columns text and label")
    parser.add_argument("model", type=Path, nargs="?", help="folder of an encoder such as all-MiniLM-L6-v2")
    parser.add_argument("--tiny", action="store_true", help="a tiny untrained BERT instead of a model")
    asked = parser.parse_args()
    if not asked.tiny and not asked.model:
        parser.error("give the folder of a model, or --tiny")
    random.seed(SEED)
    torch.manual_seed(SEED)

    training, validation, test = split(read(asked.data))
    labels = sorted({row["label"] for row in training + validation + test})
    if asked.tiny:
        tokenizer, encoder = tiny_base([row["text"] for row in training])
    else:
        tokenizer, encoder = (kind.from_pretrained(asked.model) for kind in (AutoTokenizer, AutoModel))

    def make_batches(rows: list[dict[str, str]]) -> list:
        batches = []
        for chunk in (rows[i : i + BATCH] for i in range(0, len(rows), BATCH)):
            texts = [row["text"] for row in chunk]
            limits = {"padding": True, "truncation": True, "max_length": MOST_TOKENS}
            encoded = tokenizer(texts, return_token_type_ids=False, return_tensors="pt", **limits)
            batches.append((encoded, torch.tensor([labels.index(row["label"]) for row in chunk])))
        return batches

    model = Classifier(encoder, len(labels))
    print(f"{len(training)} training, {len(validation)} validation, {len(test)} test; {len(labels)} labels")
    train(model, make_batches, training, make_batches(validation), 3e-3 if asked.tiny else LEARNING_RATE)

    majority = Counter(row["label"] for row in training).most_common(1)[0][0]
    tuned, _ = evaluate(model, make_batches(test))  # the test set, for the first and only time
    print(f"test accuracy: majority {sum(row['label'] == majority for row in test) / len(test):.1%}, tuned {tuned:.1%}")


if __name__ == "__main__":
    main()
