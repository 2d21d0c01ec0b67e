"""The rungs of plain text that need no language model: what they know, and that they are honest about it."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sintonia.evaluate.ladders import pretrain
from sintonia.evaluate.ladders.pretrain import (
    COMPRESSOR,
    LETTERS,
    PRIMED,
    UNTOUCHED,
    PassageGround,
    choose_passage_baselines,
    score_passage_baselines,
)
from sintonia.evaluate.language import Weigher
from sintonia.models.language.saved import OpenLanguageModel
from sintonia.models.language.template import load_template
from sintonia.models.loading import load_causal, load_tokenizer
from sintonia.records import Example, Place

KNOWN = [f"The court of appeal heard clause {k} and gave judgment for the claimant, with costs." for k in range(40)]
FOREIGN = ["Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, und zwar sehr schnell."]


def example(text: str) -> Example:
    content = {"text": text, "goes_on": True}
    return Example(id=text, input=text, target="", group=text, place=Place(file="a", line=1), content=content)


@pytest.fixture(scope="module")
def ground(tiny_language_model: Path) -> PassageGround:
    tokenizer = load_tokenizer(tiny_language_model)
    opened = OpenLanguageModel(
        record=SimpleNamespace(max_tokens=1024),  # type: ignore[arg-type]
        causal=load_causal(tiny_language_model).eval(),
        tokenizer=tokenizer,
        template=load_template(tokenizer),
        max_tokens=256,
    )
    return PassageGround(weigher=Weigher(opened), train=tuple(map(example, KNOWN[:30])), primary_metric="bits_per_byte")


def scores(ground: PassageGround, texts: list[str]) -> dict[str, float]:
    held = [example(one) for one in texts]
    chosen = choose_passage_baselines(ground, held)
    return {rung.name: rung.score for rung, _ in score_passage_baselines(ground, chosen, held, "test")}


def test_what_repeats_is_cheap_and_what_is_foreign_is_not(ground: PassageGround) -> None:
    known, foreign = scores(ground, KNOWN[30:]), scores(ground, FOREIGN)
    assert set(known) == {UNTOUCHED, PRIMED, COMPRESSOR, LETTERS}
    assert known[COMPRESSOR] < 1.5 < 4 < foreign[COMPRESSOR]
    assert known[LETTERS] < 1.0 < 3 < foreign[LETTERS]


def test_the_chances_of_all_letters_add_up_to_one(ground: PassageGround) -> None:
    letters = ground.letters
    for before in (b"", b"The court of app", b"\xff\xfe"):
        for order in (3, 5):
            total = sum(letters._chance(before + bytes([one]), len(before), order) for one in range(256))
            assert math.isclose(total, 1.0, rel_tol=1e-9)


def test_all_rungs_are_scored_on_the_same_bytes_and_only_the_passage_counts(ground: PassageGround) -> None:
    held = [example(one) for one in KNOWN[30:]]
    cards = [card for _, card in score_passage_baselines(ground, choose_passage_baselines(ground, held), held, "test")]
    assert len({card.num_bytes for card in cards}) == 1
    assert cards[0].num_bytes == tuple(len(one) - 1 for one in KNOWN[30:])  # the first token is read and not learned
    (row,) = ground.primed(ground.weigher.rows(held[:1])) or [None]
    assert row is not None and row.num_learned == len(KNOWN[30]) - 1 and len(row.ids) > 2 * len(KNOWN[30])


def test_a_base_without_room_is_left_out(ground: PassageGround) -> None:
    record: Any = SimpleNamespace(max_tokens=min(map(len, KNOWN[30:])) + 20)
    before, ground.weigher.opened.record = ground.weigher.opened.record, record
    try:
        assert set(scores(ground, KNOWN[30:])) == {UNTOUCHED, COMPRESSOR, LETTERS}
    finally:
        ground.weigher.opened.record = before


def test_a_longer_passage_in_the_test_takes_no_rung_away_and_changes_no_other_passage(ground: PassageGround) -> None:
    held, long = [example(one) for one in KNOWN[30:]], example("The court sat on a bench. " * 50)
    chosen = choose_passage_baselines(ground, held)
    record: Any = SimpleNamespace(max_tokens=256)
    before, ground.weigher.opened.record = ground.weigher.opened.record, record
    try:
        alone, beside = (
            {rung.name: card.losses for rung, card in score_passage_baselines(ground, chosen, some, "test")}
            for some in (held, [*held, long])
        )
    finally:
        ground.weigher.opened.record = before
    assert PRIMED in alone and alone.keys() == beside.keys()
    assert beside[PRIMED][:-1] == pytest.approx(alone[PRIMED], rel=1e-5)
    assert beside[PRIMED][-1] == pytest.approx(beside[UNTOUCHED][-1], rel=1e-5)


def test_of_many_passages_each_is_compressed_behind_less(
    ground: PassageGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [example(one) for one in KNOWN[30:]]
    rows = ground.weigher.rows(held)
    whole = sum(pretrain._compressed(ground, 0.0, held, rows))
    monkeypatch.setattr(pretrain, "MOST_COMPRESSED_BYTES", 10 * len(held))
    assert sum(pretrain._compressed(ground, 0.0, held, rows)) > 2 * whole
