"""Chance that nobody outside can repeat: who is drawn for a step, and its noise, from a secret key (AES-CTR).

Each step and purpose has a stream of its own, so the key alone is the state: after an interruption the same step draws
the same. The key comes from the operating system, not from the seed of a recipe, and is kept in checkpoints alone.
"""

from __future__ import annotations

import hashlib
import secrets

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_KEY_BYTES = 32
_CHUNK = 2**20


class SecretStream:
    """Uniform and normal numbers by step and purpose."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError(f"a key has {_KEY_BYTES} bytes")
        self.key = key

    @classmethod
    def fresh(cls) -> SecretStream:
        """With a new key."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    def uniforms(self, step: int, purpose: str, count: int) -> np.ndarray:
        """float64 (count,) in (0, 1)."""
        return self._floats(self._begun(step, purpose), count)

    def normals(self, step: int, purpose: str, count: int) -> np.ndarray:
        """float32 (count,), standard normal, computed in float64 (Box and Muller 1958)."""
        stream, found = self._begun(step, purpose), np.empty(count + count % 2, dtype=np.float32)
        for start in range(0, len(found), _CHUNK):
            half = min(_CHUNK, len(found) - start) // 2
            lengths = np.sqrt(-2.0 * np.log(self._floats(stream, half)))
            angles = 2.0 * np.pi * self._floats(stream, half)
            found[start : start + half] = lengths * np.cos(angles)
            found[start + half : start + 2 * half] = lengths * np.sin(angles)
        return found[:count]

    def _begun(self, step: int, purpose: str):  # type: ignore[no-untyped-def]  # a cipher context has no public type
        nonce = hashlib.sha256(f"{step} {purpose}".encode()).digest()[:16]
        return Cipher(algorithms.AES(self.key), modes.CTR(nonce)).encryptor()

    @staticmethod
    def _floats(stream, count: int) -> np.ndarray:  # type: ignore[no-untyped-def]
        """53 bits of the stream each, moved off 0 by half of the least."""
        bits = np.frombuffer(stream.update(bytes(8 * count)), dtype=np.uint64) >> np.uint64(11)
        return (bits.astype(np.float64) + 0.5) * 2.0**-53
