"""Conversations and instructions: every way of writing them gives the same messages; what is broken has a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sintonia.errors import DataError
from tests.unit.prepare.forms.tables import find, parsed, reason, sentence

USER = {"role": "user", "content": "ask"}
ANSWER = {"role": "assistant", "content": "say"}
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


def _chats(*messages: dict[str, Any], **beside: Any) -> list[dict[str, Any]]:
    return [{"messages": list(messages), **beside}] * 3


def test_openai_chat_keeps_roles_weights_and_tools() -> None:
    early = {"role": "assistant", "content": "early", "weight": 0}
    system = {"role": "developer", "content": "be kind"}
    rows = _chats(system, USER, early, USER, {**ANSWER, "weight": 1}, tools=[TOOL])
    match = find(rows)
    assert (match.form, match.columns) == ("OpenAI chat", {"messages": "messages", "tools": "tools"})
    assert any("holds role and content in all 3 rows" in why for why in match.why)
    assert "to say otherwise" in match.why[-1]
    one = parsed(rows)[0]
    assert one.input == {"messages": [system, USER, early, USER], "tools": [TOOL]}
    assert one.target == {**ANSWER, "weight": 1}
    assert (one.text, one.answer) == ("be kind\nask\nearly\nask", "say")


def test_a_call_may_have_no_content_and_its_json_is_the_answer() -> None:
    one = parsed(_chats(USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}))[0]
    assert one.target == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert json.loads(one.answer) == [CALL]


def test_a_last_message_of_weight_0_is_not_the_target_and_what_follows_is_said_to_be_left_out() -> None:
    rows = _chats(USER, ANSWER, USER, {"role": "assistant", "content": "late", "weight": 0}, USER)
    assert parsed(rows)[0].target == ANSWER
    assert any("after the last assistant message are not used (3 of" in why for why in find(rows).why)


def test_messages_in_a_cell_of_a_csv_are_json() -> None:
    assert parsed([{"messages": json.dumps([USER, ANSWER])}] * 3)[0].target == ANSWER


def test_keys_without_a_value_and_content_in_parts_are_understood() -> None:
    part = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "sk"}]}
    one = parsed(_chats(part, {**ANSWER, "tool_calls": None, "name": None}))[0]
    assert one.input == {"messages": [USER]}
    assert one.target == ANSWER


def test_sharegpt_becomes_the_same_messages() -> None:
    rows = [
        {
            "conversations": [
                {"from": "human", "value": "ask"},
                {"from": "function_call", "value": '{"name": "look", "arguments": {}}'},
                {"from": "observation", "value": "found"},
                {"from": "gpt", "value": "say"},
            ],
            "system": "be kind",
            "tools": json.dumps([{"name": "look"}]),
        }
    ] * 3
    assert find(rows).form == "ShareGPT"
    one = parsed(rows)[0]
    messages = one.input["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool"]
    assert messages[2]["tool_calls"] == [{"type": "function", "function": {"name": "look", "arguments": {}}}]
    assert one.input["tools"] == [{"type": "function", "function": {"name": "look"}}]
    assert one.target == ANSWER


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (None, "`messages` is empty"),
        ([], "`messages` is empty"),
        ("hello", "`messages` is not a list of messages but a text"),
        (3, "`messages` is not a list of messages but a number"),
        (["hello"], "message 1 is a text, not an object"),
        ([{"content": "x"}], "message 1 has no role"),
        ([{"role": "user"}], "message 1 has no content"),
        ([{"role": "boss", "content": "x"}], "message 1 has an unrecognised role"),
        ([{"role": ["user"], "content": "x"}], "message 1 has an unrecognised role"),
        ([{**USER, "mood": "x"}], "message 1 has the unrecognised key `mood`"),
        ([USER], "there is no assistant message"),
        ([ANSWER], "no message comes before the assistant's"),
        ([USER, {**ANSWER, "weight": 0.5}], "the weight of message 2 is not 0 or 1"),
        ([USER, {**ANSWER, "weight": True}], "the weight of message 2 is not 0 or 1"),
        ([{**USER, "weight": 1}, ANSWER], "message 1 has a weight but is not the assistant's"),
        ([USER, {**ANSWER, "weight": 0}], "nothing to learn: every assistant message has the weight 0"),
        ([USER, {**ANSWER, "content": " "}], "the content of message 2 is empty"),
        ([USER, {**ANSWER, "content": None}], "message 2 has no content"),
        ([{**USER, "content": 3}, ANSWER], "the content of message 1 is a number, not a text"),
        (
            [{**USER, "content": [{"type": "image_url"}]}, ANSWER],
            "the content of message 1 has a part that is not text",
        ),
        ([USER, {**ANSWER, "tool_calls": "x"}], "the tool calls of message 2 are not a list of calls"),
        ([{**USER, "tool_calls": [CALL]}, ANSWER], "message 1 calls a tool but is not the assistant's"),
        ([{"from": "alien", "value": "x"}], "message 1 has an unrecognised `from`"),
        ([{"from": "human"}], "message 1 has no value"),
        ([{"from": "human", "value": "a"}, {"from": "gpt", "value": ""}], "the value of message 2 is empty"),
        ([{"from": "function_call", "value": "x"}], "the function call of message 1 is not JSON"),
    ],
)
def test_each_broken_conversation_has_its_reason(messages: Any, why: str) -> None:
    assert reason("OpenAI chat", {"messages": "messages"}, {"messages": messages}).startswith(why)


def test_tools_that_are_no_tools_are_a_reason() -> None:
    values = {"messages": [USER, ANSWER], "tools": ["look"]}
    assert "tools are not a list" in reason("OpenAI chat", {"messages": "messages", "tools": "tools"}, values)


def test_alpaca_joins_instruction_and_input_and_takes_system_and_history() -> None:
    rows = [
        {
            "instruction": f"do {sentence(i)}",
            "input": "with this" if i else "",
            "output": f"done {sentence(i)}",
            "system": "be kind",
            "history": [["before", "answered"]],
        }
        for i in range(20)
    ]
    match = find(rows)
    assert match.form == "prompt and completion"
    assert match.columns == {
        "input": "instruction",
        "context": "input",
        "system": "system",
        "history": "history",
        "target": "output",
    }
    first, second = parsed(rows)[:2]
    assert [message["role"] for message in first.input["messages"]] == ["system", "user", "assistant", "user"]
    assert first.input["messages"][-1]["content"] == f"do {sentence(0)}"
    assert second.input["messages"][-1]["content"] == f"do {sentence(1)}\nwith this"
    assert first.answer == f"done {sentence(0)}"


@pytest.mark.parametrize(
    ("asking", "answering"),
    [("prompt", "completion"), ("question", "answer"), ("INSTRUCTION", "RESPONSE"), ("domanda", "risposta")],
)
def test_pairs_of_names_are_prompt_and_completion(asking: str, answering: str) -> None:
    rows = [{asking: f"why {sentence(i)}?", answering: f"because {sentence(i)}"} for i in range(30)]
    assert find(rows).columns == {"input": asking, "target": answering}
    assert find(rows).form == "prompt and completion"


def test_prompt_and_completion_may_be_messages() -> None:
    rows = [{"prompt": [USER], "completion": [ANSWER]}] * 3
    one = parsed(rows)[0]
    assert (one.input, one.target) == ({"messages": [USER]}, ANSWER)


def test_the_first_of_several_answers_is_the_target_and_all_are_votes() -> None:
    rows = [{"question": sentence(i), "context": "here", "answers": ["one", "one", "two"]} for i in range(5)]
    one = parsed(rows)[0]
    assert (one.answer, one.votes) == ("one", ("one", "one", "two"))
    squad = [{**row, "answers": {"text": row["answers"], "answer_start": [1, 1, 2]}} for row in rows]
    assert parsed(squad)[0] == one


def test_an_answer_that_is_a_class_is_asked_about() -> None:
    rows = [{"prompt": sentence(i), "completion": ("yes", "no")[i % 2]} for i in range(60)]
    with pytest.raises(DataError, match="`--task classify` or `--task chat`"):
        find(rows)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"prompt": "ask", "completion": " "}, "`completion` is empty"),
        ({"prompt": "", "completion": "say"}, "`prompt` is empty"),
        ({"prompt": "ask"}, "`completion` is empty"),
        ({"prompt": {"a": 1}, "completion": "say"}, "`prompt` holds an object"),
        ({"prompt": "ask", "completion": [USER]}, "the completion does not end with the assistant"),
        ({"prompt": "ask", "completion": []}, "`completion` is empty"),
    ],
)
def test_each_broken_pair_has_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason("prompt and completion", {"input": "prompt", "target": "completion"}, values) == why


def test_history_of_another_shape_is_a_reason() -> None:
    values = {"prompt": "ask", "completion": "say", "history": ["x"]}
    columns = {"input": "prompt", "target": "completion", "history": "history"}
    assert "not a list of pairs" in reason("prompt and completion", columns, values)


def test_self_instruct_takes_the_one_instance() -> None:
    rows = [{"instruction": sentence(i), "instances": [{"input": "", "output": "done"}]} for i in range(5)]
    assert parsed(rows)[0].target == {"role": "assistant", "content": "done"}
    columns = find(rows).columns
    two = {"instruction": "do", "instances": [{"input": "", "output": "a"}, {"input": "", "output": "b"}]}
    assert reason("self-instruct", columns, two) == "2 instances in one row where one is needed"
    assert "no input and output" in reason("self-instruct", columns, {"instruction": "do", "instances": []})


def test_text_alone_is_a_text_to_go_on_writing() -> None:
    rows = [{"text": sentence(i)} for i in range(5)]
    assert find(rows).form == "plain text"
    one = parsed(rows)[0]
    assert (one.input, one.target) == ({"messages": []}, {"role": "assistant", "content": sentence(0)})
    assert (one.text, one.answer) == (sentence(0), "")
    assert reason("plain text", {"text": "text"}, {"text": ""}) == "`text` is empty"


def test_a_column_beside_a_text_is_not_passed_over() -> None:
    rows = [{"id": i, "text": sentence(i), "answered": sentence(-i)} for i in range(5)]
    with pytest.raises(DataError, match="no column looks like the target"):
        find(rows)
    assert find(rows, text="text").form == "plain text"
    assert find([{"id": row["id"], "text": row["text"]} for row in rows]).form == "plain text"
