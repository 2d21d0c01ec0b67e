"""The mean of saved models is the mean of their weights, and of what their adapters add, exactly."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sintonia.errors import UsageError
from sintonia.models.adapter_files import AdapterOrigin, read_adapters, save_adapters
from sintonia.models.adapters import AdapterPlan, Factors, adapters_of, attach_adapters
from sintonia.models.language.saved import open_language_candidate
from sintonia.models.loading import load_causal
from sintonia.models.merging import mean_of_adapters, write_mean
from sintonia.models.open import open_candidate
from sintonia.train import train
from tests.unit.train.jobs import make_chat_job, make_job


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> list[Path]:
    """Two classifiers from two seeds."""
    return [_train(make_job(tmp_path_factory.mktemp("runs") / str(k), tiny_base, dropout=k / 10)) for k in (0, 1)]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory, tiny_language_model: Path) -> list[Path]:
    """Two adapters of other ranks."""
    folder = tmp_path_factory.mktemp("chats")
    return [
        _train(make_chat_job(folder / str(rank), tiny_language_model, lora={"rank": rank, "variant": variant}))
        for rank, variant in ((4, "lora"), (2, "rslora"))
    ]


def _train(job) -> Path:
    list(train(job))
    return job.run.file(job.file("model"))


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_full_weights_are_the_mean_by_hand(trained: list[Path], tmp_path: Path) -> None:
    before = [_hashes(one) for one in trained]
    write_mean(trained, tmp_path / "mean")
    for name in ("model.safetensors", "3_Dense/model.safetensors"):
        first, second, found = (load_file(folder / name) for folder in (*trained, tmp_path / "mean"))
        assert found.keys() == first.keys()
        assert any(not torch.equal(first[key], second[key]) for key in first)
        for key in first:
            assert torch.allclose(found[key], (first[key] + second[key]) / 2, atol=1e-7), key
    opened = open_candidate(tmp_path / "mean")
    assert opened.labels == open_candidate(trained[0]).labels
    assert opened.temperature.value is None
    assert [_hashes(one) for one in trained] == before
    assert [one.name for one in tmp_path.iterdir()] == ["mean"]


def test_the_mean_of_a_model_with_itself_is_itself(trained: list[Path], tmp_path: Path) -> None:
    write_mean([trained[0]] * 3, tmp_path / "mean")
    for name in ("model.safetensors", "3_Dense/model.safetensors"):
        first, found = load_file(trained[0] / name), load_file(tmp_path / "mean" / name)
        assert all(torch.equal(first[key], found[key]) for key in first)


def test_a_folder_that_is_there_stays_and_other_weights_are_refused(trained: list[Path], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError):
        write_mean(trained, tmp_path / "there")
    other = tmp_path / "other" / "3_Dense"
    other.mkdir(parents=True)
    save_file({"linear.weight": torch.zeros(2, 2)}, other / "model.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other" / "model.safetensors")
    with pytest.raises(UsageError, match="other names or sizes"):
        write_mean([trained[0], tmp_path / "other"], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def _change(one: Factors) -> torch.Tensor:
    return one.scaling * (one.lora_B.double() @ one.lora_A.double())


def test_adapters_are_averaged_as_what_they_add(adapters: list[Path], tmp_path: Path) -> None:
    write_mean(adapters, tmp_path / "mean")
    first, second, found = (read_adapters(folder) for folder in (*adapters, tmp_path / "mean"))
    assert found.keys() == first.keys() == second.keys()
    for name, one in found.items():
        assert one.lora_A.shape[0] == 6
        assert torch.allclose(_change(one), (_change(first[name]) + _change(second[name])) / 2, atol=1e-8), name
    assert json.loads((tmp_path / "mean" / "adapter_config.json").read_text())["r"] == 6
    assert adapters_of(open_language_candidate(tmp_path / "mean").causal)


def test_an_adapter_below_is_kept_once(tiny_language_model: Path, tmp_path: Path) -> None:
    made = []
    for seed in (1, 2, 3):
        torch.manual_seed(seed)
        causal = load_causal(tiny_language_model)
        attach_adapters(causal, AdapterPlan(rank=2, alpha=4.0), seed)
        for layer in adapters_of(causal).values():
            torch.nn.init.normal_(layer.lora_B)
        made.append({name: layer.factors for name, layer in adapters_of(causal).items()})
    below, *above = made
    saved = []
    for number, one in enumerate(above):
        causal = load_causal(tiny_language_model)
        for name, layer in attach_adapters(causal, AdapterPlan(rank=2, alpha=4.0), 0).items():
            layer.lora_A.data, layer.lora_B.data = one[name].lora_A, one[name].lora_B
        save_adapters(causal, tmp_path / str(number), AdapterOrigin(model=tiny_language_model, below=below))
        saved.append(read_adapters(tmp_path / str(number)))
    mean = mean_of_adapters(saved, 2)
    for name, one in mean.items():
        expected = _change(below[name]) + (_change(above[0][name]) + _change(above[1][name])) / 2
        assert torch.allclose(_change(one), expected, atol=1e-6), name
        assert one.lora_A.shape[0] == 6
        assert torch.equal(one.lora_A[:2], saved[0][name].lora_A[:2])


def test_dora_is_refused() -> None:
    one = Factors(lora_A=torch.ones(1, 2), lora_B=torch.ones(2, 1), scaling=1.0, magnitude=torch.ones(2))
    with pytest.raises(UsageError, match="DoRA"):
        mean_of_adapters([{"a": one}, {"a": one}])
