"""Models on a shelf: opened when they are asked for, the least recently used put away where memory is short.

Adapters on one base share its weights in memory. What is put away goes on answering for whoever still holds it.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from sintonia.errors import StorageError, UsageError
from sintonia.runs import RunFolder, is_run
from sintonia.use.heads import Answerer, Embedder
from sintonia.use.speaker import Speaker

Model = Speaker | Answerer | Embedder
_MARK = "sintonia.json"
"""The file by which a folder is known as a model of ours."""


class Shelf:
    """Open models by where they lie, for any number of threads."""

    def __init__(self, most_bytes: int | None = None) -> None:
        """`most_bytes` is what the weights of all models together may take; the newest is kept even beyond it."""
        self._most_bytes = most_bytes
        self._models: OrderedDict[tuple[Any, ...], Model] = OrderedDict()
        """The last used is last."""
        self._bases: WeakValueDictionary[Path, Any] = WeakValueDictionary()
        self._lock, self._opening = threading.Lock(), threading.Lock()

    def open(self, path_or_reference: Path | str) -> Model:
        """The model of a run folder, of the folder of a model, or a base by its reference.

        A folder whose model was written anew is opened anew.

        Raises:
            UsageError: there is no such model, or it answers nothing.
            StorageError: it is damaged, or its base was changed.
        """
        folder = model_folder(path_or_reference)
        key = _key(path_or_reference, folder)
        found = self._taken(key)
        if found is not None:
            return found
        with self._opening:
            found = self._taken(key)  # another thread may have opened it meanwhile
            if found is not None:
                return found
            made = self._open_base(str(path_or_reference)) if folder is None else self._open_folder(folder)
            with self._lock:
                for one in [one for one in self._models if one[0] == key[0]]:
                    del self._models[one]
                self._models[key] = made
                self._make_room()
            return made

    @property
    def num_bytes(self) -> int:
        """What the weights of all models on the shelf take; shared ones are counted once."""
        with self._lock:
            return _num_bytes(self._models.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The models on the shelf, the least recently used first."""
        with self._lock:
            return tuple(one.name for one in self._models.values())

    def _taken(self, key: tuple[Any, ...]) -> Model | None:
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
            return self._models.get(key)

    def _make_room(self) -> None:
        while self._most_bytes is not None and len(self._models) > 1:
            if _num_bytes(self._models.values()) <= self._most_bytes:
                return
            self._models.popitem(last=False)

    def _open_folder(self, folder: Path) -> Model:
        from sintonia.models.embeddings.saved import open_embedder
        from sintonia.models.language.saved import open_language_candidate
        from sintonia.models.open import candidate_task, open_candidate
        from sintonia.tasks import LANGUAGE_TASKS

        task, name = candidate_task(folder), str(folder)
        if task in LANGUAGE_TASKS:
            beneath: list[Any] = []
            opened = open_language_candidate(folder, lambda path: self._twin(path, folder, beneath))
            return Speaker(name, opened, beneath=beneath)
        if task == "embed":
            return Embedder(name, open_embedder(folder))
        return Answerer(name, open_candidate(folder))

    def _open_base(self, reference: str) -> Model:
        from sintonia.models.catalog import find_entry
        from sintonia.models.shape import is_causal, read_shape
        from sintonia.models.sources import locate

        files = locate(find_entry(reference))
        if is_causal(files.model):
            return self._open_language_base(reference, files)
        return _base_embedder(reference, files, read_shape(files).max_tokens)

    def _open_language_base(self, reference: str, files: Any) -> Speaker:
        from sintonia.models.adapter_files import load_adapters
        from sintonia.models.language.saved import OpenLanguageModel
        from sintonia.models.language.template import load_template
        from sintonia.models.loading import check_tokenizer, load_tokenizer
        from sintonia.models.shape import read_shape

        beneath: list[Any] = []
        causal, tokenizer = self._twin(files.model, None, beneath), load_tokenizer(files.tokenizer)
        check_tokenizer(tokenizer, causal, files.tokenizer)
        if files.adapter is not None:
            load_adapters(causal, files.adapter)
        opened = OpenLanguageModel(
            record=None,
            causal=causal.eval(),
            tokenizer=tokenizer,
            template=load_template(tokenizer, "auto"),
            max_tokens=read_shape(files).max_tokens,
            files=files,
        )
        return Speaker(reference, opened, beneath=beneath)

    def _twin(self, path: Path, own: Path | None, beneath: list[Any]) -> Any:
        """The model in a folder; of a base one of its own modules over the weights that all have in common."""
        from sintonia.models.loading import load_causal

        if path == own:  # a model of its own weights
            return load_causal(path)
        base = self._bases.get(path)
        if base is None:
            base = self._bases[path] = load_causal(path).requires_grad_(False)
        beneath.append(base)
        return twin_of(base)


def twin_of(module: Any) -> Any:
    """A model of its own modules whose weights are the very same tensors: what is put on it is on it alone."""
    shared = {id(one): one for one in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, memo=dict(shared))


def model_folder(path_or_reference: Path | str) -> Path | None:
    """The folder of a tuned model, or None of a base.

    Raises:
        UsageError: the run has no model yet.
    """
    from sintonia.models.catalog import catalog

    if isinstance(path_or_reference, str) and path_or_reference in catalog():
        return None  # a name of the catalog is never a folder that happens to be called so
    folder = Path(path_or_reference).expanduser()
    if is_run(folder):
        model = RunFolder.open(folder).file("model")
        if not model.is_dir():
            raise UsageError(f"`{folder}` has no model yet", hint=f"`sintonia resume {folder}` goes on to it")
        return model
    return folder.absolute() if is_model(folder) else None


def is_model(folder: Path) -> bool:
    """Whether a folder is a model of ours."""
    return (folder / _MARK).is_file()


def task_of(path_or_reference: Path | str) -> str:
    """What the model of a run or of a folder learned, without opening it; empty of a base.

    Raises:
        UsageError: the run has no model yet.
        StorageError: the model does not say.
    """
    from sintonia.models.open import candidate_task

    folder = model_folder(path_or_reference)
    return "" if folder is None else candidate_task(folder)


def takes_pairs(folder: Path) -> bool:
    """Whether the model in a folder reads two texts at once."""
    from sintonia.models.open import read_candidate

    return dict(read_candidate(folder).get("fitted") or {}).get("texts") == 2


def base_of(folder: Path | str) -> str:
    """The reference of the base that the model of a run or of a folder was tuned from.

    Raises:
        UsageError: the run has no model yet, or this is no model of ours.
        StorageError: the model does not say.
    """
    from sintonia.models.open import read_candidate

    model = model_folder(folder)
    if model is None:
        raise UsageError(f"`{folder}` is no run, and no model of one", hint="`sintonia runs` lists the runs")
    said = read_candidate(model).get("base")
    if not isinstance(said, dict) or not isinstance(said.get("reference"), str):
        raise StorageError(f"`{model}` does not say which base it was tuned from", hint="train it again")
    return str(said["reference"])


def _key(asked: Path | str, folder: Path | None) -> tuple[Any, ...]:
    """Where a model lies, and what changes when it is written anew."""
    if folder is None:
        return (str(asked),)
    try:
        found = folder.resolve()
        marks = [(one.stat().st_mtime_ns, one.stat().st_ino) for one in (found / _MARK, found)]
    except OSError as error:
        raise StorageError(f"cannot use `{folder}`: {error.strerror}", hint="check the permissions") from None
    return (str(found), *marks)


def _num_bytes(models: Iterable[Model]) -> int:
    """Of all weights, each storage once."""
    sizes: dict[int, int] = {}
    for model in models:
        module = model.causal if isinstance(model, Speaker) else model.module
        for tensor in (*module.parameters(), *module.buffers()):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


def _base_embedder(reference: str, files: Any, max_tokens: int) -> Embedder:
    from sintonia.models.adapter_files import load_adapters
    from sintonia.models.embeddings.saved import OpenEmbedder
    from sintonia.models.loading import check_tokenizer
    from sintonia.models.pooled import load_encoder, load_tokenizer, without_adapters

    model, tokenizer = load_encoder(files.model), load_tokenizer(files.tokenizer)
    check_tokenizer(tokenizer, model.transformer, files.tokenizer)
    if files.adapter is not None:
        load_adapters(model.transformer, files.adapter)
        model = without_adapters(model)
    return Embedder(reference, OpenEmbedder(model=model, tokenizer=tokenizer, max_tokens=max_tokens))
