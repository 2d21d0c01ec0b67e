"""The part of the audit of conversations that needs the tokens of the base: what is learned, cut, or left out.

It looks at training and validation examples only, after the sealing, and computes nothing with the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from sintonia.errors import DataError, UsageError
from sintonia.files import write_atomic
from sintonia.models.language.rows import TokenRow
from sintonia.models.language.template import CLOSES, OPENS, REFUSED, Rendered, Template
from sintonia.prepare.checks.d133_cut_conversations import check_cut
from sintonia.prepare.checks.d134_nothing_to_learn import check_nothing_to_learn
from sintonia.prepare.checks.d135_template_leaves_out import check_template
from sintonia.prepare.checks.d136_what_is_learned import tell_what_is_learned
from sintonia.prepare.checks.d137_control_tokens import check_control_tokens
from sintonia.records import Example, Finding
from sintonia.runs import RunFolder

RENDERED_FILE = "data/rendered.txt"


class Opened(Protocol):
    """What is needed of an open language model."""

    @property
    def template(self) -> Template:
        """The template with its tokenizer."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of an example are read."""


def examine_conversations(
    run: RunFolder,
    opened: Opened,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    is_shown: bool = True,
) -> tuple[tuple[Finding, ...], tuple[TokenRow, ...], tuple[TokenRow, ...]]:
    """Findings about what is learned, and the tokens of each training and validation example, in their order.

    Rows of which nothing is learned are among them: they are to be left out. With `is_shown` one training example is
    written as the model reads it, unless texts are to be hidden.

    Raises:
        DataError: no training example, or no validation example, has anything to learn.
        UsageError: the chat template does not take most of the conversations.
    """
    recipe = run.recipe()
    contents = [one.whole for one in (*train, *validation)]
    rendered = opened.template.render_all(contents, opened.max_tokens, recipe.chat.learn)
    _refuse_template(opened.template, rendered)
    rows, places = tuple(one.row for one in rendered), [one.place for one in (*train, *validation)]
    findings = (
        *check_cut(rows, places, opened.max_tokens),
        *check_nothing_to_learn(rendered, places),
        *check_control_tokens(contents, places, opened.template),
        *check_template(rendered, places, opened.template.end_mark if _has_answers(contents) else " "),
    )
    learned, watched = rows[: len(train)], rows[len(train) :]
    for name, some in (("training", learned), ("validation", watched)):
        if not any(row.num_learned for row in some):
            hint = "; ".join(one.hint for one in findings) or "add examples with an answer"
            raise DataError(f"no {name} example has anything to learn", where=recipe.data.path, hint=hint)
    is_shown = is_shown and not recipe.privacy.redact
    if is_shown:
        first = next(k for k, row in enumerate(learned) if row.num_learned)
        _show(run, opened, train[first], contents[first])
    told = tell_what_is_learned(rows, opened.template.origin, RENDERED_FILE if is_shown else None)
    return (*findings, told), learned, watched


def _has_answers(contents: Sequence[dict[str, Any]]) -> bool:
    return any("text" not in content for content in contents)


def _refuse_template(template: Template, rendered: Sequence[Rendered]) -> None:
    """A template that takes few of the conversations is the wrong one."""
    reasons = Counter(one.reason for one in rendered if REFUSED in one.troubles)
    if 2 * reasons.total() <= len(rendered):
        return
    raise UsageError(
        f"the chat template `{template.name}` does not take {reasons.total():,} of {len(rendered):,} conversations: "
        f"{reasons.most_common(1)[0][0]}",
        expected="a template for conversations such as these",
        hint="take another one: `chat.template=chatml`, or the path of a .jinja file",
        where="chat.template",
    )


def _show(run: RunFolder, opened: Opened, example: Example, content: dict[str, Any]) -> None:
    learn = run.recipe().chat.learn
    text = opened.template.shown(content, opened.max_tokens, learn)
    head = (
        f"{example.place.file}:{example.place.line} as the model reads it ({opened.template.origin}).\n"
        f"What stands within {OPENS} and {CLOSES} is learned, all else is only read.\n\n"
    )
    write_atomic(run.file(RENDERED_FILE), (head + text + "\n").encode("utf-8", "replace"))
