"""Preferences: every way of writing them gives one prompt with a better and a worse answer, or a thumb."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.prepare.forms.tables import find, parsed, reason, sentence

USER = {"role": "user", "content": "ask"}
GOOD = {"role": "assistant", "content": "good"}
BAD = {"role": "assistant", "content": "bad"}
EXPLICIT = {"input": "prompt", "chosen": "chosen", "rejected": "rejected"}

WAYS: dict[str, dict[str, Any]] = {
    "explicit": {"prompt": "ask", "chosen": "good", "rejected": "bad"},
    "conversational": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "implicit": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "both": {"prompt": "ask", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "OpenAI": {"input": {"messages": [USER]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
    "OpenAI of 2025": {
        "input": {"messages": [USER]},
        "preferred_completion": [GOOD],
        "non_preferred_completion": [BAD],
    },
    "LLaMA-Factory": {
        "conversations": [{"from": "human", "value": "ask"}],
        "chosen": {"from": "gpt", "value": "good"},
        "rejected": {"from": "gpt", "value": "bad"},
    },
    "Alpaca": {"instruction": "ask", "input": "", "chosen": "good", "rejected": "bad"},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_preference(way: str) -> None:
    match = find([WAYS[way]] * 3)
    assert match.form == "preference"
    one = parsed([WAYS[way]] * 3)[0]
    assert one.input == {"messages": [USER]}
    assert one.target == {"chosen": [GOOD], "rejected": [BAD]}
    assert (one.text, one.answer) == ("ask", "good")


def test_two_pairs_on_one_prompt_have_the_same_text() -> None:
    rows = [{"prompt": "ask", "chosen": "good", "rejected": worse} for worse in ("bad", "worse")]
    first, second = parsed(rows)
    assert first.text == second.text
    assert first.target != second.target


def test_tools_beside_openai_messages_are_kept() -> None:
    tool = {"type": "function", "function": {"name": "look"}}
    row = {**WAYS["OpenAI"], "input": {"messages": [USER], "tools": [tool]}}
    assert parsed([row] * 3)[0].input == {"messages": [USER], "tools": [tool]}


def test_a_conversation_beside_a_named_prompt_is_not_the_prompt() -> None:
    row = {**WAYS["conversational"], "messages": [USER, GOOD]}
    assert find([row] * 3, "prefer").columns["input"] == "prompt"


def test_two_texts_without_a_prompt_share_their_beginning() -> None:
    turns = "\n\nHuman: why is it so?\n\nAssistant:"
    one = parsed([{"chosen": f"{turns} because a", "rejected": f"{turns} because b"}] * 3)[0]
    assert one.text == turns
    assert one.target["chosen"][0]["content"] == " because a"
    two = parsed([{"chosen": "The sky is blue.", "rejected": "The sky is black."}] * 3)[0]
    assert (two.text, two.answer) == ("The sky is ", "blue.")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"prompt": "ask", "chosen": "same", "rejected": "same "}, "chosen and rejected are the same"),
        ({"prompt": "ask", "chosen": "good", "rejected": ""}, "`rejected` is empty"),
        ({"prompt": "ask", "chosen": None, "rejected": "bad"}, "`chosen` is empty"),
        ({"prompt": None, "chosen": "good", "rejected": "bad"}, "`prompt` is empty"),
        ({"prompt": "ask", "chosen": 3.5, "rejected": {"a": 1}}, "message 1 has the unrecognised key `a`"),
        ({"prompt": "ask", "chosen": [USER], "rejected": [USER, BAD]}, "one answer goes on in the other"),
        ({"prompt": "ask", "chosen": [USER, GOOD], "rejected": [USER, GOOD]}, "chosen and rejected are the same"),
        (
            {"prompt": "ask", "chosen": [GOOD, USER], "rejected": [BAD]},
            "the chosen answer does not end with the assistant",
        ),
    ],
)
def test_each_broken_preference_has_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason("preference", EXPLICIT, values) == why


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"chosen": "a b", "rejected": "a b"}, "chosen and rejected are the same"),
        ({"chosen": "good one", "rejected": "bad one"}, "the two texts have no common beginning"),
        ({"chosen": "so it is", "rejected": "so "}, "one answer is empty"),
        ({"chosen": "so it is", "rejected": [USER]}, "one answer is a text, the other is not"),
        ({"chosen": [GOOD], "rejected": [BAD]}, "there is no prompt before the two answers"),
    ],
)
def test_each_broken_implicit_preference_has_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason("preference", {"chosen": "chosen", "rejected": "rejected"}, values).startswith(why)


def test_a_thumb_on_an_answer_is_an_unpaired_preference() -> None:
    rows = [{"prompt": sentence(i), "completion": sentence(-i), "label": i % 2 == 0} for i in range(60)]
    match = find(rows)
    assert match.form == "unpaired preference"
    one = parsed(rows)[1]
    assert one.target == {"completion": [{"role": "assistant", "content": sentence(-1)}], "is_desirable": False}
    assert "neither true nor false" in reason(match.form, match.columns, {**rows[0], "label": "perhaps"})
    assert reason(match.form, match.columns, {**rows[0], "completion": ""}) == "`completion` is empty"


def test_classes_0_and_1_of_a_prompt_are_no_thumbs() -> None:
    rows = [{"prompt": sentence(i), "label": i % 2} for i in range(60)]
    assert find(rows).form == "text and label"


def test_a_tagged_conversation_of_llama_factory_is_an_unpaired_preference() -> None:
    rows = [{"conversations": [{"from": "human", "value": "ask"}, {"from": "gpt", "value": "good"}], "kto_tag": True}]
    match = find(rows * 3)
    assert match.form == "unpaired preference"
    one = parsed(rows * 3)[0]
    assert (one.text, one.target) == ("ask", {"completion": [GOOD], "is_desirable": True})
    start = {"conversations": rows[0]["conversations"][:1], "kto_tag": True}
    assert reason(match.form, match.columns, start) == "there is no prompt before the answer"


def _compared(*votes: Any) -> dict[str, Any]:
    said = {f"annotator{number}": vote for number, vote in enumerate(votes, start=1)}
    return {"instruction": "do", "input": "this", "response1": "one", "response2": "two", **said}


def test_the_majority_of_the_annotators_is_the_preference_and_votes_are_kept() -> None:
    rows = [_compared(2, 2, 0), _compared("1", "tie", "1"), _compared("model_a", "b", "response_a")]
    match = find(rows)
    assert match.form == "comparison"
    assert match.columns["vote3"] == "annotator3"
    one, two, three = parsed(rows)
    assert (one.text, one.answer, one.votes) == ("do\nthis", "two", ("2", "2", "tie"))
    assert (two.answer, two.votes) == ("one", ("1", "tie", "1"))
    assert (three.answer, three.votes) == ("one", ("1", "2", "1"))


@pytest.mark.parametrize(
    ("votes", "why"),
    [
        ((0, "tie (bothbad)", 1), "a tie: the annotators prefer neither answer"),
        ((0, 2, 1), "no majority among 3 annotators"),
        ((2, 1, None), "no majority among 2 annotators"),
        ((None, None, None), "no annotator has answered"),
        ((1, 1, "purple"), "a vote is neither 1, 2 nor a tie"),
        ((1, 1, [1]), "a vote is neither 1, 2 nor a tie"),
    ],
)
def test_comparisons_without_a_winner_have_their_reason(votes: tuple[Any, ...], why: str) -> None:
    columns = find([_compared(1, 2, 1)] * 3).columns
    assert reason("comparison", columns, _compared(*votes)) == why
