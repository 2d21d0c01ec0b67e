"""`ollama`: the GGUF file and a Modelfile, with the chat template in Ollama's own language.

That language is not Jinja: a template is taken only where it writes each message between the same words, which is tried
on conversations; any other is refused. Ollama itself is not run here: the file that it loads is proved, as `gguf` is.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sintonia.errors import RunFailed, UsageError
from sintonia.export.format import Format
from sintonia.export.gguf import FILE, PRECISIONS, read_exactly, read_file, refuses_model, rounded_model, write_gguf
from sintonia.export.proof import Precision
from sintonia.export.source import Source
from sintonia.models.language.template import Template, load_template
from sintonia.models.loading import load_tokenizer
from sintonia.tasks import TASKS
from sintonia.tasks.task import has_template, spoken

_ROLES = ("system", "user", "assistant")
_TRIED = {"system": "Praeceptum", "user": "Quaestio", "assistant": "Responsum"}
_INSTEAD = "take `--to gguf`, which carries the template as it is, or train with `chat.template=chatml`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A template that writes every message between the same words."""

    around: Mapping[str, tuple[str, str]]
    """Of each role what stands before a message and what after it."""
    opening: str
    """What stands before an answer that is to be written."""
    unasked: str
    """The system message that is written where a conversation has none; nothing where there is none."""

    def text(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Messages as text, up to where the assistant begins to answer."""
        told = list(messages)
        if self.unasked and told[0]["role"] != "system":
            told.insert(0, {"role": "system", "content": self.unasked})
        parts = [self.around[one["role"]][0] + str(one["content"]) + self.around[one["role"]][1] for one in told]
        return "".join(parts) + self.opening

    def in_ollama(self) -> str:
        """The same in the language of Ollama's templates (Go's)."""
        body = "".join(
            f'{{{{ {"if" if k == 0 else "else if"} eq .Role "{role}" }}}}{before}{{{{ .Content }}}}{after}'
            for k, (role, (before, after)) in enumerate(self.around.items())
        )
        return f"{{{{ range .Messages }}}}{body}{{{{ end }}}}{{{{ end }}}}{self.opening}"


def find_pattern(template: Template) -> Pattern | None:
    """The pattern of a template, None where it has none, as far as conversations of a few words show."""
    system, user, answer = ({"role": role, "content": _TRIED[role]} for role in _ROLES)
    tried = ([user], [system, user], [user, answer, user], [system, user, answer, user])
    try:
        written = [template.prompt(one) for one in tried]
        pattern = _guessed(written[-1], written[0], template.end_mark)
    except UsageError:
        return None
    if pattern is None or [pattern.text(one) for one in tried] != written:
        return None
    return None if any("{{" in part or '"""' in part for part in _parts(pattern)) else pattern


def _guessed(whole: str, alone: str, end_mark: str) -> Pattern | None:
    """What two conversations look like: `whole` has all roles and a second question, `alone` one question."""
    begin, after_system, after_user, after_answer, last = _between(whole, ("system", "user", "assistant", "user"))
    end = _end_of_turn(after_answer, end_mark)
    user_mark = after_answer.removeprefix(end)
    end_of_system = after_system.removesuffix(user_mark)
    before = _between(alone, ("user",))[0].removesuffix(user_mark)
    if not end or not user_mark or not (after_user.startswith(end) and last.startswith(end)):
        return None
    return Pattern(
        around={
            "system": (begin, end_of_system),
            "user": (user_mark, end),
            "assistant": (after_user.removeprefix(end), end),
        },
        opening=last.removeprefix(end),
        unasked=before.removeprefix(begin).removesuffix(end_of_system),
    )


def _between(text: str, roles: Sequence[str]) -> list[str]:
    """What stands before, between and after the messages."""
    found, rest = [], text
    for role in roles:
        before, _, rest = rest.partition(_TRIED[role])
        found.append(before)
    return [*found, rest]


def _end_of_turn(after: str, end_mark: str) -> str:
    """The mark that ends an answer, with the white space behind it; nothing where it does not stand there."""
    if not end_mark or not after.startswith(end_mark):
        return ""
    rest = after.removeprefix(end_mark)
    return end_mark + rest[: len(rest) - len(rest.lstrip())]


def _parts(pattern: Pattern) -> list[str]:
    return [*(part for pair in pattern.around.values() for part in pair), pattern.opening, pattern.unasked]


def modelfile(source: Source) -> str:
    """The Modelfile for the GGUF file beside it.

    Raises:
        UsageError: the chat template cannot be said in Ollama's language.
        RunFailed: it was said, and writes a validation prompt otherwise.
    """
    template = load_template(load_tokenizer(source.folder), "auto")
    tokenizer = load_tokenizer(source.folder)
    lines = [f"FROM ./{FILE}"]
    if has_template(TASKS[source.task]):
        pattern = _pattern_of(source, template)
        lines.append(f'TEMPLATE """{pattern.in_ollama()}"""')
        lines += [f'SYSTEM """{pattern.unasked}"""'] if pattern.unasked else []
    else:
        lines.append('TEMPLATE "{{ .Prompt }}"')
    lines += [f'PARAMETER stop "{tokenizer.convert_ids_to_tokens(one)}"' for one in template.stop_ids]
    lines.append("PARAMETER temperature 0")
    if source.base is not None and source.base.licence:
        lines.append(f'LICENSE """{source.base.licence}"""')
    return "\n".join(lines) + "\n"


def _pattern_of(source: Source, template: Template) -> Pattern:
    pattern = find_pattern(template)
    if pattern is None:
        raise UsageError("the chat template of this model cannot be said in Ollama's language here", hint=_INSTEAD)
    wrong = 0
    for one in spoken(TASKS[source.task], source.examples):
        before = list(one.whole.get("messages", ()))[:-1]
        if before and not one.whole.get("tools") and {each["role"] for each in before} <= set(_ROLES):
            wrong += pattern.text(before) != template.prompt(before)
    if wrong:
        raise RunFailed(
            f"in Ollama's language the chat template writes {wrong} of {len(source.examples)} validation prompts "
            "otherwise than here",
            hint=_INSTEAD,
        )
    return pattern


def _write(source: Source, work: Path, precision: Precision) -> None:
    told = modelfile(source)  # what cannot be said is refused before the weights are written
    write_gguf(source, work, precision)
    (work / "Modelfile").write_text(told, encoding="utf-8")


def _commands(source: Source, folder: Path) -> tuple[tuple[str, str], ...]:
    name = "".join(one if one.isalnum() else "-" for one in source.run.path.name.lower()).strip("-") or "tuned"
    make = f"ollama create {name} -f {shlex.quote(str(folder.absolute() / 'Modelfile'))}"
    return (("Ollama", f"{make} && ollama run {name}"),)


OLLAMA = Format(
    name="ollama",
    refuses=refuses_model,
    write=_write,
    read=read_file,
    commands=_commands,
    read_exactly=read_exactly,
    rounded=rounded_model,
    precisions=PRECISIONS,
)
