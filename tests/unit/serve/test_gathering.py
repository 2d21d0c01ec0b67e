"""Questions of many are answered as few batches, each with its own answers; one bad question spoils no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from sintonia.serve.answers import Gathering


def test_questions_that_wait_are_answered_together() -> None:
    sizes, may_begin = [], threading.Event()

    def answer(texts: Sequence[str]) -> list[str]:
        may_begin.wait(5)
        sizes.append(len(texts))
        return [text.upper() for text in texts]

    gathering = Gathering(answer)
    first = gathering.ask(["first"])
    others = [gathering.ask([f"a{number}", f"b{number}"]) for number in range(50)]
    may_begin.set()
    assert first.result(5) == ["FIRST"]
    assert [one.result(5) for one in others] == [[f"A{number}", f"B{number}"] for number in range(50)]
    assert sum(sizes) == 101 and len(sizes) <= 3
    gathering.close()


def test_a_bad_question_spoils_no_other() -> None:
    def answer(texts: Sequence[str]) -> list[str]:
        if "bad" in texts:
            raise ValueError("bad")
        return list(texts)

    gathering = Gathering(answer)
    asked = [gathering.ask([text]) for text in ("a", "bad", "b")]
    assert asked[0].result(5) == ["a"] and asked[2].result(5) == ["b"]
    with pytest.raises(ValueError, match="bad"):
        asked[1].result(5)
    gathering.close()
