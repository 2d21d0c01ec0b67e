"""`sintonia chat`: a conversation with the model of a run, streamed; with `--compare` beside its base.

What is seen of an answer is `answer_screen.py`. Answers go to standard output, everything else to standard error.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sintonia.cli.answer_screen import gather_answers, show_answers
from sintonia.cli.options import JsonOption
from sintonia.cli.screen import say
from sintonia.errors import SintoniaError, UsageError
from sintonia.files import write_atomic

if TYPE_CHECKING:
    from sintonia.use import Decoding, Piece, Speaker

    Show = Callable[[str, Mapping[str, Iterator[Piece]]], dict[str, str]]

TUNED, BASE = "tuned", "base"
_COMMANDS = "/reset begins anew, /save FILE keeps the conversation, /exit ends; Ctrl-C stops an answer"


def chat(
    path: Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="The run folder, or the folder of a model.")],
    compare: Annotated[bool, typer.Option("--compare", help="Let the base answer beside the tuned model.")] = False,
    system: Annotated[str, typer.Option(metavar="TEXT", help="What the model is told before anything is asked.")] = "",
    temperature: Annotated[
        float, typer.Option(min=0.0, metavar="T", help="0: always the likeliest word; 1: as likely as the model says.")
    ] = 0.0,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, metavar="N", help="The longest answer.")] = 512,
    seed: Annotated[int, typer.Option(metavar="N", help="Of answers by chance; the same seed, the same answers.")] = 0,
    as_json: JsonOption = False,
) -> int:
    """Talk with the model of a run, with --compare beside its base.

    /reset begins anew, /save FILE keeps the conversation, /exit ends; Ctrl-C stops an answer.
    """
    _refuse_other_tasks(path)
    from sintonia.use import Decoding

    decoding = Decoding(max_new_tokens=max_tokens, temperature=temperature, seed=seed)
    talk = Talk(_speakers(path, is_compared=compare), decoding, system, _show_row if as_json else _show_text)
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        say(_COMMANDS, style="dim")
    num_unsent = 0
    for line in _lines(is_terminal=is_terminal):
        words = line.split(maxsplit=1)
        if not words:
            continue
        if words[0] in ("/exit", "/quit"):
            break
        if words[0] in ("/reset", "/save"):
            talk.obey(words[0], words[1].strip() if len(words) > 1 else "")
        elif words[0] == "/help":
            say(_COMMANDS)
        elif words[0].startswith("/") and words[0].count("/") == 1 and len(words) == 1:
            say(f"there is no {words[0]}: {_COMMANDS}")
        else:
            num_unsent += not talk.ask(line)
    return 0 if is_terminal or not num_unsent else 1


class Talk:
    """One conversation, with each of the models that answer it."""

    def __init__(
        self, speakers: dict[str, Speaker], decoding: Decoding, system: str = "", show: Show | None = None
    ) -> None:
        self._speakers, self._decoding, self._show = speakers, decoding, show or _show_text
        self._begin: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
        self.said: dict[str, list[dict[str, str]]] = {}
        """What each model was asked and answered."""
        self._reset()

    def ask(self, text: str) -> bool:
        """Shows what each model answers; Ctrl-C stops it, and what was written so far stays said.

        False where the message could not be sent, which is told.
        """
        asked = {"role": "user", "content": text}
        try:
            coming = {
                name: speaker.write([*self.said[name], asked], self._decoding)
                for name, speaker in self._speakers.items()
            }
        except UsageError as error:
            say(f"{error.what}: not sent" + (f" ({error.hint}, or /reset)" if error.hint else ""))
            return False
        for name, answer in self._show(text, coming).items():
            if answer:
                self.said[name] += [asked, {"role": "assistant", "content": answer}]
        return True

    def obey(self, command: str, name: str) -> None:
        """`/reset`, or `/save FILE`."""
        if command == "/reset":
            self._reset()
            say("begun anew")
            return
        try:
            say(f"{self._save(Path(name).expanduser()) if name else 'say where: /save FILE'}")
        except SintoniaError as error:
            say(error.what)

    def _save(self, path: Path) -> str:
        """Writes the conversation as a row that `sintonia tune` reads: JSONL, readable by its owner alone."""
        if path.exists():
            return f"{path} exists: name another file"
        if len(self.said[TUNED]) == len(self._begin):
            return "nothing was said yet"
        row = json.dumps({"messages": self.said[TUNED]}, ensure_ascii=False)
        write_atomic(path, (row + "\n").encode("utf-8", errors="backslashreplace"))
        return f"{len(self.said[TUNED])} messages in {path}"

    def _reset(self) -> None:
        self.said = {name: list(self._begin) for name in self._speakers}


def _show_text(_: str, coming: Mapping[str, Iterator[Piece]]) -> dict[str, str]:
    return show_answers(coming)


def _show_row(asked: str, coming: Mapping[str, Iterator[Piece]]) -> dict[str, str]:
    """One line of JSON an answered message: what was asked, and who said what."""
    said = gather_answers(coming)
    print(json.dumps({"input": asked, **said}, ensure_ascii=False), flush=True)
    return said


def _refuse_other_tasks(path: Path) -> None:
    from sintonia.runs import RunFolder
    from sintonia.use import LANGUAGE_TASKS, is_model, task_of

    if not is_model(path):
        RunFolder.open(path)
    task = task_of(path)
    if task not in LANGUAGE_TASKS:
        raise UsageError(
            f"`{path}` learned the task {task}, and does not talk",
            expected=f"a run of the task {', '.join(LANGUAGE_TASKS)}",
            hint=f'sintonia predict {path} "a text"',
        )


def _speakers(path: Path, *, is_compared: bool) -> dict[str, Any]:
    """The base first, where both answer."""
    from sintonia.use import Shelf, base_of

    shelf = Shelf()
    tuned = shelf.open(path)
    return {BASE: shelf.open(base_of(path)), TUNED: tuned} if is_compared else {TUNED: tuned}


def _lines(*, is_terminal: bool) -> Iterator[str]:
    """What a person types, or one message a line of standard input."""
    if not is_terminal:
        yield from (line.removesuffix("\n").removesuffix("\r") for line in sys.stdin)
        return
    with contextlib.suppress(ImportError):  # lines can then be edited and called back
        import readline  # noqa: F401
    while True:
        try:
            yield input("you> ")
        except EOFError:
            say()
            return
