"""S11: nothing of a vault that was flipped, cut, swapped, put back or taken away is accepted: 0 of 1,000."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sintonia.errors import StorageError
from sintonia.vault import keys
from sintonia.vault.chunks import CHUNK, TAG_BYTES
from sintonia.vault.opened import OpenVault

NUM_ATTACKS = 1000
STEP = CHUNK + TAG_BYTES
pytestmark = pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory")


def begun(place: Path) -> bytes:
    """A vault with small and large files, one of them twice as it was before; gives its key."""
    place.mkdir()
    key = keys.new_key(place, keys.PASSPHRASE)
    vault = OpenVault(place, key)
    vault.begin()
    generator = random.Random(0)
    for name, size in (("recipe.yaml", 300), ("data/train.jsonl", 3 * CHUNK), ("model/a", 2 * CHUNK + 9), ("empty", 0)):
        (vault.tree / name).parent.mkdir(exist_ok=True)
        (vault.tree / name).write_bytes(generator.randbytes(size))
    vault.close()
    return key


def is_accepted(place: Path) -> bool:
    """Whether the vault opens, from its head on."""
    try:
        vault = OpenVault(place, keys.known_key(place))
        vault.open()
    except StorageError:
        return False
    vault.drop()
    return True


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def streams(place: Path) -> list[Path]:
    return [place / "list", *sorted((place / "files").iterdir())]


def flip(place: Path, generator: random.Random) -> None:
    path = generator.choice([one for one in (place / "vault.json", *streams(place)) if one.stat().st_size])
    content = bytearray(path.read_bytes())
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    path.write_bytes(content)


def cut(place: Path, generator: random.Random) -> None:
    path = generator.choice([one for one in (place / "vault.json", *streams(place)) if one.stat().st_size])
    content = path.read_bytes()
    ends = [len(content) - 1, *range(0, len(content), STEP), generator.randrange(len(content))]
    path.write_bytes(content[: generator.choice(ends)])


def lengthen(place: Path, generator: random.Random) -> None:
    path = generator.choice(streams(place))
    with path.open("ab") as stream:
        stream.write(generator.choice([b"\0", os.urandom(STEP), path.read_bytes()[-STEP:]]))


def swap_chunks(place: Path, generator: random.Random) -> None:
    """Of one file, or of two."""
    large = [one for one in streams(place) if one.stat().st_size > STEP]
    first, second = generator.choice(large), generator.choice(large)
    contents = {one: bytearray(one.read_bytes()) for one in {first, second}}
    begins = [generator.randrange(contents[one].__len__() // STEP) * STEP for one in (first, second)]
    if (first, begins[0]) == (second, begins[1]):
        begins[1] = (begins[0] + STEP) % (len(contents[second]) // STEP * STEP)
    pieces = [bytes(contents[one][k : k + STEP]) for one, k in zip((first, second), begins, strict=True)]
    contents[first][begins[0] : begins[0] + STEP] = pieces[1]
    contents[second][begins[1] : begins[1] + STEP] = pieces[0]
    for path, content in contents.items():
        path.write_bytes(content)


def swap_files(place: Path, generator: random.Random) -> None:
    first, second = generator.sample(streams(place), 2)
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])


def take_away(place: Path, generator: random.Random) -> None:
    generator.choice(streams(place)).unlink()


def put_another(place: Path, generator: random.Random) -> None:
    """A file of another vault with the same passphrase and the same content."""
    other = place.with_name("other")
    name = generator.choice(["vault.json", "list"])
    shutil.copyfile(other / name, place / name)


def swap_in_cipher(place: Path, generator: random.Random) -> None:
    """Blocks of the cipher within a chunk, which a mode without authentication would let pass."""
    path = generator.choice([one for one in streams(place) if one.stat().st_size > 64])
    content = bytearray(path.read_bytes())
    first, second = generator.sample(range(len(content) // 16), 2)
    a, b = bytes(content[first * 16 : first * 16 + 16]), bytes(content[second * 16 : second * 16 + 16])
    content[first * 16 : first * 16 + 16], content[second * 16 : second * 16 + 16] = b, a
    path.write_bytes(content)


ATTACKS: tuple[Callable[[Path, random.Random], None], ...] = (
    flip,
    cut,
    lengthen,
    swap_chunks,
    swap_files,
    take_away,
    put_another,
    swap_in_cipher,
)


def test_none_of_a_thousand_changes_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.VARIABLE, "correct horse")
    monkeypatch.setattr(keys, "_in_this_process", [])
    # What is tested is what is made of the derived key: Argon2id itself would take minutes.
    monkeypatch.setattr(keys, "_derived", lambda words, salt: hashlib.sha256(words.encode() + salt).digest())
    whole = tmp_path / "whole"
    begun(whole)
    begun(tmp_path / "other")
    assert is_accepted(whole)
    generator, accepted, num_same = random.Random(11), [], 0
    for number in range(NUM_ATTACKS):
        place, attack = tmp_path / "run", ATTACKS[number % len(ATTACKS)]
        shutil.copytree(whole, place)
        attack(place, generator)
        is_same = contents(place) == contents(whole)
        num_same += is_same
        if not is_same and is_accepted(place):
            accepted.append((number, attack.__name__))
        shutil.rmtree(place)
    assert accepted == []
    assert num_same < NUM_ATTACKS / 100, "an attack that changes nothing shows nothing"


def test_a_state_of_before_cannot_be_mixed_with_that_of_now(tmp_path: Path) -> None:
    """A list or a file put back alone is refused, also in a folder of which nothing is known."""
    place, key = tmp_path / "run", os.urandom(32)
    place.mkdir()
    vault = OpenVault(place, key)
    vault.begin()
    for number in range(2):
        if number:
            shutil.copytree(place, tmp_path / "before")
        for name in ("a", "b"):
            (vault.tree / name).write_bytes(f"{name}{number}".encode())
        vault.carry()
    vault.close()
    mixed = tmp_path / "mixed"
    shutil.copytree(place, mixed)
    shutil.copyfile(tmp_path / "before/list", mixed / "list")
    with pytest.raises(StorageError):
        OpenVault(mixed, key).open()
    old, new = sorted((tmp_path / "before/files").iterdir()), sorted((place / "files").iterdir())
    for target in new:
        for source in old:
            shutil.rmtree(mixed)
            shutil.copytree(place, mixed)
            shutil.copyfile(source, mixed / "files" / target.name)
            with pytest.raises(StorageError):
                OpenVault(mixed, key).open()
