"""Whatever JSON a row holds, a form understands it or says why not: no other error, and no word of the row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sintonia.errors import SintoniaError
from sintonia.prepare.forms import FORMS, Form, Parsed, Unusable, find_form
from sintonia.prepare.table import Row
from sintonia.settings import DataSettings
from tests.unit.prepare.forms.tables import table_of

NAMES = sorted({name for form in FORMS.values() for names in form.roles.values() for name in names})
WORDS = st.sampled_from(
    [
        "messages role content user assistant tool tool_calls function name weight from value human gpt function_call",
        "system output input start end label labels text O B-A I-A S-A accept result value choices true 1 2 tie [] {}",
    ]
).flatmap(lambda words: st.sampled_from(words.split()))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
DEEP = json.loads("[" * 300 + "]" * 300)
MARK = "xyzzy-plugh"


def _columns(form: Form) -> dict[str, str]:
    return {role: role for role in form.roles}


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.data())
def test_any_row_is_parsed_or_unusable(name: str, data: st.DataObject) -> None:
    form = FORMS[name]
    required = {role: role for role in form.roles if role not in form.optional_roles or data.draw(st.booleans())}
    values = {role: data.draw(VALUES | st.builds(json.dumps, VALUES)) for role in required}
    try:
        parsed = form.parse(Row(1, values), required)
    except Unusable as error:
        assert str(error)
        return
    assert isinstance(parsed, Parsed)
    assert parsed.text.strip()
    assert isinstance(parsed.answer, str)


USER, ANSWER = {"role": "user", "content": "ask"}, {"role": "assistant", "content": "say"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "look"}}]}
SPAN = {"start": 0, "end": 4, "label": "PER", "text": "Anna"}
TAGGED = {"input": ["Anna", "went"], "target": ["B-PER", "O"]}
STUDIO = {"start": 0, "end": 4, "labels": ["PER"], "choices": ["good"]}
STUDIO_ROW = {"data": {"text": "Anna went"}, "annotations": [{"result": [{"value": STUDIO}], "was_cancelled": False}]}
SOUND: dict[str, dict[str, Any]] = {
    "OpenAI chat": {"messages": [USER, CALL, {"role": "tool", "content": "x"}, ANSWER], "tools": [{"name": "look"}]},
    "ShareGPT": {"messages": [{"from": "human", "value": "ask"}, {"from": "gpt", "value": "say"}], "system": "be"},
    "prompt and completion": {"input": "ask", "target": "say", "context": "c", "history": [["a", "b"]]},
    "self-instruct": {"input": "do", "instances": [{"input": "", "output": "done"}]},
    "preference": {"input": {"messages": [USER]}, "chosen": [ANSWER], "rejected": [CALL]},
    "unpaired preference": {"input": [USER], "completion": [ANSWER], "label": True},
    "comparison": {"input": "do", "first": "a", "second": "b", "vote": 1},
    "tokens and tags (IOB2)": TAGGED,
    "text and spans": {"input": "Anna went", "target": [SPAN]},
    "Prodigy spans": {"input": "Anna went", "target": [SPAN], "answer": "accept"},
    "Prodigy choice": {"input": "Anna went", "target": ["good"], "answer": "accept"},
    "Label Studio choices": STUDIO_ROW,
    "Label Studio spans": STUDIO_ROW,
    "Argilla labels": {"input": {"text": "Anna"}, "responses": {"mood": [{"value": "good"}]}},
    "Argilla spans": {"input": "Anna went", "responses": [[SPAN]], "status": ["submitted"]},
    "pair and number": {"first": "a", "second": "b", "target": 0.5},
    "anchor and positive": {"anchor": "a", "positive": ["b"], "negative": ["c"]},
}


def _spoiled(value: Any, data: st.DataObject) -> Any:
    """The value with one part of it, drawn from anywhere inside, replaced or taken away."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(list(value)))
        return {**value, key: _spoiled(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 4)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], _spoiled(value[place], data), *value[place + 1 :]]
    return data.draw(VALUES)


@pytest.mark.parametrize("name", SOUND)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.data())
def test_a_sound_row_with_one_spoiled_part_is_parsed_or_unusable(name: str, data: st.DataObject) -> None:
    row = SOUND[name]
    columns = dict(zip(row, row, strict=True))
    assert FORMS[name].parse(Row(1, row), columns).text
    role = data.draw(st.sampled_from(list(row)))
    try:
        parsed = FORMS[name].parse(Row(1, {**row, role: _spoiled(row[role], data)}), columns)
    except Unusable as error:
        assert str(error)
        return
    json.dumps([parsed.input, parsed.target])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("junk", [MARK, [MARK], [[MARK]], {MARK: MARK}, [{"role": MARK, "content": MARK}], DEEP])
def test_no_reason_says_a_word_of_the_row(name: str, junk: Any) -> None:
    form = FORMS[name]
    for broken in form.roles:
        values = dict.fromkeys(form.roles, MARK) | {broken: junk}
        try:
            form.parse(Row(1, values), _columns(form))
        except Unusable as error:
            said = str(error).replace(f"unrecognised key `{MARK}`", "")
            assert MARK not in said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5), min_size=1, max_size=6))
def test_any_table_has_a_form_or_an_error_for_people(rows: list[dict[str, Any]]) -> None:
    try:
        form, match = find_form(table_of(rows), DataSettings(path="x"), "auto")
    except SintoniaError as error:
        assert error.what
        assert error.hint
        return
    assert set(match.columns) <= set(form.roles)
    assert set(form.roles) - set(form.optional_roles) <= set(match.columns)
