"""How conversations become tokens, and which of them are learned: the chat template of a base, or a named one.

Learned is what the assistant says and its token for the end of the turn, for every answer whose weight is not 0. A
template that cannot be used rightly is refused; what it leaves out of a conversation is told beside the row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sintonia.errors import UsageError
from sintonia.models.language.conversation.answers import EARLIER, REFUSED, Layout, lay_out, whole_text
from sintonia.models.language.conversation.bounds import Unbounded
from sintonia.models.language.conversation.pieces import NOTHING, Pieces
from sintonia.models.language.conversation.writer import CALLS, SYSTEM, TOOLS, Refused, Writer
from sintonia.models.language.rows import TokenRow

__all__ = ["CALLS", "CLOSES", "EARLIER", "OPENS", "REFUSED", "SYSTEM", "TOOLS", "Rendered", "Template", "load_template"]

OPENS, CLOSES = "⟦", "⟧"
"""What stands around the learned parts of a shown example."""
_ANOTHER = "take another one: `chat.template=chatml`, or the path of a .jinja file"
_BEGIN, _END = "<|im_start|>", "<|im_end|>"
_CHATML = """\
{%- set ns = namespace(rules='') -%}
{%- if tools -%}
{%- set ns.rules = messages[0].content + '\\n\\n' if messages[0].role == 'system' else '' -%}
{{- 'BEGINsystem\\n' + ns.rules + '# Tools\\n\\nYou may call these functions:\\n<tools>' -}}
{%- for tool in tools -%}{{- '\\n' + (tool | tojson) -}}{%- endfor -%}
{{- '\\n</tools>\\n\\nA call is JSON with the name and the arguments within <tool_call></tool_call>.' -}}
{{- END + '\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if not (tools and loop.first and message.role == 'system') -%}
{{- 'BEGIN' + message.role + '\\n' + message.content -}}
{%- for call in message.tool_calls or [] -%}
{{- ('\\n' if message.content or not loop.first else '') + '<tool_call>\\n' -}}
{{- {'name': call.function.name, 'arguments': call.function.arguments} | tojson -}}
{{- '\\n</tool_call>' -}}
{%- endfor -%}
{{- END + '\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'BEGINassistant\\n' -}}{%- endif -%}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One example as tokens, and what the template did to it (SYSTEM, TOOLS, CALLS, EARLIER, REFUSED)."""

    row: TokenRow
    troubles: frozenset[str] = frozenset()
    reason: str = ""
    """Why nothing of it can be learned, where that is the template's doing."""


class Template:
    """One tokenizer with one chat template."""

    def __init__(self, tokenizer: Any, source: str | None, *, name: str, origin: str) -> None:
        self.name, self.origin = name, origin
        self._tokenizer, self._writer, self._pieces = tokenizer, Writer(tokenizer, source), Pieces(tokenizer)

    @property
    def end_mark(self) -> str:
        """What ends an answer; empty when the template writes nothing there, and the model cannot learn to stop."""
        with self._ending():
            return self._writer.end_mark

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The tokens at which generation stops: the last one of the end mark, when it is one, and the end of text."""
        marks = self._tokenizer(self.end_mark, add_special_tokens=False)["input_ids"] if self.end_mark else []
        last = [token for token in marks[-1:] if token in self._tokenizer.added_tokens_decoder]
        end = self._tokenizer.eos_token_id
        return tuple(dict.fromkeys([*last, *([] if end is None else [end])]))

    def render(self, content: Mapping[str, Any], max_tokens: int, learn: str = "answers") -> TokenRow:
        """One example as tokens, cut at the end after `max_tokens`; one that cannot be written has nothing learned."""
        return self.render_all([content], max_tokens, learn)[0].row

    def render_all(
        self, contents: Sequence[Mapping[str, Any]], max_tokens: int, learn: str = "answers"
    ) -> tuple[Rendered, ...]:
        """Each example as tokens; faster than one at a time. `learn` is `answers`, or `all` but the first token.

        Raises:
            UsageError: the template does not end, or writes far more than it is given.
        """
        places = [k for k, content in enumerate(contents) if "text" not in content]
        lay = whole_text if learn == "all" else lay_out
        with self._ending():
            layouts = [lay(self._writer, contents[k]) for k in places]
        rows = self._pieces.rows(layouts, max_tokens, is_all=learn == "all")
        written = dict(zip(places, map(_rendered, layouts, rows), strict=True))
        return tuple(
            written[k] if k in written else Rendered(row=self._text_row(content, max_tokens))
            for k, content in enumerate(contents)
        )

    def _text_row(self, content: Mapping[str, Any], max_tokens: int) -> TokenRow:
        """Text that answers nobody; a passage of a longer one `goes_on`."""
        return self._pieces.text_row(content["text"], max_tokens, goes_on=bool(content.get("goes_on")))

    def typed_controls(self, content: Mapping[str, Any]) -> frozenset[str]:
        """The control tokens of the base that stand in the words of an example, where the template did not put them."""
        return self._pieces.controls_in(_texts_of(content))

    def prompt(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] = ()) -> str:
        """The messages as text that ends where the assistant begins to answer.

        Raises:
            UsageError: the template does not take them, or does not end.
        """
        try:
            with self._ending():
                kept = [] if TOOLS in self._writer.lacks else tools
                return self._writer.text(self._writer.readable(messages), kept, is_open=True)
        except Refused as refused:
            raise UsageError(
                f"the chat template `{self.name}` does not take this conversation: {refused}",
                hint="take another one with `chat.template`",
            ) from None

    def readable(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The messages as this template expects them, without what only says how they are learned."""
        with self._ending():
            return [
                {key: value for key, value in one.items() if key != "weight" and value is not None}
                for one in self._writer.readable(messages)
            ]

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except Unbounded as unbounded:
            raise UsageError(
                f"the {self.origin} cannot be used: {unbounded}",
                expected="a template that writes each message once",
                hint=_ANOTHER,
                where="chat.template",
            ) from None

    def shown(self, content: Mapping[str, Any], max_tokens: int = 10**9, learn: str = "answers") -> str:
        """One example as the model reads it, its learned tokens within ⟦ and ⟧."""
        row = self.render(content, max_tokens, learn)
        texts = []
        for is_learned, tokens in groupby(zip(row.ids, row.learned, strict=True), key=lambda pair: pair[1]):
            text = self._tokenizer.decode([token for token, _ in tokens], skip_special_tokens=False)
            texts.append(f"{OPENS}{text}{CLOSES}" if is_learned else text)
        return "".join(texts)


def load_template(tokenizer: Any, asked: str = "auto") -> Template:
    """The template that is asked for: `auto` (that of the base, or chatml), `chatml`, or the path of a Jinja file.

    The tokenizer keeps it, so that it is saved with the model.

    Raises:
        UsageError: no such template, one that is no template, or one whose answers cannot be told from its prompts.
    """
    if not tokenizer.is_fast:
        raise UsageError("this tokenizer does not say where its tokens stand", hint="take a base with `tokenizer.json`")
    if asked == "auto" and tokenizer.chat_template:
        return _checked(Template(tokenizer, None, name="base", origin="chat template of the base"))
    if asked in ("auto", "chatml"):
        source, marks = _chatml(tokenizer)
        tokenizer.chat_template = source
        why = "the base has no chat template: chatml" if asked == "auto" else "chatml, as asked"
        return _checked(Template(tokenizer, None, name="chatml", origin=f"{why}{marks}"))
    tokenizer.chat_template = _read(Path(asked).expanduser())
    return _checked(Template(tokenizer, None, name=Path(asked).name, origin=f"chat template of `{asked}`, as asked"))


def _chatml(tokenizer: Any) -> tuple[str, str]:
    """The template for this tokenizer, and in words what it does about marks that are no tokens of it."""
    lacking = [mark for mark in (_BEGIN, _END) if mark not in tokenizer.added_tokens_encoder]
    end, marks = f"'{_END}'", ""
    if lacking:
        marks = f"; the tokenizer has no {' and no '.join(lacking)}: plain text"
    if _END in lacking and tokenizer.eos_token:
        end, marks = "eos_token", f"{marks}, and answers end with its own {tokenizer.eos_token}"
    return _CHATML.replace("BEGIN", _BEGIN).replace("END ", f"{end} "), marks


def _read(path: Path) -> str:
    """The text of a Jinja file."""
    if path.suffix not in (".jinja", ".jinja2", ".j2"):
        raise UsageError(
            f"there is no chat template `{path}`",
            expected="`auto`, `chatml` or the path of a .jinja file",
            where="chat.template",
        )
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"there is no file `{path}`", hint="check the path", where="chat.template") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` cannot be read as text ({type(error).__name__})", where="chat.template") from None


def _checked(template: Template) -> Template:
    """The template, when the answer of the plainest conversation is found in what it writes.

    Raises:
        UsageError: it is not.
    """
    messages = [{"role": "user", "content": "Salve"}, {"role": "assistant", "content": "Ave"}]
    try:
        template.end_mark  # noqa: B018 - it tries the template
    except Refused as refused:
        raise UsageError(f"the {template.origin} cannot be used: {refused}", hint=_ANOTHER) from None
    if template.render_all([{"messages": messages}], 10**9)[0].reason:
        raise UsageError(
            f"the {template.origin} writes an answer otherwise than it prompts for one: what is learned cannot be told",
            expected="a conversation with an answer that begins with the prompt for it",
            hint=_ANOTHER,
        )
    return template


def _texts_of(content: Any) -> list[str]:
    """All texts within an example, but for the names of who speaks."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, Mapping):
        return [text for name, one in content.items() if name != "role" for text in _texts_of(one)]
    return [text for one in content for text in _texts_of(one)] if isinstance(content, list | tuple) else []


def _rendered(layout: Layout, row: TokenRow) -> Rendered:
    is_lost = REFUSED in layout.troubles
    return Rendered(row=NOTHING if is_lost else row, troubles=layout.troubles, reason=layout.reason)
