"""Templates that never end, or write gigabytes, end at once; and what is counted changes no text of any other."""

from __future__ import annotations

import resource
import threading
import time
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from sintonia.errors import UsageError
from sintonia.models.language.conversation.bounds import LEAST_CHARACTERS, Unbounded
from sintonia.models.language.conversation.program import Program
from sintonia.models.language.conversation.writer import Writer
from sintonia.models.language.template import load_template
from tests.unit.models.language import chat_templates as known
from tests.unit.models.language.chat_templates import make_tokenizer

R = "range(99999)"
LONG = "{% set ns = namespace(x='abcdefghij') %}{% for i in range(17) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"


def again(first: str, next_one: str) -> str:
    """A template that puts `ns.x` into the next `ns.x`, sixty times."""
    return f"{{% set ns = namespace(x={first}) %}}{{% for i in range(60) %}}{{% set ns.x = {next_one} %}}{{% endfor %}}"


def loop(body: str) -> str:
    return f"{{% for a in {R} %}}{body}{{% endfor %}}"


SICK = {
    "two loops that write nothing": loop(loop("")),
    "a loop whose filter takes nothing": loop(f"{{% for b in {R} if b < 0 %}}x{{% endfor %}}"),
    "a loop that calls itself": f"{{% for a in {R} recursive %}}{{{{ loop({R}) }}}}{{% endfor %}}",
    "a loop that writes": loop("{{ 'abcdefghijklmnop' * 1000 }}"),
    "a loop that writes into a variable": "{% set t %}" + loop("{{ 'ab' * 9999 }}") + "{% endset %}",
    "a loop of long constants": "{% set t %}" + loop("word " * 9999) + "{% endset %}",
    "a macro of itself": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "a product of a text": "{{ 'a' * 9999999999 }}",
    "a product of a list": "{{ ([1] * 9999999999) | length }}",
    "a product of numbers": again("10", "ns.x * ns.x"),
    "a power": "{{ 10 ** 9999999999 }}",
    "a joined text doubled": again("'ab'", "ns.x ~ ns.x"),
    "a sum of texts doubled": again("'ab'", "ns.x + ns.x"),
    "a list of itself twice": again("[1]", "[ns.x, ns.x]") + "{{ ns.x }}",
    "an object of itself twice": again("1", "dict(a=ns.x, b=ns.x)") + "{{ ns.x | tojson }}",
    "namespaces in namespaces": again("1", "namespace(a=ns.x, b=ns.x)") + "{{ ns.x }}",
    "padding": "{{ 'a' | center(9999999999) }}",
    "a method that pads": "{{ 'a'.rjust(9999999999) }}",
    "an indent": "{{ {'a': 1} | tojson(indent=9999999999) }}",
    "a wide format": "{{ '%9999999999d' % 1 }}",
    "a given width": "{{ '%*d' % (9999999999, 1) }}",
    "a wide format method": "{{ '{:9999999999}'.format(1) }}",
    "a width given to a method": "{{ '{:{w}}'.format(1, w=9999999999) }}",
    "a format filter": "{{ '%9999999999d' | format(1) }}",
    "a replacement": LONG + "{{ ns.x.replace('a', ns.x) }}",
    "a filter that replaces": LONG + "{{ ns.x | replace('a', ns.x) }}",
    "a join": LONG + f"{{{{ {R} | map('string') | join(ns.x) }}}}",
    "a method that joins": LONG + f"{{{{ ns.x.join({R} | map('string')) }}}}",
    "words in lines": LONG + "{{ ns.x | wordwrap(1, wrapstring=ns.x) }}",
    "slices": "{{ [1] | slice(9999999999) | list }}",
    "a fill": "{{ [1] | batch(9999999999, 'x') | list }}",
    "digits": "{{ 1.5 | round(999999999, 'floor') }}",
    "latin": "{{ lipsum(n=999999999) }}",
    "looking through lists": f"{{% set l = {R} | list %}}" + loop("{% if -1 in l %}{% endif %}"),
    "a template of megabytes": "a" * 1_100_000,
}


@pytest.mark.parametrize("name", SICK)
def test_a_template_without_end_is_refused_within_seconds_and_little_memory(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    with pytest.raises(UsageError) as caught:
        load_template(make_tokenizer("{{ messages[0].content }}" + SICK[name] + known.SMOLLM2))
    assert time.thread_time() - began < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kibibytes
    assert "chat template of the base cannot be used: it" in caught.value.what
    words = ("more than", "longer than", "thousands of digits", "RecursionError" if "itself" in name else "Undefined")
    assert any(word in caught.value.what for word in words)
    assert "chat.template=chatml" in caught.value.hint


def test_one_that_ends_when_it_is_opened_and_not_later_is_refused_in_a_thread_too() -> None:
    sick = f"{{% if messages | length > 3 %}}{SICK['two loops that write nothing']}{{% endif %}}"
    template = load_template(make_tokenizer(sick + known.SMOLLM2))
    short = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert template.render({"messages": short}, 100).num_learned
    caught: list[Exception] = []

    def work() -> None:
        for ask in (lambda: template.render({"messages": short * 2}, 100), lambda: template.prompt([*short, *short])):
            try:
                ask()
            except UsageError as error:
                caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert len(caught) == 2 and all("steps" in str(error) for error in caught)


def test_a_long_conversation_is_no_loop_without_end() -> None:
    template = load_template(make_tokenizer(known.QWEN3))
    messages = [{"role": role, "content": "word " * 20} for _ in range(100) for role in ("user", "assistant")]
    assert template.render({"messages": messages}, 10**9).num_learned
    large = [{"role": "user", "content": "word " * 600_000}, {"role": "assistant", "content": "b"}]
    assert len(template.prompt(large[:1])) > 2 * LEAST_CHARACTERS


SOURCES = {
    name: getattr(known, name) for name in dir(known) if name.isupper() and isinstance(getattr(known, name), str)
}
OTHERS = {
    "loops": "{% for a in messages recursive %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ loop.previtem.role }}"
    "{{ loop.changed(a.role) }}{% if a.kids %}{{ loop(a.kids) }}{% endif %}{% else %}none{% endfor %}",
    "choice": "{% for a in messages if a.role == 'user' %}{{ a.content }}{% if loop.last %}"
    "{% break %}{% endif %}{% endfor %}",
    "macros": "{% macro m(a, b=[1, 2]) %}{{ a ~ b }}{{ caller() if caller }}{% endmacro %}{{ m('x') }}"
    "{% call m('y', b={'k': 1}) %}z{% endcall %}{% set t %}{{ m(1) }}{% endset %}{{ t | upper }}",
    "texts": "{{ '%s %5d' % ('a', 3) }}{{ '{:>4}|{x}'.format('a', x=2) }}{{ 'a-b'.split('-') | join('+') }}"
    "{{ 'ab' * 3 }}{{ 2 ** 10 + 3 * 4 - 7 % 4 }}{{ ['a'] + ['b'] }}{{ 'x' | center(5) }}"
    "{{ 'a\nb' | indent(2, true) }}{{ none }}",
    "objects": "{% set ns = namespace(a=1) %}{% for k, v in {'b': 2, 'a': [1, (2, 3)]}.items() %}{{ k }}={{ v }}"
    "{% set ns.a = ns.a + 1 %}{% endfor %}{{ ns.a }}{{ messages | map(attribute='role') | list | tojson }}"
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ nobody }}{{ nobody is defined }}",
    "escaped": "{% autoescape true %}{{ '<' ~ messages[0].content ~ '&' }}{{ '<' }}{% endautoescape %}{{ '<' ~ '>' }}",
    "thinking": "{% for m in messages %}{{ m.reasoning_content }}{{ m.thinking }}{{ m.content }}{% endfor %}",
}


@pytest.mark.parametrize("name", [*SOURCES, *OTHERS])
def test_what_is_written_is_what_transformers_writes(name: str) -> None:
    source = {**SOURCES, **OTHERS}[name]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Perché? <b> & così", "kids": []},
        {"role": "assistant", "content": "Già 😀", "reasoning": "Mah.", "nothing": None},
        {"role": "user", "content": "  E poi?\n"},
        {"role": "assistant", "content": "Niente."},
    ]
    tokenizer = make_tokenizer(source)
    writer = Writer(tokenizer, None)
    for is_open in (False, True):
        for some in (messages, messages[:3], messages[:1]):
            more = {"tokenize": False, "add_generation_prompt": is_open, "date_string": "01 Jan 2025"}
            expected = outcome(tokenizer.apply_chat_template, some, **more)
            assert outcome(writer.text, some, is_open=is_open) == expected


def outcome(write: Any, messages: Any, **more: Any) -> str:
    try:
        return str(write(messages, **more))
    except Exception:
        return "refused"


def test_marks_stand_where_transformers_finds_them() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "bé"}] * 3
    given = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": False}
    texts, spans = render_jinja_template([messages], chat_template=known.MARKED, return_assistant_tokens_mask=True)
    program = Program(known.MARKED)
    assert program.marked(given) == (texts[0], spans[0])
    assert program.marked(given) == (texts[0], spans[0])
    assert len(spans[0]) == 3


def test_nothing_is_computed_while_a_template_is_read() -> None:
    began = time.monotonic()
    program = Program("{% if false %}{{ 'a' * 9999999999 }}{{ 'a' | center(9999999999) }}{% endif %}ok")
    assert program.text({}) == "ok" and time.monotonic() - began < 1
    with pytest.raises(Unbounded):
        Program("{{ 'a' * 9999999999 }}").text({})


def test_what_else_the_machine_does_refuses_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the thread itself computes counts."""
    program = Program("{% for a in range(9999) %}{% endfor %}ok")
    clock = iter(range(0, 10**9, 1000))
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: float(next(clock)))
        assert program.text({}) == "ok"
    monkeypatch.setattr(time, "thread_time", lambda: float(next(clock)))
    with pytest.raises(Unbounded, match="seconds"):
        program.text({})
