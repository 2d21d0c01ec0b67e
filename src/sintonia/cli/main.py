"""The table of commands, each imported when it is called, and the one place where an error meets the shell.

It computes nothing. `sintonia --help` imports neither Typer nor torch.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from sintonia import __version__
from sintonia.errors import HIDDEN, SintoniaError, StopFindings, StorageError, UsageError, nearest

COMMANDS = {
    "quickstart": "See the whole process on smart-home commands, in a few minutes.",
    "tune": "Fine-tune a model on your labelled examples, with proof that it is better.",
    "models": "List base models with size, languages and licence; show one; fetch them to go offline.",
    "check": "Audit a data file row by row: what is wrong with it, why it matters, what to do.",
    "choose": "Rank base models on your own training rows: which one to start from, and whether it matters.",
    "redact": "Replace e-mails, phones, cards and other personal numbers in a copy of a file.",
    "resume": "Go on with a run that was interrupted.",
    "adjust": "Propose the next change to a run, and with --apply carry it out.",
    "label": "Label the texts that would help most, one key each; what was answered is saved at once.",
    "evaluate": "Show a verdict again, judge a run on another file, or weigh a base alone.",
    "compare": "Compare finished runs on the test examples they share.",
    "report": "Write report.html and card.md of a run again, and show its verdict.",
    "runs": "List the runs below a folder.",
    "predict": "Answer new texts with the model of a run.",
    "chat": "Talk with the model of a run, with --compare beside its base.",
    "audit": "Show the log of imports, trainings, openings, exports and logins, or verify that nobody changed it.",
    "erase": "Erase rows from data, runs and models, retrain without them, and certify what was done.",
    "export": "Export the model of a run as GGUF, ONNX, safetensors and others, with proof that it is the same.",
    "serve": "Serve models and fine-tuning jobs to OpenAI's clients, on this machine alone.",
    "doctor": "Look this machine over: what is wrong for training, what cures it, how fast it is.",
}
"""Name and summary of each command; `sintonia.cli.<name>` holds a function of the same name."""

_PAGE = """\
Usage: sintonia COMMAND [ARGUMENTS] [OPTIONS]

Fine-tune a pre-trained model on your labelled examples, with proof that it is better.

Commands:
{commands}

Options:
  --version  Show the version.
  --help     Show this page; `sintonia COMMAND --help` explains one command.

Start here: `sintonia quickstart`, then `sintonia tune FILE` with your own CSV or JSONL."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that is not UTF-8 must not end the program
    return _close_vaults(_guarded(words))


def _guarded(words: list[str]) -> int:
    try:
        return _run(words)
    except SintoniaError as error:
        return _show(error)
    except BrokenPipeError:
        # The reader of our output has gone (`sintonia runs | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _show(_storage_error(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        return _show_unexpected(error)


def _close_vaults(code: int) -> int:
    """Carries what is left to the disk; where that is refused, the command failed."""
    if "sintonia.vault" not in sys.modules:
        return code
    from sintonia.vault import close_all

    try:
        close_all()
    except SintoniaError as error:
        return code or _show(error)
    return code


def _tell_memory() -> None:
    from sintonia.vault import place_in_memory

    place = place_in_memory()
    if place is not None:
        print(f"hint: a run in a vault is worked on in memory: it may be `{place}` that is full", file=sys.stderr)


def _in_words(text: str) -> str:
    """A text with paths as a person knows them, where a vault is open."""
    if "sintonia.vault" not in sys.modules:
        return text
    from sintonia.vault import in_words

    return in_words(text)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        print(_help())
        return 0
    if words[0] in ("--version", "-V"):
        print(f"sintonia {__version__}")
        return 0
    name, *rest = words
    if name.startswith("-"):
        raise UsageError(f"unknown option `{name}`", hint="`sintonia --help` lists the commands")
    if name not in COMMANDS:
        raise UsageError(f"unknown command `{name}`", hint=f"did you mean {nearest(name, COMMANDS)}?")
    return _call(name, rest)


def _call(name: str, words: list[str]) -> int:
    """Parses the words after the command's name with Typer and calls its function."""
    import typer

    from sintonia.vault import remove_leftovers

    remove_leftovers()
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(getattr(import_module(f"sintonia.cli.{name}"), name))
    try:
        return app(args=words, prog_name=f"sintonia {name}", standalone_mode=False) or 0
    except typer.TyperException as error:
        options = getattr(error, "possibilities", None)
        hint = f"did you mean {nearest(str(getattr(error, 'option_name', '')), options)}? " if options else ""
        what = getattr(error, "message", "") if options else error.format_message()
        raise UsageError(what.rstrip("."), hint=f"{hint}see `sintonia {name} --help`") from None
    except typer.Abort:
        raise KeyboardInterrupt from None


def _help() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{summary}" for name, summary in COMMANDS.items()]
    return _PAGE.format(commands="\n".join(lines))


def _show(error: SintoniaError) -> int:
    """Renders an error in its three parts, without a traceback, and gives its exit code."""
    where = f"{error.where}: " if error.where else ""
    print(_in_words(f"error: {where}{error.what}"), file=sys.stderr)
    if error.expected:
        print(_in_words(f"expected: {error.expected}"), file=sys.stderr)
    if error.hint:
        print(_in_words(f"hint: {error.hint}"), file=sys.stderr)
    if os.strerror(errno.ENOSPC) in error.what and "sintonia.vault" in sys.modules:
        _tell_memory()
    if isinstance(error, StopFindings):
        print("hint: `sintonia tune ... --accept CODE` goes on in spite of it; the verdict says so", file=sys.stderr)
    return error.exit_code


def _storage_error(error: OSError) -> StorageError:
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space" if is_full else "check the path and the permissions"
    return StorageError(f"cannot use `{error.filename or 'a file'}`: {error.strerror or error}", hint=hint)


def _show_unexpected(error: Exception) -> int:
    """A mistake of ours: one line for the person, the traceback for whoever mends it."""
    from sintonia.cli.journal import log_traceback

    path = log_traceback(error)
    is_hidden = HIDDEN in getattr(error, "__notes__", ())
    message = HIDDEN if is_hidden else (str(error).splitlines() or ["no message"])[0][:200]
    hint = f"this is a defect of sintonia; the traceback is in {path}"
    return _show(SintoniaError(f"unexpected {type(error).__name__}: {message}", hint=hint))
