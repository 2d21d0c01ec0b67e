"""Keys of vaults: from a passphrase or a keyring, and one line where they are wrong."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from sintonia.errors import StorageError, Unavailable, UsageError
from sintonia.vault import keys


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(keys.VARIABLE, raising=False)
    monkeypatch.setattr(keys, "_in_this_process", [])
    yield


def test_the_passphrase_opens_and_another_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    key = keys.new_key(tmp_path, keys.PASSPHRASE)
    text = (tmp_path / keys.FILE).read_text()
    assert "correct" not in text and key.hex() not in text
    assert '"memory_kib": 65536' in text and '"passes": 3' in text
    keys._in_this_process.clear()
    assert keys.known_key(tmp_path) == key
    keys._in_this_process.clear()
    monkeypatch.setenv(keys.VARIABLE, "correct horsf")
    with pytest.raises(StorageError, match="the passphrase is wrong"):
        keys.known_key(tmp_path)


def test_the_derivation_is_argon2id_as_the_rfc_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library by the test vector of the RFC, and what we ask of it."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    costs = {"length": 32, "iterations": 3, "lanes": 4, "memory_cost": 32}
    made = Argon2id(salt=bytes([2] * 16), ad=bytes([4] * 12), secret=bytes([3] * 8), **costs)
    expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"  # RFC 9106, 5.3
    assert made.derive(bytes([1] * 32)).hex() == expected
    asked: dict[str, int] = {}
    monkeypatch.setattr(
        "cryptography.hazmat.primitives.kdf.argon2.Argon2id",
        lambda **given: asked.update(given) or types.SimpleNamespace(derive=lambda _: b""),
    )
    keys._derived("x", bytes(16))
    assert (asked["memory_cost"], asked["iterations"], asked["lanes"], asked["length"]) == (65536, 3, 4, 32)


@pytest.mark.parametrize("passphrase", ["", "short"])
def test_a_short_or_missing_passphrase_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str
) -> None:
    monkeypatch.setenv(keys.VARIABLE, passphrase)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="too short" if passphrase else "none is set") as refused:
        keys.new_key(tmp_path, keys.PASSPHRASE)
    assert "locked" not in str(refused.value), "there is nothing yet that could be"
    assert keys.VARIABLE in str(refused.value) or passphrase
    assert list(tmp_path.iterdir()) == []


def _terminal(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> list[str]:
    """A person who gives these answers, one a question; the questions."""
    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: (asked.append(prompt), answers.pop(0))[1])
    return asked


def test_at_a_terminal_it_is_asked_twice_at_the_beginning_and_once_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["correct horse", "correct horsf", "short", "correct horse", "correct horse", "correct horse"]
    asked = _terminal(monkeypatch, answers)
    key = keys.new_key(tmp_path, keys.PASSPHRASE)
    assert ["again" in one for one in asked] == [False, True, False, False, True]
    assert "differ" in asked[2] and "too short" in asked[3]
    keys._in_this_process.clear()
    assert keys.known_key(tmp_path) == keys.known_key(tmp_path) == key
    assert not answers and len(asked) == 6


def test_at_a_terminal_there_are_three_tries_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _terminal(monkeypatch, ["short"] * 4)
    with pytest.raises(UsageError, match="too short"):
        keys.new_key(tmp_path, keys.PASSPHRASE)
    assert len(asked) == 3 and list(tmp_path.iterdir()) == []
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    key = keys.new_key(tmp_path, keys.PASSPHRASE)
    keys._in_this_process.clear()
    monkeypatch.delenv(keys.VARIABLE)
    asked = _terminal(monkeypatch, ["wrong", "wrong again", "correct horse"])
    assert keys.known_key(tmp_path) == key
    assert ["not the one" in one for one in asked] == [False, True, True]
    keys._in_this_process.clear()
    asked = _terminal(monkeypatch, ["wrong"] * 4)
    with pytest.raises(StorageError, match="the passphrase is wrong"):
        keys.known_key(tmp_path)
    assert len(asked) == 3 and keys._in_this_process == []


def test_one_that_is_set_is_tried_once_and_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    keys.new_key(tmp_path, keys.PASSPHRASE)
    keys._in_this_process.clear()
    monkeypatch.setenv(keys.VARIABLE, "another one")
    asked = _terminal(monkeypatch, ["correct horse"])
    with pytest.raises(StorageError, match="unset it to be asked"):
        keys.known_key(tmp_path)
    assert asked == []


CHANGES = (
    ('"passes": 3', '"passes": 1'),
    ('"memory_kib": 65536', '"memory_kib": 8'),
    ('"key": "passphrase"', '"key": "none"'),
    ('"lanes": 4', '"lanes": 4, "x": 1'),
    ('"schema": 1', '"schema":  1'),
)


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_what_the_file_says_of_the_costs_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    keys.new_key(tmp_path, keys.PASSPHRASE)
    path = tmp_path / keys.FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(StorageError, match="was changed"):
        keys.known_key(tmp_path)


def test_the_keyring_keeps_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[tuple[str, str], str] = {}
    errors = types.SimpleNamespace(KeyringError=RuntimeError)
    fake = types.SimpleNamespace(
        get_keyring=lambda: types.SimpleNamespace(priority=5),
        set_password=lambda service, name, value: kept.update({(service, name): value}),
        get_password=lambda service, name: kept.get((service, name)),
        errors=errors,
    )
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    key = keys.new_key(tmp_path, keys.KEYRING)
    assert keys.has_key_at_hand(tmp_path) and keys.known_key(tmp_path) == key
    assert all(value not in (tmp_path / keys.FILE).read_text() for value in kept.values())
    name = next(iter(kept))
    kept[name] = "00" * 32
    with pytest.raises(StorageError, match="another one"):
        keys.known_key(tmp_path)
    kept.clear()
    with pytest.raises(Unavailable, match="does not know the vault"):
        keys.known_key(tmp_path)


def test_a_keyring_that_keeps_no_secrets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.SimpleNamespace(
        get_keyring=lambda: types.SimpleNamespace(priority=0.5), errors=types.SimpleNamespace(KeyringError=RuntimeError)
    )
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", fake.errors)
    with pytest.raises(Unavailable, match="no keyring that keeps secrets"):
        keys.new_key(tmp_path, keys.KEYRING)
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.delitem(sys.modules, "keyring.errors")
    with pytest.raises(Unavailable, match="not installed"):
        keys.new_key(tmp_path, keys.KEYRING)
