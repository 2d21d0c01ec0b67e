"""Which form a table has: the best when it is ahead, asked when two fit, refused when none does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.prepare.forms import FORMS
from sintonia.tasks import TASKS
from tests.unit.prepare.forms.tables import COLOURS, find, parsed, reason, sentence

LABELLED = [{"text": sentence(i), "label": COLOURS[i % 3]} for i in range(60)]


def test_text_and_label_is_said_with_its_confidence_and_how_to_say_otherwise() -> None:
    match = find(LABELLED)
    assert match.why[0] == "form: text and label (task classify, found by itself; confidence 0.95)"
    assert match.why[-1] == "to say otherwise: `--columns input=text,target=label` or `--task NAME`"
    assert "as asked" in find(LABELLED, "classify").why[0]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"text": " ", "label": "red"}, "`text` is empty"),
        ({"text": None, "label": ""}, "`text` and `label` are empty"),
        ({"label": "red"}, "`text` is empty"),
        ({"text": ["a", "b"], "label": "red"}, "`text` holds a list"),
        ({"text": "a", "label": {"b": 1}}, "`label` holds an object"),
        ({"text": "a", "label": float("nan")}, "`label` is empty"),
    ],
)
def test_each_row_without_text_or_label_has_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason("text and label", {"input": "text", "target": "label"}, values) == why


def test_a_label_in_a_list_of_one_is_a_label() -> None:
    rows = [{"id": i, "text": sentence(i), "label": [COLOURS[i % 3]]} for i in range(60)]
    match = find(rows)
    assert parsed(rows)[1].target == "green"
    assert reason(match.form, match.columns, {**rows[0], "label": ["red", "blue"]}) == "`label` holds a list"


def test_two_tasks_that_fit_are_asked_about() -> None:
    rows = [{**row, "spans": [{"start": 0, "end": 4, "label": "W"}]} for row in LABELLED]
    with pytest.raises(DataError) as caught:
        find(rows)
    assert "text and label (`text`, `label`) and text and spans (`text`, `spans`)" in caught.value.what
    assert caught.value.hint == "say which: `--task classify` or `--task tag`"
    assert find(rows, "tag").form == "text and spans"
    assert find(rows, "classify").form == "text and label"
    assert find(rows, target="label").form == "text and label"


def test_a_form_that_uses_more_of_the_columns_wins_over_one_that_uses_fewer() -> None:
    rows = [{"prompt": sentence(i), "completion": sentence(-i), "label": i % 2 == 0} for i in range(60)]
    assert find(rows).form == "unpaired preference"
    assert find(rows, "chat").form == "prompt and completion"


def test_what_no_form_fits_lists_columns_and_forms() -> None:
    with pytest.raises(DataError) as caught:
        find([{"a": i, "b": i * 7} for i in range(60)])
    assert "`a`, `b`" in caught.value.what
    assert all(name in caught.value.expected for name in ("text and label", "OpenAI chat", "preference", "pair and"))
    assert "--columns" in caught.value.hint


def test_a_task_that_does_not_fit_is_refused_with_the_forms_of_that_task() -> None:
    with pytest.raises(DataError) as caught:
        find([{"one": sentence(i), "kind": COLOURS[i % 3]} for i in range(60)], "chat")
    assert "`one`, `kind`" in caught.value.what
    assert "OpenAI chat" in caught.value.expected
    assert "spans" not in caught.value.expected


def test_two_columns_that_fit_block_a_weaker_form() -> None:
    rows = [{**row, "category": row["label"]} for row in LABELLED]
    with pytest.raises(DataError, match="2 columns may be the target: `label`, `category`"):
        find(rows)


def test_asked_columns_choose_among_forms_by_what_they_hold() -> None:
    rows = [{"one": sentence(i), "two": f"because {sentence(-i)}", "kind": COLOURS[i % 3]} for i in range(60)]
    assert find(rows, input="one", target="kind").form == "text and label"
    assert find(rows, input="one", target="two").form == "prompt and completion"
    assert find(rows, "embed", anchor="one", positive="two").form == "anchor and positive"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"target": "labl"}, "no column `labl`.*`label`"),
        ({"chosn": "text"}, "no role `chosn`.*`chosen`"),
        ({"target": "label", "messages": "text"}, "no form has the roles"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(asked: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find(LABELLED, **asked)
    assert re.search(message, str(caught.value))


def test_two_texts_with_a_class_are_not_taken_for_one() -> None:
    rows = [{"premise": sentence(i), "hypothesis": sentence(-i), "label": COLOURS[i % 3]} for i in range(60)]
    match = find(rows)
    assert (match.form, list(match.columns.values())) == ("pair and label", ["premise", "hypothesis", "label"])
    assert parsed(rows)[1].input == {"texts": [sentence(1), sentence(-1)]}
    assert find(rows, input="premise", target="label").form == "text and label"
    assert find(rows, first="hypothesis", second="premise").columns["first"] == "hypothesis"


@pytest.mark.parametrize(
    ("name", "values", "form"),
    [
        ("label", [0, 1], "pair and label"),
        ("score", [k * 0.37 for k in range(60)], "pair and number"),
        ("label", [k * 0.37 for k in range(60)], "pair and number"),
        ("label", [1, 2, 3, 4, 5], "pair and label"),
    ],
)
def test_what_stands_beside_a_pair_says_whether_it_is_a_class_or_a_number(
    name: str, values: list[float], form: str
) -> None:
    rows = [{"text1": sentence(i), "text2": sentence(-i), name: values[i % len(values)]} for i in range(60)]
    assert find(rows).form == form
    assert find(rows, "regress").form == "pair and number"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"premise": "", "hypothesis": "b", "label": "red"}, "`premise` is empty"),
        ({"premise": "a", "hypothesis": ["b"], "label": "red"}, "`hypothesis` holds a list"),
        ({"premise": "a", "hypothesis": "b", "label": None}, "`label` is empty"),
        ({"premise": "a", "hypothesis": "b", "label": {"c": 1}}, "`label` holds an object"),
    ],
)
def test_each_pair_that_cannot_be_used_has_its_reason(values: dict[str, Any], why: str) -> None:
    columns = {"first": "premise", "second": "hypothesis", "target": "label"}
    assert reason("pair and label", columns, values) == why


def test_a_text_with_a_number_and_a_pair_with_a_number_are_regressions() -> None:
    one = [{"text": sentence(i), "score": i * 0.37} for i in range(60)]
    assert find(one).form == "text and number"
    assert (parsed(one)[1].target, parsed(one)[1].answer) == (0.37, "0.37")
    two = [{"sentence1": sentence(i), "sentence2": sentence(-i), "score": f"{i},5"} for i in range(60)]
    match = find(two)
    assert match.form == "pair and number"
    third = parsed(two)[3]
    assert (third.input, third.target) == ({"texts": [sentence(3), sentence(-3)]}, 3.5)
    for value, why in (
        (None, "`score` is empty"),
        ("much", "`score` is not a number"),
        (True, "`score` is not a number"),
        ("inf", "`score` is not a finite number"),
        ([1], "`score` holds a list"),
    ):
        assert reason(match.form, match.columns, {**two[0], "score": value}) == why


def test_a_label_that_measures_is_a_number_and_a_few_stars_are_asked_about() -> None:
    priced = [{"described": sentence(i), "price": 1000.5 * i} for i in range(60)]
    assert find(priced).columns == {"input": "described", "target": "price"}
    measured = [{"text": sentence(i), "label": i * 0.37} for i in range(60)]
    assert find(measured).form == "text and number"
    codes = [{"text": sentence(i), "label": i % 3} for i in range(60)]
    assert find(codes).form == "text and label"
    stars = [{"text": sentence(i), "rating": 1 + i % 5} for i in range(60)]
    with pytest.raises(DataError, match="`--task classify` or `--task regress`"):
        find(stars)


def test_anchors_with_positives_and_negatives_are_embeddings() -> None:
    rows = [{"query": sentence(i), "pos": [sentence(-i)], "neg": [sentence(i + 100)]} for i in range(1, 9)]
    match = find(rows)
    assert (match.form, set(match.columns)) == ("anchor and positive", {"anchor", "positive", "negative"})
    assert parsed(rows)[0].target == {"positives": [sentence(-1)], "negatives": [sentence(101)]}
    for change, why in (
        ({"pos": []}, "`pos` is empty or holds something other than texts"),
        ({"pos": [{}]}, "`pos` is empty or holds something other than texts"),
        ({"pos": rows[0]["query"]}, "anchor and positive are the same text"),
        ({"neg": rows[0]["pos"]}, "a text is positive and negative at once"),
        ({"query": ""}, "`query` is empty"),
    ):
        assert reason(match.form, match.columns, {**rows[0], **change}) == why


def test_every_form_has_a_task_and_roles_and_no_name_twice() -> None:
    for name, form in FORMS.items():
        assert form.name == name
        assert form.task in TASKS
        assert set(form.optional_roles) < set(form.roles)
        assert all(form.roles.values())
