"""One stream, encrypted and authenticated in chunks of 64 KiB, each bound to its place. It knows no file and no run.

Every stream has a key of its own (HKDF-SHA256 of the vault's key and the stream's name, which is random and never used
twice), so the nonce may be the number of the chunk and whether it is the last: a chunk that is changed, cut off, moved
or taken from another stream is refused. The construction is STREAM (Hoang, Reyhanitabar, Rogaway and Vizar, 2015).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Any

from sintonia.errors import StorageError

CHUNK = 1 << 16
TAG_BYTES = 16
KEY_BYTES = 32
_HINT = "restore the file from a copy: nothing of it was used"


def new_name() -> str:
    """A name for a stream that no other one has: 32 hex digits by chance."""
    return os.urandom(16).hex()


def seal(key: bytes, name: str, stream: IO[bytes]) -> Iterator[bytes]:
    """The stream encrypted, chunk by chunk; of an empty one there is one chunk without content."""
    cipher, number = _cipher(key, name), 0
    chunk = stream.read(CHUNK)
    while True:
        following = stream.read(CHUNK) if len(chunk) == CHUNK else b""
        yield cipher.encrypt(_nonce(number, is_last=not following), chunk, name.encode())
        if not following:
            return
        chunk, number = following, number + 1


def unseal(key: bytes, name: str, stream: IO[bytes]) -> Iterator[bytes]:
    """What `seal` was given; a chunk is given out only after it was found to be whole and in its place.

    Raises:
        StorageError: anything of it was changed, or it ends too early or too late.
    """
    from cryptography.exceptions import InvalidTag

    cipher, number = _cipher(key, name), 0
    chunk = stream.read(CHUNK + TAG_BYTES)
    while True:
        following = stream.read(CHUNK + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, is_last=not following), chunk, name.encode())
        except (InvalidTag, ValueError):
            raise StorageError(f"chunk {number + 1} of `{name}` in the vault was changed", hint=_HINT) from None
        if not following:
            return
        chunk, number = following, number + 1


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _cipher(key: bytes, name: str) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"sintonia vault 1 " + name.encode())
    return AESGCM(derived.derive(key))
