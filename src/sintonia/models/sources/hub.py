"""`hf:ORG/NAME@REVISION`: a base from the Hugging Face hub, pinned to a commit. Only plain model files are taken.

Everything else in sintonia keeps the hub's library offline; it is let out here, for one download, and never sends an
account's token. A commit that was downloaded once is never asked for again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from sintonia.errors import Unavailable, UsageError
from sintonia.models.catalog import Entry
from sintonia.models.sources.folder import check_files
from sintonia.models.sources.storage import make_once, models_folder

REFERENCE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TAKEN = [
    "config.json",
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

    Raises:
        UsageError: the reference is not one, the hub cannot be reached, or it does not have such a model.
    """
    found = REFERENCE.fullmatch(entry.reference.partition(":")[2])
    if found is None:
        raise UsageError(
            f"`{entry.reference}` is no model of the hub", expected="`hf:ORG/NAME` or `hf:ORG/NAME@REVISION`"
        )
    name, revision = found["name"], found["revision"] or "main"
    home = models_folder() / ("hf-" + name.replace("/", "--"))
    if _COMMIT.fullmatch(revision) and (home / revision).is_dir():
        return home / revision
    with _hub_errors(name, revision, home), _online():
        commit = revision if _COMMIT.fullmatch(revision) else _commit_of(name, revision)
        return make_once(home / commit, lambda work: _download(name, commit, work), keeps_unfinished=True)


def pinned(entry: Entry, folder: Path) -> str:
    """The reference with the commit that was fetched into `folder`."""
    return f"hf:{entry.reference.partition(':')[2].partition('@')[0]}@{folder.name}"


def _commit_of(name: str, revision: str) -> str:
    from huggingface_hub import HfApi

    commit = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=False).model_info(name, revision=revision).sha
    if commit is None or not _COMMIT.fullmatch(commit):
        raise UsageError(f"the hub names no commit for `{name}@{revision}`", hint="take another revision")
    return commit


def _download(name: str, commit: str, work: Path) -> Path:
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
        check_files(folder)
    except UsageError:
        shutil.rmtree(work)
        raise
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return folder


@contextlib.contextmanager
def _online() -> Iterator[None]:
    """Lets the hub's library out for the time of one download, unless the person asked to stay offline."""
    from huggingface_hub import constants

    if os.environ.get("SINTONIA_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off"):
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
