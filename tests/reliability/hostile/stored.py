"""Models in the folder of downloads that are not what was downloaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sintonia.models.catalog import find_entry
from tests.reliability.hostile.case import TOKENIZER, WEIGHTS, Place, hostile

COMMIT = "c" * 40


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def downloaded(place: Place) -> tuple[Path, str]:
    """The good model as the hub's commit in the home of the case, and the reference for it."""
    from sintonia.models.sources.manifest import write_manifest

    folder = place.home / "models" / "hf-acme--tiny" / COMMIT
    folder.parent.mkdir(parents=True)
    shutil.copytree(place.model, folder)
    write_manifest(folder)
    return folder, f"hf:acme/tiny@{COMMIT}"


@hostile(task="classify", says="wrong hash")
def weights_that_are_not_those_of_the_catalog(place: Place) -> str:
    name = find_entry("minilm").reference.partition(":")[2].replace("==", "-")
    (place.home / "models").mkdir(parents=True)
    shutil.copytree(place.model, place.home / "models" / name)
    return "minilm"


@hostile(says=WEIGHTS)
def a_bit_that_flipped_in_the_weights(place: Place) -> str:
    folder, reference = downloaded(place)
    _flip(folder / WEIGHTS)
    return reference


@hostile(says=TOKENIZER)
def a_bit_that_flipped_in_the_tokenizer(place: Place) -> str:
    folder, reference = downloaded(place)
    _flip(folder / TOKENIZER)
    return reference


@hostile(says="special_tokens_map.json")
def a_file_that_was_not_downloaded(place: Place) -> str:
    folder, reference = downloaded(place)
    (folder / "special_tokens_map.json").write_text('{"eos_token": "a"}')
    return reference


@hostile(says="generation_config.json")
def a_file_that_is_gone(place: Place) -> str:
    folder, reference = downloaded(place)
    (folder / "generation_config.json").unlink()
    return reference


@hostile(says="models.lock")
def a_list_of_pins_that_is_none(place: Place) -> str:
    _, reference = downloaded(place)
    (place.home / "models.lock").write_text('{"schema": 1, "models": {"hf:acme/tiny": {"commit": "../../evil"}}}')
    return reference.partition("@")[0]


@hostile(says="models.lock")
def a_download_that_is_not_what_was_pinned(place: Place) -> str:
    folder, reference = downloaded(place)
    files = {WEIGHTS: {"sha256": "0" * 64, "bytes": (folder / WEIGHTS).stat().st_size}}
    pins = {reference: {"commit": COMMIT, "date": "2026-11-22T00:00:00Z", "files": files}}
    (place.home / "models.lock").write_text(json.dumps({"schema": 1, "models": pins}))
    return reference
