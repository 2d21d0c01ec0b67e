"""The mapping from placeholders to values on disk: encrypted and authenticated, never in the clear.

The key comes from a passphrase by scrypt (RFC 7914; cost as OWASP advises), the cipher is AES-256-GCM. The costs
are fixed by the schema, so that a damaged file cannot ask for endless memory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sintonia.errors import StorageError, UsageError
from sintonia.files import SCHEMA, check_schema, storage_errors, write_atomic

SHORTEST_PASSPHRASE = 8
_HEADER: dict[str, Any] = {"schema": SCHEMA, "cipher": "AES-256-GCM", "key": "scrypt", "n": 2**17, "r": 8, "p": 1}
_LARGEST_BYTES = 2**31


def write_mapping(path: Path, mapping: dict[str, str], passphrase: str) -> None:
    """Writes the mapping, encrypted, with mode 0600.

    Raises:
        UsageError: the passphrase is too short.
        StorageError: the file cannot be written.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise UsageError("the passphrase is too short", expected=f"at least {SHORTEST_PASSPHRASE} characters")
    salt, nonce = os.urandom(16), os.urandom(12)
    content = json.dumps(mapping, ensure_ascii=False).encode()
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, content, _canonical(_HEADER))
    body = {**_HEADER, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}
    write_atomic(path, _canonical(body))


def read_mapping(path: Path, passphrase: str) -> dict[str, str]:
    """The mapping in a file that `write_mapping` made.

    Raises:
        StorageError: the passphrase is wrong, or a byte of the file was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce, sealed = _read_parts(path)
    try:
        content = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _canonical(_HEADER))
    except InvalidTag:
        raise StorageError(
            f"cannot open the mapping `{path}`: the passphrase is wrong, or the file was changed",
            hint="set SINTONIA_PASSPHRASE to the one it was written with",
        ) from None
    return dict(json.loads(content))


def _read_parts(path: Path) -> tuple[bytes, bytes, bytes]:
    """Salt, nonce and what is sealed, of a file that is exactly as we write one."""
    with storage_errors(path):
        content = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else b""
    try:
        body = json.loads(content)
        check_schema(body["schema"], path)
        parts = [bytes.fromhex(body[name]) for name in ("salt", "nonce", "sealed")]
        # Written again it must be the same file: `A` is the same hex digit as `a`, but not what we wrote.
        again = {**_HEADER, "salt": parts[0].hex(), "nonce": parts[1].hex(), "sealed": parts[2].hex()}
        is_whole = content == _canonical(again) and len(parts[1]) == 12
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise StorageError(f"`{path}` is not a mapping, or was changed", hint="restore the file from a copy")
    return parts[0], parts[1], parts[2]


def _canonical(body: dict[str, Any]) -> bytes:
    return (json.dumps(body, indent=1) + "\n").encode()


def _key(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=_HEADER["n"], r=_HEADER["r"], p=_HEADER["p"]).derive(passphrase.encode())
