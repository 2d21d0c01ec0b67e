"""The key of a vault, and `vault.json`, the only file of a vaulted run in the clear: how the key is found.

The data are encrypted with a random key, which lies in `vault.json` wrapped with a second one: from a passphrase by
Argon2id (RFC 9106, the second recommended setting: 64 MiB, 3 passes, 4 lanes), or from the keyring of the system. The
costs are fixed by the schema, so that a damaged file cannot ask for endless memory. The passphrase comes from
SINTONIA_VAULT_PASSPHRASE or from the terminal, never from an option, and is written nowhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sintonia.errors import SintoniaError, StorageError, Unavailable, UsageError
from sintonia.files import SCHEMA, check_schema, storage_errors, write_atomic
from sintonia.vault.chunks import KEY_BYTES

FILE = "vault.json"
VARIABLE = "SINTONIA_VAULT_PASSPHRASE"
SHORTEST_PASSPHRASE = 8
PASSPHRASE, KEYRING = "passphrase", "keyring"
_SERVICE = "sintonia vault"
_ARGON2ID = {"memory_kib": 1 << 16, "passes": 3, "lanes": 4}
_LARGEST_BYTES = 1 << 16
NO_KEY = "the key is not known"
"""The note of an error that is about the key or the passphrase: what is in the vault may be whole."""
_TRIES = 3
"""How often a person at a terminal is asked; a passphrase from elsewhere is tried once."""
_in_this_process: list[str] = []
"""Passphrases that have opened a vault or begun one, so that a person is asked once."""


def new_key(folder: Path, kind: str) -> bytes:
    """A new key for the vault in a folder, and its `vault.json`.

    Raises:
        UsageError: there is no passphrase, or it is too short.
        Unavailable: there is no keyring that keeps secrets.
        StorageError: the file cannot be written.
    """
    key, salt, nonce = os.urandom(KEY_BYTES), os.urandom(16), os.urandom(12)
    head = {"schema": SCHEMA, "cipher": "AES-256-GCM in chunks", "key": kind, "salt": salt.hex(), "nonce": nonce.hex()}
    head |= {"argon2id": _ARGON2ID} if kind == PASSPHRASE else {}
    wrapping = _derived(new_passphrase(folder), salt) if kind == PASSPHRASE else _put_into_keyring(salt.hex())
    wrapped = _cipher(wrapping).encrypt(nonce, key, _canonical(head)).hex()
    write_atomic(folder / FILE, _canonical({**head, "wrapped": wrapped}))
    return key


def known_key(folder: Path) -> bytes:
    """The key of the vault in a folder.

    Raises:
        UsageError: there is no passphrase.
        Unavailable: there is no keyring, or it does not know this vault.
        StorageError: the passphrase is wrong, or `vault.json` was changed.
    """
    head, wrapped = _read_head(folder / FILE)
    try:
        return _key_of(folder, head, wrapped)
    except SintoniaError as error:
        error.add_note(NO_KEY)
        raise


def _key_of(folder: Path, head: dict[str, Any], wrapped: bytes) -> bytes:
    salt, nonce = bytes.fromhex(head["salt"]), bytes.fromhex(head["nonce"])
    if head["key"] == KEYRING:
        key = _unwrapped(_from_keyring(folder, head["salt"]), nonce, wrapped, head)
        if key is None:
            raise StorageError(
                f"cannot open the vault `{folder}`: the key in the keyring is another one, or `{FILE}` was changed",
                hint="restore it from a copy",
            )
        return key
    for passphrase in _in_this_process:
        key = _unwrapped(_derived(passphrase, salt), nonce, wrapped, head)
        if key is not None:
            return key
    key, passphrase = _first_that_opens(folder, lambda one: _unwrapped(_derived(one, salt), nonce, wrapped, head))
    _remember(passphrase)
    return key


def _first_that_opens(folder: Path, opened: Callable[[str], bytes | None]) -> tuple[bytes, str]:
    """The key by the passphrase that is set, or by one of those that a person types, and that passphrase."""
    given, remark = os.environ.get(VARIABLE), ""
    for _ in range(1 if given else _TRIES):
        passphrase = given or _asked(folder, f"{remark}passphrase of the vault")
        key = opened(passphrase)
        if key is not None:
            return key, passphrase
        remark = "that is not the one; "
    raise StorageError(
        f"cannot open the vault `{folder}`: the passphrase is wrong, or `{FILE}` was changed",
        hint=f"set {VARIABLE} to the one that the run was begun with" + (", or unset it to be asked" if given else ""),
    )


def has_key_at_hand(folder: Path) -> bool:
    """Whether a vault may be opened without asking anybody."""
    return bool(os.environ.get(VARIABLE) or _in_this_process) or _read_head(folder / FILE)[0]["key"] == KEYRING


def new_passphrase(folder: Path) -> str:
    """The one that a new vault is begun with; at a terminal it is asked for twice, and again where that went wrong.

    Raises:
        UsageError: there is none, it is too short, or the two differ.
    """
    known = os.environ.get(VARIABLE) or (_in_this_process[-1] if _in_this_process else "")
    wrong = _why_unfit(known, known) if known else None
    for _ in range(0 if known else _TRIES):
        remark = f"{wrong.what}; " if wrong else ""
        known = _asked(folder, f"{remark}new passphrase for the vault", is_new=True)
        is_short = _why_unfit(known, known) is not None
        again = known if is_short else _asked(folder, "the same passphrase again for the vault", is_new=True)
        wrong = _why_unfit(known, again)
        if wrong is None:
            break
    if wrong is not None:
        raise wrong
    _remember(known)
    return known


def _why_unfit(passphrase: str, again: str) -> UsageError | None:
    """Why no vault is begun with this."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        expected = f"at least {SHORTEST_PASSPHRASE} characters"
        return UsageError("the passphrase of the vault is too short", expected=expected)
    return (
        None if passphrase == again else UsageError("the two passphrases differ", hint="nothing was begun: try again")
    )


def _remember(passphrase: str) -> None:
    if passphrase not in _in_this_process:
        _in_this_process.append(passphrase)


def _asked(folder: Path, what: str, *, is_new: bool = False) -> str:
    """What a person types, unseen.

    Raises:
        UsageError: nobody sits there.
    """
    import getpass

    if not sys.stdin or not sys.stdin.isatty():
        if is_new:
            raise UsageError(
                "a vault is begun with a passphrase, and none is set",
                expected=f"{VARIABLE} with {SHORTEST_PASSPHRASE} characters or more",
                hint="set it, or call this at a terminal, which asks for one; `privacy.vault=keyring` needs none",
            )
        raise UsageError(f"the vault `{folder}` is locked", hint=f"set {VARIABLE}, or call it at a terminal")
    try:
        return getpass.getpass(f"{what} `{folder}`: ")
    except EOFError:
        raise KeyboardInterrupt from None


def _derived(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    cost, passes, lanes = (_ARGON2ID[name] for name in ("memory_kib", "passes", "lanes"))
    made = Argon2id(salt=salt, length=KEY_BYTES, iterations=passes, lanes=lanes, memory_cost=cost)
    return made.derive(passphrase.encode("utf-8", errors="surrogateescape"))


def _unwrapped(wrapping: bytes, nonce: bytes, wrapped: bytes, head: dict[str, Any]) -> bytes | None:
    """The key; None where the wrapping key is not the right one."""
    from cryptography.exceptions import InvalidTag

    try:
        key: bytes = _cipher(wrapping).decrypt(nonce, wrapped, _canonical(head))
    except InvalidTag:
        return None
    return key


def _read_head(path: Path) -> tuple[dict[str, Any], bytes]:
    """Of a file that is exactly as we write one: what it says, and the wrapped key."""
    with storage_errors(path):
        content = path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else b""
    try:
        body = json.loads(content)
        check_schema(body["schema"], path)
        wrapped = bytes.fromhex(body.pop("wrapped"))
        sizes = tuple(len(bytes.fromhex(body[name])) for name in ("salt", "nonce"))
        costs = _ARGON2ID if body["key"] == PASSPHRASE else None
        is_ours = body["key"] in (PASSPHRASE, KEYRING) and sizes == (16, 12) and body.get("argon2id") == costs
        # Written again it must be the same file: `A` is the same hex digit as `a`, but not what we wrote.
        is_ours = is_ours and content == _canonical({**body, "wrapped": wrapped.hex()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_ours = False
    if not is_ours:
        what = f"`{path}` is not the head of a vault, or was changed"
        error = StorageError(what, hint="restore the file from a copy")
        error.add_note(NO_KEY)
        raise error
    return body, wrapped


def _canonical(body: dict[str, Any]) -> bytes:
    return (json.dumps(body, indent=1) + "\n").encode()


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _keyring() -> Any:
    """The keyring of the system.

    Raises:
        Unavailable: there is none that keeps secrets.
    """
    try:
        import keyring
    except ImportError:
        raise Unavailable(
            "`privacy.vault` asks for the keyring, and `keyring` is not installed",
            hint='pip install "sintonia[vault]", or take `privacy.vault=true` with a passphrase',
        ) from None
    if keyring.get_keyring().priority < 1:  # those that keep nothing, or keep it in the clear
        raise Unavailable(
            "this system has no keyring that keeps secrets", hint="take `privacy.vault=true` with a passphrase"
        )
    return keyring


def _put_into_keyring(vault: str) -> bytes:
    keyring, wrapping = _keyring(), os.urandom(KEY_BYTES)
    from keyring.errors import KeyringError  # type: ignore[import-not-found,unused-ignore]

    try:
        keyring.set_password(_SERVICE, vault, wrapping.hex())
    except KeyringError as error:
        raise Unavailable(f"the keyring refused the key: {error}", hint="unlock it and try again") from None
    return wrapping


def _from_keyring(folder: Path, vault: str) -> bytes:
    keyring = _keyring()
    from keyring.errors import KeyringError  # type: ignore[import-not-found,unused-ignore]

    try:
        found = keyring.get_password(_SERVICE, vault)
        key = bytes.fromhex(found or "")
    except (KeyringError, ValueError) as error:
        raise Unavailable(f"the keyring does not give the key: {error}", hint="unlock it and try again") from None
    if len(key) != KEY_BYTES:
        raise Unavailable(
            f"the keyring of this system does not know the vault `{folder}`", hint="open it where it was begun"
        )
    return key
