"""`sintonia predict` with a tagger: of texts their spans, of lists of tokens a tag each, as in the data of the run."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
import torch

from sintonia.choose import choose
from sintonia.models.open import open_base
from sintonia.models.tagging import TokenTagger, save_tagger
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe
from tests.nouns import make_prepared

Make = Callable[..., Path]


@pytest.fixture
def tagger_run(tiny_base: Path) -> Make:
    """Makes a run with a tagger that says B-FOOD of every word, whatever it is."""
    base = choose(Recipe(data=DataSettings(path="rows"), base=f"file:{tiny_base}", task="tag"), "tag")

    def make(form: str, columns: dict[str, str], scheme: str = "BIO", units: str = "words") -> Path:
        run = RunFolder.create("runs/a-001", Recipe(data=DataSettings(path="a.jsonl")))
        prepared = dataclasses.replace(make_prepared(9), task="tag", form=form, labels=(), columns=columns)
        run.write("prepared.json", prepared)
        opened = open_base(base, 32)
        model = TokenTagger(opened.model.transformer, 32)
        bias = torch.tensor([0.0, 2.0, 0.0]) if scheme == "BIO" else torch.tensor([2.0])
        model.add_head(torch.zeros(len(bias), 32), bias)
        fitted = {"scheme": scheme, "units": units, "labels": ["FOOD"], "commonest": "FOOD"}
        save_tagger(model, opened.tokenizer, run.file("model"), fitted=fitted, max_tokens=32)
        return Path("runs/a-001")

    return make


def _rows(path: str, rows: list[dict[str, object]]) -> str:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


SPANS = ("text and spans", {"input": "text", "target": "spans"})


def _of_tokens(scheme: str) -> tuple[str, dict[str, str]]:
    return f"tokens and tags ({scheme})", {"input": "tokens", "target": "tags"}


@pytest.mark.parametrize(("scheme", "letter"), [("IOB2", "B-"), ("BIOES", "S-"), ("IO", "")])
def test_a_list_of_tokens_gets_a_tag_each_in_the_scheme_of_the_data(
    call, tagger_run: Make, scheme: str, letter: str
) -> None:
    run = tagger_run(*_of_tokens(scheme), units="tokens")
    file = _rows("new.jsonl", [{"tokens": ["bread,", "soup"]}, {"tokens": ["rain"], "tags": ["O"]}])
    found = json.loads(call("predict", str(run), file, "--json").out)
    tag = f"{letter}FOOD"
    assert found == [{"input": ["bread,", "soup"], "tags": [tag, tag]}, {"input": ["rain"], "tags": [tag]}]
    assert call("predict", str(run), file).out == f"{tag} {tag}\tbread, soup\n{tag}\train\n"


def test_one_tag_a_token_is_one_tag_a_token(call, tagger_run: Make) -> None:
    run = tagger_run(*_of_tokens("one a token"), scheme="one a token", units="tokens")
    file = _rows("new.jsonl", [{"tokens": ["bread", "soup"]}])
    assert json.loads(call("predict", str(run), file, "--json").out)[0]["tags"] == ["FOOD", "FOOD"]


def test_a_text_gets_its_spans_with_where_they_stand(call, tagger_run: Make) -> None:
    run = tagger_run(*SPANS)
    found = json.loads(call("predict", str(run), _rows("new.jsonl", [{"text": " bread"}]), "--json").out)
    assert found == [{"input": " bread", "spans": [{"start": 1, "end": 6, "label": "FOOD", "text": "bread"}]}]
    assert json.loads(call("predict", str(run), " bread", "--json").out) == found


def test_tokens_and_texts_may_be_asked_of_either_kind_of_run(call, tagger_run: Make) -> None:
    run = tagger_run(*SPANS)
    file = _rows("new.jsonl", [{"tokens": ["soup", "rain"]}, {"text": "[1]"}])
    tokens, text = json.loads(call("predict", str(run), file, "--json").out)
    assert tokens == {"input": ["soup", "rain"], "tags": ["B-FOOD", "B-FOOD"]}
    assert text["input"] == "[1]" and [one["text"] for one in text["spans"]] == ["[", "1", "]"]


def test_rows_without_words_are_refused_by_their_line_and_not_by_their_words(call, tagger_run: Make) -> None:
    run = tagger_run(*_of_tokens("IOB2"), units="tokens")
    wrong = call("predict", str(run), _rows("gap.jsonl", [{"tokens": ["soup"]}, {"tokens": ["secret", ""]}]))
    assert wrong.exit_code == 3 and wrong.out == "" and "secret" not in wrong.err
    assert "gap.jsonl:2" in wrong.err and "a token is empty" in wrong.err
    other = call("predict", str(run), _rows("other.jsonl", [{"body": "rain"}]))
    assert other.exit_code == 3 and "no column `tokens`" in other.err and "it has `body`" in other.err


def test_a_conll_file_gets_a_tag_for_each_token(call, tagger_run: Make) -> None:
    run = tagger_run(*_of_tokens("IOB2"), units="tokens")
    Path("x.conll").write_text("bread O\nsoup O\n\nrain O\n")
    found = json.loads(call("predict", str(run), "x.conll", "--json").out)
    assert found == [{"input": ["bread", "soup"], "tags": ["B-FOOD"] * 2}, {"input": ["rain"], "tags": ["B-FOOD"]}]


def test_spans_and_tags_go_into_a_file(call, tagger_run: Make) -> None:
    run = tagger_run(*SPANS)
    file = _rows("new.jsonl", [{"text": " bread", "id": 7}, {"tokens": ["soup"], "id": 8}])
    for name in ("out.jsonl", "out.parquet", "out.csv"):
        assert call("predict", str(run), file, "--out", name).exit_code == 0
    text, tokens = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert text["spans"] == [{"start": 1, "end": 6, "label": "FOOD", "text": "bread"}] and text["tags"] is None
    assert text["prediction"] == "FOOD: bread" and text["id"] == 7
    assert tokens["tags"] == ["B-FOOD"] and tokens["tokens"] == ["soup"]
    kept = parquet.read_table("out.parquet").to_pylist()
    assert kept[0]["spans"] == text["spans"] and kept[1]["tags"] == ["B-FOOD"]
    assert json.loads(next(csv.DictReader(Path("out.csv").read_text().splitlines()))["spans"]) == text["spans"]


def test_blank_rows_get_neither_tags_nor_spans_and_keep_their_place(call, tagger_run: Make) -> None:
    run = tagger_run(*_of_tokens("IOB2"), units="tokens")
    file = _rows("new.jsonl", [{"tokens": []}, {"tokens": ["rain"]}, {"tokens": ""}])
    outcome = call("predict", str(run), file, "--json")
    told = json.loads(outcome.out)
    assert outcome.exit_code == 0 and "2 of 3 rows are blank (line 1, 3)" in outcome.err
    assert told[1] == {"input": ["rain"], "tags": ["B-FOOD"]} and [one["tags"] for one in told[::2]] == [None, None]
    assert call("predict", str(run), file).out == "\t\nB-FOOD\train\n\t\n"
    assert call("predict", str(run), file, "--out", "out.csv").exit_code == 0
    with Path("out.csv").open(newline="") as stream:
        assert [one["tags"] for one in csv.DictReader(stream)] == ["", '["B-FOOD"]', ""]
    assert call("predict", str(run), file, "--out", "out.parquet").exit_code == 0
