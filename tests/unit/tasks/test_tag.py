"""The task tag: words, targets of every form, sequences that are allowed, answers as targets are written."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from sintonia.tasks import tag
from sintonia.tasks.words import best_paths, words_of
from tests.unit.train.tag_jobs import example_of, make_tagged

BIO = {"scheme": "BIO", "units": "words", "labels": ["LOC", "PER"], "commonest": "LOC"}


def _span(start: int, end: int, label: str) -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'Italia è bella.", ["L", "'", "Italia", "è", "bella", "."]),
        ("perche\u0301 no", ["perche\u0301", "no"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 ok\U0001f44d\U0001f3fd", None),
        ("北京 abc", ["北", "京", "abc"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("a\u00adb c", ["a\u00adb", "c"]),
        ("\U0001f1ee\U0001f1f9\U0001f1eb\U0001f1f7!", ["\U0001f1ee\U0001f1f9", "\U0001f1eb\U0001f1f7", "!"]),
        ("\u2764\ufe0fx", ["\u2764\ufe0f", "x"]),
        ("  ", []),
    ],
)
def test_a_word_is_letters_with_their_marks_or_one_sign(text: str, words: list[str] | None) -> None:
    found = [text[start:end] for start, end in words_of(text)]
    expected = ["\U0001f468\u200d\U0001f469\u200d\U0001f467", "ok", "\U0001f44d\U0001f3fd"] if words is None else words
    assert found == expected


def test_paths_are_the_best_of_all_that_are_allowed() -> None:
    generator = np.random.default_rng(0)
    for length in (1, 2, 4):
        scores = generator.normal(size=(length, 5)) * 2
        allowed = [
            path
            for path in itertools.product(range(5), repeat=length)
            if all(now < 3 or (k and path[k - 1] in (now, now - 2)) for k, now in enumerate(path))
        ]
        best = max(allowed, key=lambda path: sum(scores[k, now] for k, now in enumerate(path)))
        padded = best_paths([scores, generator.normal(size=(6, 5)), np.zeros((0, 5))], 2)
        assert padded[0].tolist() == list(best) and len(padded[1]) == 6 and len(padded[2]) == 0


def test_an_inside_without_a_beginning_is_mended_always_the_same_way() -> None:
    wanted = np.log(np.array([[0.1, 0.1, 0.1, 0.6, 0.1], [0.1, 0.1, 0.1, 0.1, 0.6], [0.9, 0.025, 0.025, 0.025, 0.025]]))
    said = {tag.answers([wanted], (), BIO, [[(0, 1), (2, 3), (4, 5)]]) for _ in range(3)}
    assert len(said) == 1
    assert all(part.split("-")[0] in ("0", "2") for part in next(iter(said))[0].split(", "))


def test_spans_come_back_from_their_own_targets() -> None:
    text = "Anna Rossi vive a New York, Anna no"
    example = example_of(text, [_span(0, 10, "PER"), _span(18, 26, "LOC"), _span(28, 32, "PER")])
    units = words_of(text)
    goal = tag.encode([example], (), BIO, [units])[0]
    logits = np.eye(5)[goal] * 9
    assert tag.answers([logits], (), BIO, [units]) == (example.target,)
    assert tag.losses([logits], [goal])[0] < 1e-2


def test_two_spans_side_by_side_stay_two() -> None:
    example = example_of("Anna Marta", [_span(0, 4, "PER"), _span(5, 10, "PER")])
    assert tag.encode([example], (), BIO)[0].tolist() == [2, 2]
    one = example_of("Anna Marta", [_span(0, 10, "PER")])
    assert tag.encode([one], (), BIO)[0].tolist() == [2, 4]


def test_what_can_be_tagged_is_seen_in_the_training_rows() -> None:
    assert tag.fit(make_tagged(5))["units"] == "tokens" and tag.fit(make_tagged(5))["scheme"] == "BIO"
    each = tag.fit(make_tagged(5, one_each=True))
    assert each["scheme"] == "one a token" and each["commonest"] == "filler"
    assert tag.tag_names(each) == ("filler", "food", "weather")
    whole = example_of("Rossi", [_span(0, 5, "PER")])
    within = example_of("Rossi-Bianchi", [_span(0, 3, "PER")])
    assert tag.fit([whole] * 400 + [within])["units"] == "words"
    assert tag.fit([whole] * 100 + [within])["units"] == "pieces"
    assert tag.num_unreachable(within, words_of("Rossi-Bianchi")) == 1


def test_a_label_that_training_has_not_is_not_learned_and_still_asked_for() -> None:
    example = example_of("Anna vive", [_span(0, 4, "NEW")])
    assert tag.encode([example], (), BIO)[0].tolist() == [tag.NOT_LEARNED, 0]
    assert tag.are_right(("",), [example], BIO) == (False,)


def test_a_word_without_a_token_takes_what_its_neighbours_ask_for() -> None:
    silent = np.full((1, 5), np.nan)
    begins, inside, outside = (np.log(np.eye(5)[[k]] * 0.9 + 0.02) for k in (2, 4, 0))
    places = [(0, 1), (1, 2), (2, 3)]
    assert tag.answers([np.concatenate([begins, silent, inside])], (), BIO, [places]) == ("0-3 PER",)
    assert tag.answers([np.concatenate([begins, silent, outside])], (), BIO, [places]) == ("0-1 PER",)
    each = {"scheme": "one a token", "units": "tokens", "labels": ["A", "B"], "commonest": "B"}
    assert tag.answers([np.array([[1.0, 0.0], [np.nan] * 2])], (), each, [places[:2]]) == ("0-1 A, 1-2 B",)


def test_an_example_counts_as_the_mean_of_its_words() -> None:
    logits, targets = torch.randn(6, 5), torch.tensor([0, 1, 3, 0, 0, 2])
    weights = torch.tensor([0.5, 0.5, 0.25, 0.25, 0.25, 0.25])
    parts = [logits[:2].numpy(), logits[2:].numpy()], [targets[:2].numpy(), targets[2:].numpy()]
    assert float(tag.loss_sum(logits, targets, weights)) == pytest.approx(float(tag.losses(*parts).sum()), rel=1e-5)


def test_the_constant_knows_only_how_common_tags_are() -> None:
    constant = tag.constant_logits([np.array([0, 0, 0, 2, tag.NOT_LEARNED])], (), BIO)
    assert constant.argmax() == 0 and np.exp(constant).sum() == pytest.approx(1)
    assert constant[2] > constant[1] == constant[3]
