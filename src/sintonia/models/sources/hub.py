"""`hf:ORG/NAME@REVISION`: a base from the Hugging Face hub, pinned to a commit. Only plain model files are taken.

Everything else in sintonia keeps the hub's library offline; it is let out here, for one download, and never sends an
account's token. A commit that was downloaded once is never asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock

from sintonia.errors import StorageError, Unavailable, UsageError
from sintonia.files import storage_errors
from sintonia.models.catalog import Entry
from sintonia.models.sources.folder import check_files
from sintonia.models.sources.manifest import check_hash, check_manifest, files_of
from sintonia.models.sources.pins import check_pinned, read_pins, remember
from sintonia.models.sources.storage import clear_unfinished, is_offline, make_once, models_folder

REFERENCE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TAKEN = [
    "config.json",
    "modules.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "adapter_config.json",
    "adapter_model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
]
"""Names in the top folder of a repository. No pickle, no Python, no weights of other libraries."""


def fetch(entry: Entry) -> Path:
    """The folder of that commit, downloaded at most once; its name is the commit.

    Without a revision it is the commit that was taken at the first use (`pins.py`), whatever the hub says today.

    Raises:
        UsageError: the reference is not one, the hub cannot be reached, or it does not have such a model.
        StorageError: its files are not those that came here, that were pinned, or whose hashes the catalog gives.
    """
    found = REFERENCE.fullmatch(entry.reference.partition(":")[2])
    if found is None:
        raise UsageError(
            f"`{entry.reference}` is no model of the hub",
            expected="`hf:ORG/NAME` or `hf:ORG/NAME@REVISION`",
            hint="copy the name as the hub shows it",
        )
    name, revision = found["name"], found["revision"] or ""
    home = models_folder() / ("hf-" + name.replace("/", "--"))
    commit = revision if _COMMIT.fullmatch(revision) else _pinned_commit(name) if not revision else ""
    if not commit or not (home / commit).is_dir():
        commit = _fetched(name, revision, home, entry.sha256)
    check_pinned(name, commit, check_manifest(home / commit, entry.sha256), home / commit)
    return home / commit


def pinned(entry: Entry, folder: Path) -> str:
    """The reference with the commit that was fetched into `folder`."""
    return f"hf:{entry.reference.partition(':')[2].partition('@')[0]}@{folder.name}"


def _pinned_commit(name: str) -> str:
    """What a model without a revision was pinned to; empty before its first use."""
    pin = read_pins().get(f"hf:{name}")
    return pin.commit if pin else ""


def _fetched(name: str, revision: str, home: Path, known: Mapping[str, str]) -> str:
    """Downloads what is not here yet, pins it, and gives its commit; a second process waits for the first.

    `known` are hashes of files by their names: another file is neither kept nor pinned.
    """
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(str(home) + ".lock"), _hub_errors(name, revision or "main", home):
        commit = revision if _COMMIT.fullmatch(revision) else "" if revision else _pinned_commit(name)
        if not commit or not (home / commit).is_dir():
            with _online():
                commit = commit or _commit_of(name, revision or "main")
                make_once(home / commit, lambda work: _download(name, commit, work, known), keeps_unfinished=True)
            clear_unfinished(home)
        facts = check_manifest(home / commit, known)
        remember(f"hf:{name}@{commit}" if revision else f"hf:{name}", commit, facts)
    return commit


def _commit_of(name: str, revision: str) -> str:
    from huggingface_hub import HfApi

    commit = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=False).model_info(name, revision=revision).sha
    if commit is None or not _COMMIT.fullmatch(commit):
        raise UsageError(f"the hub names no commit for `{name}@{revision}`", hint="take another revision")
    return commit


def _download(name: str, commit: str, work: Path, known: Mapping[str, str]) -> Path:
    from huggingface_hub import snapshot_download

    folder = work / "model"
    snapshot_download(
        name,
        revision=commit,
        local_dir=folder,
        cache_dir=work / "cache",
        allow_patterns=_TAKEN,
        ignore_patterns=["*/*"],
        token=False,
        endpoint=os.environ.get("HF_ENDPOINT"),
    )
    try:
        _check_downloaded(name, commit, folder)
        check_files(folder)
        for file, expected in known.items():
            check_hash(folder / file, expected, "compare the hash in your catalog with the one that the hub shows")
        check_pinned(name, commit, files_of(folder), folder)
    except (UsageError, StorageError):
        shutil.rmtree(work)
        raise
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return folder


def _check_downloaded(name: str, commit: str, folder: Path) -> None:
    """Compares each file with what the hub says of it: a sha256, or the name that git gives to its content.

    Raises:
        StorageError: one is another.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=False)
    told = {one.path: one for one in hub.list_repo_tree(name, revision=commit) if isinstance(one, RepoFile)}
    for file, facts in files_of(folder).items():
        remote = told.get(file)
        content_hash = facts.sha256 if remote is not None and remote.lfs is not None else _git_hash(folder / file)
        if remote is None or content_hash != (remote.lfs.sha256 if remote.lfs is not None else remote.blob_id):
            raise StorageError(
                f"`{file}` of `{name}` did not arrive as the hub has it (its hash is another)",
                hint="download again; if it stays wrong, do not use this model",
            )


def _git_hash(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def _online() -> Iterator[None]:
    """Lets the hub's library out for the time of one download, unless the person asked to stay offline."""
    from huggingface_hub import constants

    if is_offline():
        raise ConnectionError("SINTONIA_OFFLINE is set")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = False
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _hub_errors(name: str, revision: str, home: Path) -> Iterator[None]:
    """What can go wrong on the way, as one line with what is already on this machine."""
    from huggingface_hub import errors

    here = sorted(path.name for path in home.glob("*") if _COMMIT.fullmatch(path.name))
    hint = "download it where there is a network and take `file:FOLDER`"
    if here:
        hint = f"`hf:{name}@{here[-1]}` was downloaded before and needs no network, or take `file:FOLDER`"
    try:
        yield
    except errors.GatedRepoError:
        raise UsageError(f"`{name}` is given out only to accounts that asked for it", hint=hint) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise UsageError(f"the hub has no `{name}` at revision `{revision}` that is open to all", hint=hint) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Unavailable(
            f"cannot get `{name}` from the hub ({reason}); it is not in `{home}` either", hint=hint
        ) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("httpx2", "httpx", "httpcore2", "httpcore", "hf_xet"):
            raise
        raise Unavailable(f"cannot reach the hub for `{name}` ({error}); it is not in `{home}`", hint=hint) from None
