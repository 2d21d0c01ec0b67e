"""Conversations as the base reads them: what is cut, what teaches nothing, what the template leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import DataError, UsageError
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.template import Template, load_template
from sintonia.pipeline import check
from sintonia.prepare import explain
from sintonia.prepare.checks.d133_cut_conversations import check_cut
from sintonia.prepare.examine_conversations import RENDERED_FILE, examine_conversations
from sintonia.records import Example, Finding, Place
from sintonia.runs import RunFolder
from sintonia.settings import ChatSettings, DataSettings, PrivacySettings, Recipe, TrainingSettings
from tests.tiny import make_conversations, make_tiny_language_model, write_rows
from tests.unit.models.language import chat_templates as known
from tests.unit.models.language.chat_templates import make_tokenizer

TOOL = {"type": "function", "function": {"name": "meteo", "parameters": {"type": "object", "properties": {}}}}


class Reader:
    """A template and how many tokens are read."""

    def __init__(self, source: str, max_tokens: int = 400, asked: str = "auto") -> None:
        self.template: Template = load_template(make_tokenizer(source), asked)
        self.max_tokens = max_tokens


def example(number: int, *messages: dict[str, Any], **more: Any) -> Example:
    asked = messages or (
        {"role": "user", "content": f"domanda {number}"},
        {"role": "assistant", "content": f"risposta {number}"},
    )
    return Example(
        id=str(number),
        input="",
        target="",
        group=str(number),
        place=Place(file="d.jsonl", line=number),
        content={"messages": list(asked), **more},
    )


def clean(count: int) -> list[Example]:
    return [example(number) for number in range(1, count + 1)]


def look(
    tmp_path: Path, reader: Reader, train: list[Example], validation: list[Example] | None = None, **settings: Any
) -> tuple[dict[str, Finding], tuple[TokenRow, ...]]:
    recipe = Recipe(data=DataSettings(path="d.jsonl"), **settings)
    run = RunFolder.create(tmp_path / "run", recipe)
    findings, rows, watched = examine_conversations(run, reader, train, validation or clean(3))
    assert (len(rows), len(watched)) == (len(train), len(validation or clean(3)))
    assert len({one.code for one in findings} - {"D135"}) == len([one for one in findings if one.code != "D135"])
    return {one.code: one for one in findings}, rows


def test_clean_conversations_give_nothing_but_what_is_learned(tmp_path: Path) -> None:
    found, rows = look(tmp_path, Reader(known.LLAMA3), clean(20))
    assert set(found) == {"D136"}
    assert found["D136"].severity == "note"
    learned = sum(row.num_learned for row in rows) + sum(len(f"risposta {n}") + 1 for n in range(1, 4))
    assert found["D136"].message.startswith(f"{learned:,} of ")
    assert "chat template of the base; `data/rendered.txt` shows one example" in found["D136"].message


def long_answer(number: int) -> Example:
    return example(number, {"role": "user", "content": "domanda"}, {"role": "assistant", "content": "risposta " * 60})


@pytest.mark.parametrize(("num_long", "severity"), [(2, "warning"), (20, "stop")])
def test_d133_says_how_many_answers_are_cut_and_what_would_cut_none(
    tmp_path: Path, num_long: int, severity: str
) -> None:
    train = [*clean(50), *(long_answer(100 + k) for k in range(num_long))]
    found, rows = look(tmp_path, Reader(known.LLAMA3), train)
    finding = found["D133"]
    assert (finding.severity, finding.count) == (severity, num_long)
    assert [place.line for place in finding.places] == list(range(100, 100 + num_long))
    assert f"{num_long} of {53 + num_long} examples" in finding.message
    assert f"in {num_long} of them the answer" in finding.message
    (longest,) = {len(row.ids) + row.num_cut_answer for row in rows[50:]}
    assert f"`training.max_tokens={longest}` cuts nothing" in finding.hint
    assert "D134" not in found  # half an answer is still something
    again, _ = look(tmp_path / "larger", Reader(known.LLAMA3, longest), train)
    assert "D133" not in again


def test_d133_tells_a_cut_prompt_from_a_cut_answer() -> None:
    row = TokenRow(ids=(1, 2), learned=(False, True), num_bytes=1, num_cut_prompt=3)
    (finding,) = check_cut([row] * 9, [Place(file="d", line=k) for k in range(9)], 2)
    assert (finding.severity, finding.count) == ("warning", 9)
    assert finding.message.endswith("only what leads to an answer, no answer")


def test_d134_counts_what_teaches_nothing_with_its_reasons(tmp_path: Path) -> None:
    asked, twice = {"role": "user", "content": "domanda " * 80}, {"role": "user", "content": "segreto"}
    answer = {"role": "assistant", "content": "sì"}
    train = [
        *clean(20),
        example(101, asked, answer),
        example(102, asked, answer),
        example(103, {"role": "user", "content": "domanda"}, {**answer, "weight": 0}),
        example(104, twice, twice, answer),
    ]
    found, rows = look(tmp_path, Reader(known.MISTRAL), train)
    finding = found["D134"]
    assert (finding.severity, finding.count) == ("warning", 4)
    assert [place.line for place in finding.places] == [101, 102, 103, 104]
    assert "2 because the answer is cut away" in finding.message
    assert "1 because no answer in them counts" in finding.message
    assert "does not take them (it says: Conversation roles must alternate" in finding.message
    assert "segreto" not in finding.message
    assert [row.num_learned > 0 for row in rows] == [True] * 20 + [False] * 4
    assert (found["D133"].count, found["D133"].severity) == (2, "warning")


def test_data_that_teach_nothing_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no training example has anything to learn.*max_tokens"):
        look(tmp_path, Reader(known.LLAMA3, 12), [long_answer(k) for k in range(5)], [long_answer(9)])
    with pytest.raises(DataError, match="no validation example"):
        look(tmp_path / "b", Reader(known.LLAMA3, 60), clean(5), [example(1, *[{"role": "user", "content": "x" * 80}])])


def test_a_template_that_takes_few_of_the_conversations_is_refused(tmp_path: Path) -> None:
    twice = [{"role": "user", "content": "a"}] * 2 + [{"role": "assistant", "content": "b"}]
    with pytest.raises(UsageError, match=r"does not take 10 of 15 conversations: it says: Conversation roles"):
        look(tmp_path, Reader(known.MISTRAL), [*clean(2), *(example(k, *twice) for k in range(10))])


def found_d135(tmp_path: Path, reader: Reader, train: list[Example]) -> list[Finding]:
    run = RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="d.jsonl")))
    findings, _, _ = examine_conversations(run, reader, train, clean(3))
    return [one for one in findings if one.code == "D135"]


def test_d135_counts_tools_that_the_template_leaves_out(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "meteo", "arguments": "{}"}}]}
    plain = clean(1)[0].content or {}
    train = [
        *clean(10),
        *(example(20 + k, *plain["messages"], tools=[TOOL]) for k in range(4)),
        example(30, {"role": "user", "content": "a"}, call, {"role": "tool", "content": "1"}, plain["messages"][1]),
    ]
    tools, calls, earlier = found_d135(tmp_path, Reader(known.SMOLLM2), train)
    assert (tools.severity, tools.count, calls.count, earlier.count) == ("warning", 4, 1, 1)
    assert tools.message.startswith("4 rows offer tools that the chat template writes nothing about")
    assert calls.message.startswith("1 row call tools")
    assert [place.line for place in calls.places] == [30]
    assert found_d135(tmp_path / "b", Reader(known.SMOLLM2, asked="chatml"), train) == []


def test_d135_counts_system_messages_that_move_and_answers_that_change(tmp_path: Path) -> None:
    turns = [{"role": role, "content": f"{role} {k}"} for k in range(2) for role in ("user", "assistant")]
    train = [*clean(10), example(20, {"role": "system", "content": "s"}, *turns), example(21, *turns)]
    (moved,) = found_d135(tmp_path, Reader(known.GEMMA), train)
    assert (moved.count, moved.places[0].line) == (1, 20)
    assert "have a system message, which the chat template has no place for" in moved.message
    (changed,) = found_d135(tmp_path / "b", Reader(known.QWEN3), train)
    assert (changed.count, [place.line for place in changed.places]) == (2, [20, 21])
    assert "earlier answers that the chat template writes otherwise" in changed.message
    assert found_d135(tmp_path / "c", Reader(known.LLAMA3), train) == []


def test_d135_says_that_a_model_does_not_learn_to_stop(tmp_path: Path) -> None:
    (finding,) = found_d135(tmp_path, Reader(known.PLAIN), clean(10))
    assert "does not learn to stop" in finding.message


def test_plain_texts_are_learned_whole_and_have_no_template_to_complain_about(tmp_path: Path) -> None:
    texts = [
        Example(
            id=str(k),
            input="È vero",
            target="",
            group=str(k),
            place=Place(file="d", line=k),
            content={"text": "È vero"},
        )
        for k in range(9)
    ]
    found, rows = look(tmp_path, Reader(known.PLAIN), texts, texts[:2])
    assert set(found) == {"D136"}
    assert {row.num_learned for row in rows} == {len("È vero".encode())}


def test_one_example_is_shown_with_its_learned_tokens_marked_for_its_owner_only(tmp_path: Path) -> None:
    look(tmp_path, Reader(known.LLAMA3), clean(5))
    path = tmp_path / "run" / RENDERED_FILE
    text = path.read_text(encoding="utf-8")
    assert text.startswith("d.jsonl:1 as the model reads it (chat template of the base).\n")
    assert text.endswith("assistant<|end_header_id|>\n\n⟦risposta 1<|eot_id|>⟧\n")
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_shown_where_texts_are_to_be_hidden(tmp_path: Path) -> None:
    found, _ = look(tmp_path, Reader(known.LLAMA3), clean(5), privacy=PrivacySettings(redact=True))
    assert not (tmp_path / "run" / RENDERED_FILE).exists()
    assert "rendered.txt" not in found["D136"].message


def test_everything_is_learned_when_that_is_asked_for(tmp_path: Path) -> None:
    _, rows = look(tmp_path, Reader(known.LLAMA3), clean(5), chat=ChatSettings(learn="all"))
    assert all(row.num_learned == len(row.ids) - 1 for row in rows)


@pytest.mark.parametrize("code", ["D133", "D134", "D135", "D136"])
def test_each_is_explained(code: str) -> None:
    assert all(word in explain(code) for word in ("What:", "Why it matters:", "What to do:"))


def test_a_check_with_the_base_looks_at_conversations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    base = make_tiny_language_model(tmp_path / "base")
    data = write_rows(tmp_path / "d.jsonl", make_conversations(320))
    recipe = Recipe(data=DataSettings(path=str(data)), task="chat", base=f"file:{base}")
    codes = {one.code: one for one in check(recipe).findings}
    assert "rendered.txt" not in codes["D136"].message  # its folder is gone
    assert not {"D133", "D134", "D135"} & set(codes)
    cut = Recipe(
        data=DataSettings(path=str(data)), task="chat", base=f"file:{base}", training=TrainingSettings(max_tokens=60)
    )
    codes = {one.code: one for one in check(cut).findings}
    assert codes["D133"].severity == "stop"
    assert "D136" not in {one.code for one in check(recipe, has_base=False).findings}
