"""Pickles, alone or beside good weights; files that lie about the tensors within."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from tests.reliability.hostile.case import IGNORED, WEIGHTS, Place, hostile

_Q = "model.layers.0.self_attn.q_proj.weight"


def _torch_file(place: Place) -> bytes:
    """What torch.save writes, with another pickle in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", place.pickle)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def _object_array(place: Place) -> bytes:
    """An .npz whose only array is a pickle."""
    array, stream = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_2_0(array, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("weights.npy", array.getvalue() + place.pickle)
    return stream.getvalue()


@hostile(says="no model.safetensors")
def a_pickle_alone(place: Place) -> None:
    (place.model / WEIGHTS).unlink()
    (place.model / "pytorch_model.bin").write_bytes(place.pickle)


@hostile(says="no model.safetensors")
def a_torch_file_alone(place: Place) -> None:
    (place.model / WEIGHTS).unlink()
    for name in ("pytorch_model.bin", "model.pt", "model.ckpt"):
        (place.model / name).write_bytes(_torch_file(place))


@hostile(task="classify", says="no model.safetensors")
def an_encoder_of_pickled_shards(place: Place) -> None:
    (place.model / WEIGHTS).unlink()
    (place.model / "pytorch_model-00001-of-00001.bin").write_bytes(_torch_file(place))
    index = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": "pytorch_model-00001-of-00001.bin"}}
    (place.model / "pytorch_model.bin.index.json").write_text(json.dumps(index))


@hostile(says=WEIGHTS)
def a_pickle_named_safetensors(place: Place) -> None:
    (place.model / WEIGHTS).write_bytes(place.pickle)


@hostile(says=WEIGHTS)
def a_torch_file_named_safetensors(place: Place) -> None:
    (place.model / WEIGHTS).write_bytes(_torch_file(place))


@hostile(says="tokenizer")
def a_pickle_named_tokenizer(place: Place) -> None:
    (place.model / "tokenizer.json").write_bytes(place.pickle)


@hostile(outcome=IGNORED)
def pickles_beside_good_weights(place: Place) -> None:
    for name in ("pytorch_model.bin", "model.pt", "model.ckpt", "adapter_model.bin"):
        (place.model / name).write_bytes(_torch_file(place))
    index = {"metadata": {}, "weight_map": {_Q: "pytorch_model.bin"}}
    (place.model / "pytorch_model.bin.index.json").write_text(json.dumps(index))


@hostile(outcome=IGNORED)
def states_of_a_trainer_beside_good_weights(place: Place) -> None:
    for name in ("training_args.bin", "rng_state.pth", "optimizer.pt", "scheduler.pt"):
        (place.model / name).write_bytes(_torch_file(place))
    (place.model / "trainer_state.json").write_text(json.dumps({"auto_map": {"Trainer": "evil.Trainer"}}))


@hostile(task="classify", outcome=IGNORED)
def arrays_joblib_and_code_beside_good_weights(place: Place) -> None:
    (place.model / "weights.npz").write_bytes(_object_array(place))
    (place.model / "model.joblib").write_bytes(place.pickle)
    (place.model / "model.pkl").write_bytes(place.pickle)
    for name in ("modeling_bert.py", "tokenization_bert.py", "configuration_bert.py", "sitecustomize.py", "torch.py"):
        (place.model / name).write_text(place.code)


def _lying(place: Place, change: Callable[[dict[str, Any]], Any], *, announced: int | None = None) -> None:
    """Writes the weights with a changed header; `change` may return the text of the header instead."""
    path = place.model / WEIGHTS
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    text = change(header)
    written = text if isinstance(text, bytes) else json.dumps(header).encode()
    length = (len(written) if announced is None else announced).to_bytes(8, "little")
    path.write_bytes(length + written + content[8 + size :])


@hostile(says=WEIGHTS)
def a_header_of_2_64_bytes(place: Place) -> None:
    _lying(place, lambda header: None, announced=2**64 - 1)


@hostile(says=WEIGHTS)
def a_header_of_99_megabytes(place: Place) -> None:
    _lying(place, lambda header: None, announced=99 * 2**20)


@hostile(says=WEIGHTS)
def a_header_that_is_no_json(place: Place) -> None:
    _lying(place, lambda header: b"import os; os.system('true')")


@hostile(task="classify", says=WEIGHTS)
def a_header_that_is_a_list(place: Place) -> None:
    _lying(place, lambda header: json.dumps([header]).encode())


@hostile(says=WEIGHTS)
def a_header_nested_without_end(place: Place) -> None:
    _lying(place, lambda header: b'{"a":' * 100_000)


@hostile(says=WEIGHTS)
def tensors_that_overlap(place: Place) -> None:
    def change(header: dict[str, Any]) -> None:
        first, second = (name for name in header if name.endswith(("q_proj.weight", "o_proj.weight")) and ".0." in name)
        header[second]["data_offsets"] = header[first]["data_offsets"]

    _lying(place, change)


@hostile(says=WEIGHTS)
def a_tensor_before_the_file(place: Place) -> None:
    _lying(place, lambda header: header[_Q].update(data_offsets=[-4096, 0]))


@hostile(says=WEIGHTS)
def a_tensor_beyond_the_file(place: Place) -> None:
    _lying(place, lambda header: header[_Q].update(data_offsets=[2**40, 2**40 + 4096]))


@hostile(says=WEIGHTS)
def a_tensor_of_an_unknown_kind(place: Place) -> None:
    _lying(place, lambda header: header[_Q].update(dtype="PICKLE"))


@hostile(says=WEIGHTS)
def a_shape_that_is_not_that_of_its_bytes(place: Place) -> None:
    _lying(place, lambda header: header[_Q].update(shape=[32, 33]))


@hostile(says=WEIGHTS)
def a_shape_of_astronomical_size(place: Place) -> None:
    _lying(place, lambda header: header[_Q].update(shape=[2**62, 2**62]))


@hostile(says=WEIGHTS)
def a_name_given_twice(place: Place) -> None:
    def change(header: dict[str, Any]) -> bytes:
        again = json.dumps({_Q: {"dtype": "F32", "shape": [32, 32], "data_offsets": [0, 4096]}})
        return f"{again[:-1]}, {json.dumps(header)[1:]}".encode()

    _lying(place, change)


@hostile(says=WEIGHTS)
def bytes_that_belong_to_no_tensor(place: Place) -> None:
    with (place.model / WEIGHTS).open("ab") as stream:
        stream.write(_torch_file(place))


@hostile(says=WEIGHTS)
def weights_cut_short(place: Place) -> None:
    content = (place.model / WEIGHTS).read_bytes()
    (place.model / WEIGHTS).write_bytes(content[: len(content) // 2])


@hostile(task="classify", says=WEIGHTS)
def weights_that_are_empty(place: Place) -> None:
    (place.model / WEIGHTS).write_bytes(b"")


@hostile(says="lacks 1 of its weights")
def a_language_model_that_lacks_a_weight(place: Place) -> None:
    tensors = load_file(place.model / WEIGHTS)
    save_file({name: one for name, one in tensors.items() if name != _Q}, place.model / WEIGHTS, {"format": "pt"})


@hostile(task="classify", says="lacks 1 of its weights")
def an_encoder_that_lacks_a_weight(place: Place) -> None:
    tensors = load_file(place.model / WEIGHTS)
    gone = "encoder.layer.1.attention.self.query.weight"
    save_file({name: one for name, one in tensors.items() if name != gone}, place.model / WEIGHTS, {"format": "pt"})


@hostile(says="layers that its settings do not know")
def a_layer_too_many(place: Place) -> None:
    tensors = load_file(place.model / WEIGHTS)
    more = {name.replace("layers.1.", "layers.2."): one.clone() for name, one in tensors.items() if "layers.1." in name}
    save_file(tensors | more, place.model / WEIGHTS, {"format": "pt"})


@hostile(says="is damaged")
def weights_that_are_no_numbers(place: Place) -> None:
    tensors = load_file(place.model / WEIGHTS)
    tensors[_Q] = torch.full_like(tensors[_Q], float("nan"))
    save_file(tensors, place.model / WEIGHTS, {"format": "pt"})
