"""GGUF files that lie about what is in them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.packed import make_gguf
from tests.reliability.hostile.case import Place, hostile
from tests.reliability.hostile.templates import escape

_MAGIC, _VERSION, _TENSORS, _KEYS, _FIRST_KEY = 0, 4, 8, 16, 24
"""Where the numbers at the beginning of a GGUF file stand, in bytes; each count has 8 of them."""


def _packed(place: Place, chat_template: str | None = None) -> Path:
    return make_gguf(place.model, place.folder / "tiny.gguf", chat_template=chat_template)


def _with(place: Place, at: int, value: bytes) -> str:
    path = _packed(place)
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(bytes(content))
    return f"file:{path}"


_count = partial(int.to_bytes, length=8, byteorder="little")


@hostile(says="tiny.gguf")
def a_packed_model_cut_short(place: Place) -> str:
    path = _packed(place)
    path.write_bytes(path.read_bytes()[:30_000])
    return f"file:{path}"


@hostile(says="tiny.gguf")
def a_packed_model_with_another_magic(place: Place) -> str:
    return _with(place, _MAGIC, b"GGML")


@hostile(says="tiny.gguf")
def a_packed_model_of_an_unknown_version(place: Place) -> str:
    return _with(place, _VERSION, b"\xff\xff\xff\x7f")


@hostile(says="tiny.gguf")
def a_packed_model_of_2_40_tensors(place: Place) -> str:
    return _with(place, _TENSORS, _count(2**40))


@hostile(says="tiny.gguf")
def a_packed_model_of_2_62_settings(place: Place) -> str:
    return _with(place, _KEYS, _count(2**62))


@hostile(says="tiny.gguf")
def a_packed_model_with_a_name_of_2_50_letters(place: Place) -> str:
    return _with(place, _FIRST_KEY, _count(2**50))


@hostile(says="chat template")
def a_packed_model_with_a_template_that_calls_a_shell(place: Place) -> str:
    return f"file:{_packed(place, escape(place))}"


@hostile(says="tiny.gguf")
def a_pickle_named_gguf(place: Place) -> str:
    (place.folder / "tiny.gguf").write_bytes(place.pickle)
    return f"file:{place.folder / 'tiny.gguf'}"
