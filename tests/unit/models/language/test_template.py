"""What is learned of a conversation: templates of real models against expectations written by hand."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from sintonia.errors import UsageError
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.template import CALLS, EARLIER, REFUSED, SYSTEM, TOOLS, Template, load_template
from tests.unit.models.language import chat_templates as known
from tests.unit.models.language.chat_templates import make_tokenizer, train_tokenizer

TOOL = {"type": "function", "function": {"name": "meteo", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "meteo", "arguments": '{"città": "Forlì"}'}}


def said(*turns: str, **more: Any) -> dict[str, Any]:
    """A conversation of turns `u: text`, `a: text`, `s: text`, `t: text`; `a0: text` is not learned."""
    roles = {"u": "user", "a": "assistant", "a0": "assistant", "s": "system", "t": "tool"}
    messages = []
    for turn in turns:
        role, _, text = turn.partition(": ")
        messages.append({"role": roles[role], "content": text} | ({"weight": 0} if role == "a0" else {}))
    return {"messages": messages, **more}


def learned(template: Template, row: TokenRow) -> list[str]:
    """The texts that are learned, run by run."""
    runs: list[list[int]] = []
    was = False
    for token, is_learned in zip(row.ids, row.learned, strict=True):
        if is_learned and not was:
            runs.append([])
        if is_learned:
            runs[-1].append(token)
        was = is_learned
    return [template._tokenizer.decode(run) for run in runs]


def read(template: Template, row: TokenRow) -> str:
    return str(template._tokenizer.decode(row.ids))


TWO_TURNS = said("u: Perché?", "a: Così è 😀.", "u: E poi?", "a: Già!")
CASES = {
    "smollm2": (known.SMOLLM2, ["Così è 😀.<|im_end|>", "Già!<|im_end|>"], "<|im_start|>system\nYou are"),
    "llama3": (known.LLAMA3, ["Così è 😀.<|eot_id|>", "Già!<|eot_id|>"], "<s><|start_header_id|>user"),
    "mistral": (known.MISTRAL, [" Così è 😀.</s>", " Già!</s>"], "<s>[INST] Perché? [/INST] Così"),
    "gemma": (known.GEMMA, ["Così è 😀.<end_of_turn>", "Già!<end_of_turn>"], "<s><start_of_turn>user\nPerché?"),
    "qwen3": (known.QWEN3, ["<think>\n\n</think>\n\nGià!<|im_end|>"], "<|im_start|>user\nPerché?"),
    "marked": (known.MARKED, ["Così è 😀.<|im_end|>", "Già!<|im_end|>"], "<|im_start|>user\nPerché?"),
    "phi3": (known.PHI3, ["Così è 😀.<|end|>", "Già!<|end|>"], "<|user|>\nPerché?<|end|>"),
    "plain": (known.PLAIN, [" Così è 😀.", " Già!"], "user: Perché?\nassistant: Così"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_assistant_says_is_learned_with_the_end_of_its_turn(name: str) -> None:
    source, expected, begins = CASES[name]
    template = load_template(make_tokenizer(source))
    (rendered,) = template.render_all([TWO_TURNS], 1000)
    row = rendered.row
    assert learned(template, row) == expected
    assert read(template, row).startswith(begins)
    assert read(template, row).endswith(expected[-1])  # nothing after the last learned token
    ends = template.end_mark
    assert row.num_bytes == sum(len(text.removesuffix(ends).encode()) for text in expected)
    assert (row.num_cut_prompt, row.num_cut_answer) == (0, 0)
    assert rendered.troubles == (frozenset({EARLIER}) if name == "qwen3" else frozenset())


@pytest.mark.parametrize("name", CASES)
def test_the_tokens_before_an_answer_are_those_of_the_prompt(name: str) -> None:
    template = load_template(make_tokenizer(CASES[name][0]))
    row = template.render(TWO_TURNS, 1000)
    prompt = template._tokenizer(template.prompt(TWO_TURNS["messages"][:3]), add_special_tokens=False)["input_ids"]
    last = len(row.ids) - len(template._tokenizer(CASES[name][1][-1], add_special_tokens=False)["input_ids"])
    assert list(row.ids[:last]) == prompt
    assert row.learned[last:] == (True,) * (len(row.ids) - last)
    assert not row.learned[last - 1]


def test_an_answer_of_weight_0_is_read_and_not_learned() -> None:
    for source in (known.SMOLLM2, known.MARKED, known.LLAMA3):
        template = load_template(make_tokenizer(source))
        row = template.render(said("u: a", "a0: no", "u: b", "a: yes"), 1000)
        assert [text[:3] for text in learned(template, row)] == ["yes"]
        assert "no" in read(template, row)
        none = template.render(said("u: a", "a0: no"), 1000)
        assert (none.num_learned, none.num_bytes) == (0, 0)


def test_what_comes_after_the_last_learned_answer_is_not_read() -> None:
    template = load_template(make_tokenizer(known.SMOLLM2))
    short, long = said("u: a", "a: b"), said("u: a", "a: b", "u: c", "a0: d", "u: e")
    assert template.render(long, 1000) == template.render(short, 1000)


def test_thinking_is_learned_where_the_template_keeps_it() -> None:
    template = load_template(make_tokenizer(known.QWEN3))
    content = said("u: a", "a: <think>\nhm\n</think>\n\nuno", "u: b", "a: <think>ho\n</think>due")
    (rendered,) = template.render_all([content], 1000)
    assert learned(template, rendered.row) == ["<think>\nho\n</think>\n\ndue<|im_end|>"]
    assert "hm" not in read(template, rendered.row)
    assert rendered.troubles == {EARLIER}
    one = template.render_all([said("u: a", "a: uno")], 1000)[0]
    assert one.troubles == frozenset()


def test_a_template_that_moves_things_learns_only_what_it_prompts_for() -> None:
    template = load_template(make_tokenizer(known.MISTRAL_TOOLS))
    content = said("u: a", "a: uno", "u: b", "a: due", tools=[TOOL])
    (rendered,) = template.render_all([content], 1000)
    assert learned(template, rendered.row) == [" due</s>"]
    assert rendered.troubles == {EARLIER}
    (without,) = template.render_all([said("u: a", "a: uno", "u: b", "a: due")], 1000)
    assert learned(template, without.row) == [" uno</s>", " due</s>"]


def test_a_template_without_a_place_for_the_system_puts_it_before_the_user() -> None:
    template = load_template(make_tokenizer(known.GEMMA))
    (rendered,) = template.render_all([said("s: Sii breve.", "u: Perché?", "a: Così.", "u: E poi?", "a: Già!")], 1000)
    assert rendered.troubles == {SYSTEM}
    assert read(template, rendered.row).startswith("<s><start_of_turn>user\nSii breve.\n\nPerché?<end_of_turn>")
    assert learned(template, rendered.row) == ["Così.<end_of_turn>", "Già!<end_of_turn>"]
    assert "Sii breve.\n\nPerché?" in template.prompt(said("s: Sii breve.", "u: Perché?")["messages"])
    kept = load_template(make_tokenizer(known.LLAMA3)).render_all([said("s: Sii breve.", "u: P", "a: C")], 1000)[0]
    assert kept.troubles == frozenset()


def test_calls_of_tools_are_learned_where_the_template_writes_them() -> None:
    content = said("u: Che tempo fa?", "a: ", "t: sole", "a: C'è il sole.", tools=[TOOL])
    content["messages"][1]["tool_calls"] = [CALL]
    template = load_template(make_tokenizer(known.QWEN3))
    (rendered,) = template.render_all([content], 1000)
    call = '\n<tool_call>\n{"name": "meteo", "arguments": {"città": "Forlì"}}\n</tool_call><|im_end|>'
    assert learned(template, rendered.row)[-1] == "<think>\n\n</think>\n\nC'è il sole.<|im_end|>"
    assert TOOLS in rendered.troubles  # this one writes calls, but no tools
    assert EARLIER in rendered.troubles  # and a call otherwise once the answer follows
    alone = {"messages": content["messages"][:2]}
    assert learned(template, template.render(alone, 1000)) == ["<think>\n\n</think>\n\n" + call]

    named = load_template(make_tokenizer(known.SMOLLM2), "chatml")
    (rendered,) = named.render_all([content], 1000)
    assert learned(named, rendered.row) == [call.removeprefix("\n"), "C'è il sole.<|im_end|>"]
    assert '"name": "meteo", "parameters"' in read(named, rendered.row)
    assert rendered.troubles == frozenset()

    deaf = load_template(make_tokenizer(known.SMOLLM2))
    (rendered,) = deaf.render_all([content], 1000)
    assert learned(deaf, rendered.row) == ["C'è il sole.<|im_end|>"]  # to say nothing is not learned
    assert rendered.troubles == {TOOLS, CALLS, EARLIER}


def test_a_token_over_the_border_is_split_as_when_the_model_is_asked() -> None:
    """`: ` and ` G` would be one token each; the prompt ends within one of them."""
    source = known.PLAIN.replace("'assistant:'", "'assistant: '")
    tokenizer = make_tokenizer(source, words=("ĠG", "ĠC"))
    template = load_template(tokenizer)
    content = said("u: Perché?", "a: Così è 😀.", "u: E poi?", "a: Già!")
    row = template.render(content, 1000)
    prompt = tokenizer(template.prompt(content["messages"][:1]), add_special_tokens=False)["input_ids"]
    assert list(row.ids[: len(prompt)]) == prompt
    assert row.learned[: len(prompt) + 1] == (*[False] * len(prompt), True)
    assert read(template, row) == "user: Perché?\nassistant: Così è 😀.\nuser: E poi?\nassistant: Già!"
    assert learned(template, row) == ["Così è 😀.", "Già!"]
    assert row.num_bytes == len("Così è 😀.Già!".encode())
    joined = load_template(make_tokenizer(known.PLAIN, words=("ĠG", "ĠC")))
    assert learned(joined, joined.render(content, 1000)) == [" Così è 😀.", " Già!"]


def test_a_prompt_that_no_answer_begins_with_is_refused() -> None:
    with pytest.raises(UsageError, match="otherwise than it prompts"):
        load_template(make_tokenizer(known.DEEPSEEK))
    with pytest.raises(UsageError, match="leaves out what the assistant says"):
        load_template(make_tokenizer("{{ messages[0].content }}"))
    with pytest.raises(UsageError, match="cannot be used: it says: never"):
        load_template(make_tokenizer("{{ raise_exception('never') }}"))


def test_a_conversation_the_template_does_not_take_has_nothing_to_learn_and_a_reason() -> None:
    template = load_template(make_tokenizer(known.MISTRAL))
    good, bad = template.render_all([said("u: a", "a: b"), said("u: a", "u: segreto", "a: b")], 1000)
    assert (good.row.num_learned, good.reason) == (3, "")
    assert (bad.row.num_learned, len(bad.row.ids), bad.troubles) == (0, 1, {REFUSED})
    assert bad.reason == "it says: Conversation roles must alternate user/assistant/user/assistant/..."
    leaky = load_template(
        make_tokenizer(
            known.SMOLLM2.replace(
                "{% for",
                "{% if messages[1:2] and messages[1].role == 'user' %}"
                "{{ raise_exception(messages[1].content) }}{% endif %}{% for",
                1,
            )
        )
    )
    (bad,) = leaky.render_all([said("u: a", "u: segreto", "a: b")], 1000)
    assert "segreto" not in bad.reason
    with pytest.raises(UsageError, match="roles must alternate"):
        template.prompt(said("u: a", "u: b")["messages"])


def test_what_is_cut_is_counted_and_the_bytes_are_those_that_are_left() -> None:
    template = load_template(make_tokenizer(known.SMOLLM2))
    whole = template.render(TWO_TURNS, 1000)
    last = len("Già!".encode()) + 1
    for lost in range(1, last):
        row = template.render(TWO_TURNS, len(whole.ids) - lost)
        assert (row.num_cut_answer, row.num_cut_prompt) == (lost, 0)
        assert row.ids == whole.ids[:-lost]
        assert row.num_bytes == whole.num_bytes - {1: 0, 2: 1, 3: 3, 4: 3}.get(lost, 4)  # half of `à` is none of it
    short = template.render(TWO_TURNS, 20)
    assert (short.num_learned, short.num_bytes) == (0, 0)
    assert short.num_cut_answer == whole.num_learned
    assert short.num_cut_answer + short.num_cut_prompt + 20 == len(whole.ids)


def test_all_tokens_but_the_first_can_be_learned() -> None:
    template = load_template(make_tokenizer(known.LLAMA3))
    row = template.render(said("u: Perché", "a: Già 😀"), 1000, "all")
    assert row.learned == (False,) + (True,) * (len(row.ids) - 1)
    assert row.num_bytes == len("user\n\nPerchéassistant\n\nGià 😀".encode())  # marks are no text
    assert read(template, row).endswith("Già 😀<|eot_id|>")
    assert template.render(said("u: Perché", "a: Già 😀"), 10, "all").num_cut_answer == len(row.ids) - 10


def test_a_plain_text_is_learned_whole_and_ends() -> None:
    tokenizer = make_tokenizer(known.LLAMA3)
    template = load_template(tokenizer)
    row = template.render({"text": "È 😀"}, 1000)
    assert learned(template, row)[0].endswith(" 😀</s>")
    assert row.ids[-1] == tokenizer.eos_token_id
    assert (row.num_learned, row.num_bytes) == (len("È 😀".encode()), len(" 😀".encode()))
    cut = template.render({"text": "È 😀"}, 4)
    assert (cut.num_cut_answer, len(cut.ids)) == (4, 4)
    assert template.render({"text": "abc"}, 1000, "all") == template.render({"text": "abc"}, 1000)


def test_a_base_without_a_template_gets_chatml_and_it_is_said() -> None:
    known_marks = load_template(make_tokenizer(None))
    assert known_marks.origin == "the base has no chat template: chatml"
    row = known_marks.render(said("s: r", "u: a", "a: b"), 1000)
    assert (
        read(known_marks, row)
        == "<|im_start|>system\nr<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>"
    )
    assert learned(known_marks, row) == ["b<|im_end|>"]
    tokenizer = make_tokenizer(None, marks=("<s>", "</s>"))
    plain = load_template(tokenizer)
    assert "the tokenizer has no <|im_start|> and no <|im_end|>: plain text" in plain.origin
    assert learned(plain, plain.render(said("u: a", "a: b"), 1000)) == ["b</s>"]
    assert plain.stop_ids == (tokenizer.eos_token_id,)
    assert load_template(tokenizer).render(said("u: a", "a: b"), 1000) == plain.render(said("u: a", "a: b"), 1000)


def test_a_template_can_be_named_or_be_a_file(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(known.LLAMA3)
    assert load_template(tokenizer).name == "base"
    named = load_template(tokenizer, "chatml")
    assert (named.name, named.origin) == ("chatml", "chatml, as asked")
    path = tmp_path / "mine.jinja"
    path.write_text(known.GEMMA, encoding="utf-8")
    assert load_template(tokenizer, str(path)).end_mark == "<end_of_turn>"
    assert tokenizer.chat_template == known.GEMMA  # it is saved with the model
    path.write_text("{% for %}", encoding="utf-8")
    with pytest.raises(UsageError, match="fails with a TemplateSyntaxError"):
        load_template(tokenizer, str(path))
    for wrong in ("chatlm", str(tmp_path / "none.jinja")):
        with pytest.raises(UsageError, match="there is no"):
            load_template(tokenizer, wrong)


def test_the_stop_tokens_are_the_end_of_the_turn_and_the_end_of_text() -> None:
    tokenizer = make_tokenizer(known.SMOLLM2)
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "</s>"])
    assert load_template(tokenizer).stop_ids == tuple(ends)
    assert load_template(make_tokenizer(known.PLAIN)).end_mark == ""


def test_an_example_is_shown_with_its_learned_parts_marked() -> None:
    template = load_template(make_tokenizer(known.LLAMA3))
    assert template.shown(said("u: Perché", "a: Già 😀")) == (
        "<s><|start_header_id|>user<|end_header_id|>\n\nPerché<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Già 😀<|eot_id|>⟧"
    )


def test_ten_thousand_short_rows_take_less_than_ten_seconds() -> None:
    template = load_template(make_tokenizer(known.SMOLLM2))
    contents = [said(f"u: Quanto fa {number} più uno?", f"a: Fa {number + 1}.") for number in range(10_000)]
    began = time.process_time()
    assert all(one.row.num_learned for one in template.render_all(contents, 512))
    assert time.process_time() - began < 10.0


_WORDS = [
    "Perché",
    "così",
    "  ",
    "\n",
    "\n\n",
    "😀",
    "città,",
    "x =",
    " 12",
    "3",
    "'s",
    "e poi",
    "?",
    "-",
    "è",
    "\t",
    "…",
]


@pytest.mark.parametrize("kind", ["bytes", "pieces"])
@pytest.mark.parametrize("source", [known.PLAIN, known.PLAIN.replace("'assistant:'", "'assistant: '"), known.SMOLLM2])
def test_with_any_tokenizer_the_first_prompt_has_the_tokens_it_has_alone(kind: str, source: str) -> None:
    draw = random.Random(7)
    turns = [" ".join(draw.choices(_WORDS, k=draw.randint(1, 6))) for _ in range(600)]
    contents = [said(f"u: {a}!", f"a: {b}.", f"u: {c}", f"a: {a}.") for a, b, c in zip(*[iter(turns)] * 3, strict=True)]
    whole = [str(turn) for turn in turns] + [f"user: {turn}\nassistant: {turn}\n" for turn in turns]
    tokenizer = train_tokenizer(kind, whole, source)
    template = load_template(tokenizer)
    for content, rendered in zip(contents, template.render_all(contents, 10_000), strict=True):
        row = rendered.row
        prompt = tokenizer(template.prompt(content["messages"][:1]), add_special_tokens=False)["input_ids"]
        assert list(row.ids[: len(prompt)]) == prompt
        assert row.learned[: len(prompt) + 1] == (*[False] * len(prompt), True)
        answers = ["".join(message["content"].split()) for message in content["messages"][1::2]]
        texts = ["".join(text.removesuffix(template.end_mark).split()) for text in learned(template, row)]
        assert texts == answers
        assert not rendered.troubles


def test_marks_that_reach_into_the_prompt_or_miss_an_answer_are_put_right() -> None:
    """Qwen2.5's training template marks the line break of the prompt, which nobody has to learn."""
    wide = known.MARKED.replace("+ '\n' }}{% if", "}}{% if", 1).replace(
        "{% generation %}{{", "{% generation %}{{ '\n' +"
    )
    wide = wide.replace("{% else %}{{", "{% else %}{{ '\n' +")
    template = load_template(make_tokenizer(wide))
    row = template.render(TWO_TURNS, 1000)
    assert learned(template, row) == ["Così è 😀.<|im_end|>", "Già!<|im_end|>"]
    assert row == load_template(make_tokenizer(known.MARKED)).render(TWO_TURNS, 1000)
    last_only = known.MARKED.replace("{% if message['role'] == 'assistant' %}", "{% if loop.last %}")
    assert load_template(make_tokenizer(last_only)).render(TWO_TURNS, 1000) == row  # by comparing prompts instead
