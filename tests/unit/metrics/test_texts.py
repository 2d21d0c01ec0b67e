"""The metrics of written answers against the libraries that define them, in English and Italian; words and folding."""

from __future__ import annotations

import re
import string
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_chrf

from sintonia.metrics import METRICS, Metric
from sintonia.metrics.rouge_l import longest_common_subsequence
from sintonia.metrics.words import plain, plain_words, words

OF_TEXTS = [metric for metric in METRICS.values() if metric.reads == "texts"]

ENGLISH = [
    ("The cat sat on the mat.", "the cat is sitting on a mat"),
    ("Turn on the kitchen light", "Turn off the kitchen light!"),
    ("It costs $1,250.50 (about 5% more).", "It costs about 5% more: $1,250.50."),
    ("We don't know, don't ask; don't tell.", "don't ask, we don't know"),
    ("yes", "no"),
    ("a b c d e f g h", "h g f e d c b a"),
    ("", "something"),
    ("something", ""),
    ("", ""),
    ("identical", "identical"),
    ("first line\nsecond line", "second line\tfirst line"),
]
ITALIAN = [
    ("Perché l'acqua è già più fredda?", "L'acqua è più fredda perché è già notte"),
    ("La città non è così lontana.", "La citta non e cosi lontana."),
    ("Accendi la luce in cucina", "Spegni la luce in cucina"),
    ("Ciò che può essere, sarà.", "Sarà ciò che può"),
]
SETS = {"english": ENGLISH, "italian": ITALIAN, "both": [*ENGLISH, *ITALIAN]}


def split(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


def squad_f1(target: str, text: str) -> float:
    """The formula of SQuAD's `evaluate`, over words that need no cleaning."""
    wanted, written = target.split(), text.split()
    if not wanted or not written:
        return float(wanted == written)
    shared = sum((Counter(wanted) & Counter(written)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(written), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def squad_cleaned(text: str) -> str:
    """SQuAD's `normalize_answer` without the articles, which are English."""
    return " ".join("".join(one for one in text.lower() if one not in string.punctuation).split())


@pytest.mark.parametrize("pairs", SETS.values(), ids=SETS)
def test_chrf_agrees_with_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    targets, texts = split(pairs)
    expected = corpus_chrf(texts, [targets]).score / 100
    assert METRICS["chrf"].function(targets, texts) == pytest.approx(expected, abs=1e-9)
    for target, text in pairs:
        expected = corpus_chrf([text], [[target]]).score / 100
        assert METRICS["chrf"].function([target], [text]) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=8))
def test_chrf_agrees_with_sacrebleu_on_any_text(pairs: list[tuple[str, str]]) -> None:
    targets, texts = split(pairs)
    assert METRICS["chrf"].function(targets, texts) == pytest.approx(
        corpus_chrf(texts, [targets]).score / 100, abs=1e-9
    )


def test_rouge_l_agrees_with_the_library_on_english() -> None:
    scorer, metric = RougeScorer(["rougeL"]), METRICS["rouge_l"]
    expected = [scorer.score(target, text)["rougeL"].fmeasure for target, text in ENGLISH]
    found = [metric.function([target], [text]) for target, text in ENGLISH]
    both_empty = ENGLISH.index(("", ""))
    assert (expected.pop(both_empty), found.pop(both_empty)) == (0.0, 1.0)  # the one place where it differs, on purpose
    assert found == pytest.approx(expected, abs=1e-9)


class _OurWords:
    def tokenize(self, text: str) -> list[str]:
        return words(text)


@pytest.mark.parametrize("pairs", [ITALIAN, [pair for pair in ENGLISH if pair != ("", "")]], ids=["italian", "english"])
def test_rouge_l_agrees_with_the_library_over_our_words(pairs: list[tuple[str, str]]) -> None:
    scorer, (targets, texts) = RougeScorer(["rougeL"], tokenizer=_OurWords()), split(pairs)
    expected = np.mean([scorer.score(target, text)["rougeL"].fmeasure for target, text in pairs])
    assert METRICS["rouge_l"].function(targets, texts) == pytest.approx(expected, abs=1e-9)


def test_accents_count_as_the_library_would_not_have_it() -> None:
    """Planted: the library drops every letter with an accent."""
    assert RougeScorer(["rougeL"]).score("è già", "è più")["rougeL"].fmeasure == 0.0
    assert METRICS["rouge_l"].function(["è già"], ["è più"]) == 0.5
    assert METRICS["rouge_l"].function(["è"], ["é"]) == 0.0
    assert METRICS["rouge_l"].function(["è"], ["e\u0300"]) == 1.0


@given(st.lists(st.sampled_from("abcd"), max_size=80), st.lists(st.sampled_from("abcd"), max_size=80))
def test_the_longest_common_subsequence_is_that_of_the_table(first: list[str], second: list[str]) -> None:
    row = [0] * (len(second) + 1)
    for one in first:
        above, row = row, [0]
        for position, other in enumerate(second):
            row.append(above[position] + 1 if one == other else max(above[position + 1], row[position]))
    assert longest_common_subsequence(first, second) == row[-1]


def test_long_answers_take_no_time() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["uno", "due", "tre", "è", "5"], 5_000)) for _ in range(2)]
    before = time.perf_counter()
    for metric in OF_TEXTS:
        metric.function(texts[:1], texts[1:])
    for hostile in ("1" * 50_000, "1," * 50_000 + "x", "a" + "1" * 50_000 + "b", "\u0300" * 50_000, "-." * 50_000):
        plain(hostile)
    assert time.perf_counter() - before < 5


def test_token_f1_is_that_of_squad_over_words() -> None:
    pairs = [(squad_cleaned(target), squad_cleaned(text)) for target, text in [*ENGLISH, *ITALIAN]]
    targets, texts = split(pairs)
    expected = np.mean([squad_f1(*pair) for pair in pairs])
    assert METRICS["token_f1"].function(targets, texts) == pytest.approx(expected, abs=1e-9)
    for target, text in [*ENGLISH, *ITALIAN]:
        own_words = (" ".join(plain_words(target)), " ".join(plain_words(text)))
        assert METRICS["token_f1"].function([target], [text]) == pytest.approx(squad_f1(*own_words), abs=1e-9)


@pytest.mark.parametrize(
    ("target", "same"),
    [
        ("Turn ON the light!", " turn on  the light"),
        ("Straße", "STRASSE"),
        ("perché", "perche\u0301"),
        ("“L'acqua”, disse", "l’acqua disse"),
        ("①②", "12"),
        ("İstanbul", "i̇stanbul"),
        ("5 %", "5%"),
        ("\u22125", "-5"),
        ("zero\u200bwidth", "zerowidth"),
        ("हिन्दी!", "हिन्दी"),
        ("?!", "?!"),
        ("👍.", "👍"),
    ],
)
def test_case_punctuation_and_spaces_do_not_part_texts(target: str, same: str) -> None:
    assert METRICS["normalised_match"].function([target], [same]) == 1.0


@pytest.mark.parametrize(
    ("target", "other"),
    [
        ("1.5", "15"),
        ("-5", "5"),
        ("1,000", "1 000"),
        ("12:30", "12 30"),
        ("5%", "5"),
        (".5", "5"),
        ("turn on", "turnon"),
        ("è", "e"),
        ("a+b", "a b"),
        ("👍", "👎"),
        ("?!", "..."),
        ("the cat", "cat"),
        ("", "a"),
    ],
)
def test_what_matters_parts_them(target: str, other: str) -> None:
    assert METRICS["normalised_match"].function([target], [other]) == 0.0


def test_words_are_those_of_any_language() -> None:
    assert words("東京タワーは333m") == [*"東京タワーは", "333m"]
    assert words("naïve_café\u00adx") == ["naïve", "caféx"]
    assert plain_words("今天, 3.5 ℃") == ["今", "天", "3.5", "°c"]
    ascii_text = string.printable * 3
    assert words(ascii_text) == re.findall("[a-z0-9]+", ascii_text.lower())


@given(st.text(max_size=60))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize("metric", OF_TEXTS, ids=lambda metric: metric.name)
def test_counts_of_texts_add_up_over_any_subset(metric: Metric) -> None:
    targets, texts = split(SETS["both"])
    counts, rng = metric.counts(targets, texts).toarray(), np.random.default_rng(1)
    for size in (1, 3, 15, 40):
        picked = rng.integers(0, len(targets), size=size)
        direct = metric.function([targets[one] for one in picked], [texts[one] for one in picked])
        assert float(metric.from_counts(counts[picked].sum(axis=0)[None])[0]) == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("metric", OF_TEXTS, ids=lambda metric: metric.name)
def test_the_ends_of_the_range_are_reached(metric: Metric) -> None:
    targets = ["uno due", "è già notte", "12:30"]
    assert (metric.function(targets, ["xyz", "", "qw"]), metric.function(targets, targets)) == metric.range


def test_hits_are_of_the_metric_and_not_of_the_scorecard() -> None:
    metric = METRICS["normalised_match"]
    assert metric.hits(["A.", "b"], ["a", "c"]) == (True, False)
    with pytest.raises(ValueError, match="right or wrong"):
        METRICS["chrf"].hits(["a"], ["a"])
