"""Streams in chunks: what comes back is what went in, whatever its length, and under no other key or name."""

from __future__ import annotations

import io
import os

import pytest

from sintonia.errors import StorageError
from sintonia.vault.chunks import CHUNK, TAG_BYTES, new_name, seal, unseal

KEY = bytes(range(32))


def sealed(content: bytes, name: str, key: bytes = KEY) -> bytes:
    return b"".join(seal(key, name, io.BytesIO(content)))


def unsealed(content: bytes, name: str, key: bytes = KEY) -> bytes:
    return b"".join(unseal(key, name, io.BytesIO(content)))


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_a_stream_of_any_length_comes_back(length: int) -> None:
    content, name = os.urandom(length), new_name()
    closed = sealed(content, name)
    assert len(closed) == length + TAG_BYTES * max(1, -(-length // CHUNK))
    assert unsealed(closed, name) == content


def test_the_same_content_is_never_encrypted_the_same_way_twice() -> None:
    content = bytes(1000)
    assert sealed(content, new_name()) != sealed(content, new_name())
    assert bytes(16) not in sealed(content, new_name())


@pytest.mark.parametrize("length", [0, 10, CHUNK, CHUNK + 10])
def test_another_name_or_another_key_opens_nothing(length: int) -> None:
    name, content = new_name(), os.urandom(length)
    closed = sealed(content, name)
    for other in ((new_name(), KEY), (name, bytes(32))):
        with pytest.raises(StorageError, match="was changed"):
            unsealed(closed, *other)


def test_a_stream_that_ends_where_a_chunk_ends_is_not_whole() -> None:
    name, content = new_name(), os.urandom(3 * CHUNK)
    closed, step = sealed(content, name), CHUNK + TAG_BYTES
    for part in (closed[:step], closed[: 2 * step], closed[step:], closed[step:] + closed[:step], b"", closed + closed):
        with pytest.raises(StorageError, match="was changed"):
            unsealed(part, name)


def test_nothing_is_given_out_of_a_chunk_that_was_changed() -> None:
    name = new_name()
    closed = bytearray(sealed(os.urandom(2 * CHUNK), name))
    closed[CHUNK + TAG_BYTES + 100] ^= 1
    given = unseal(KEY, name, io.BytesIO(bytes(closed)))
    assert len(next(given)) == CHUNK, "the first one is whole"
    with pytest.raises(StorageError, match="chunk 2"):
        next(given)
