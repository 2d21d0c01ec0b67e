"""`file:PATH`: a base that is already on this machine, as safetensors or GGUF. Nothing there is ever changed."""

from __future__ import annotations

from pathlib import Path

from sintonia.errors import UsageError
from sintonia.models.catalog import Entry
from sintonia.models.sources.header import tensor_shapes
from sintonia.models.sources.manifest import check_hash
from sintonia.models.sources.trust import INDEX, check_folder, shards

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
WEIGHTS = "model.safetensors"
_ANOTHER = "put the right file there, or its hash into your catalog if you meant to change the file"


def fetch(entry: Entry) -> Path:
    """The folder itself, or what a GGUF file was converted to.

    Raises:
        UsageError: no such folder, files are missing, or they ask for foreign code.
        StorageError: a file is damaged, or has another hash than the catalog gives it.
    """
    path = Path(entry.reference.partition(":")[2]).expanduser().absolute()
    is_packed = path.suffix.lower() == ".gguf"
    for name, expected in entry.sha256.items():
        check_hash((path.parent if is_packed else path) / name, expected, _ANOTHER)
    if is_packed:
        from sintonia.models.sources.gguf_file import fetch as fetch_gguf

        return fetch_gguf(path)
    check_files(path)
    return path


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter without the model it belongs to."""
    return (folder / ADAPTER[0]).is_file()


def check_files(folder: Path) -> None:
    """Whether all files of a base, or of an adapter, are there, whole and harmless.

    Raises:
        UsageError: not so.
        StorageError: a file of weights is damaged.
    """
    if is_adapter(folder):
        required = list(ADAPTER)
    else:
        check = folder / INDEX
        required = ["config.json", *(shards(folder) if check.is_file() else (WEIGHTS,)), "tokenizer.json"]
    missing = [name for name in required if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            f"`{folder}` is not a base model: no {', '.join(missing)}",
            expected="a folder saved by transformers or peft, with safetensors weights and a fast tokenizer",
            hint="other kinds of weights can run code: save the model again with `save_pretrained`, which avoids them",
        )
    check_folder(folder)
    for path in weight_files(folder):
        tensor_shapes(path)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files with the weights of a checked folder, in order of their names."""
    if is_adapter(folder):
        return (folder / ADAPTER[1],)
    return tuple(folder / name for name in (shards(folder) or (WEIGHTS,)))
