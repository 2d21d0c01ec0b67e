"""`sintonia doctor`: what is wrong is found, each with its cure, and a sound machine is told to be sound."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sintonia.corridor.doors import health
from sintonia.files import sha256_file
from sintonia.models import catalog as catalog_room
from sintonia.models.catalog import Entry
from sintonia.records import Machine
from sintonia.records.health import Reading
from sintonia.resources.whole import Paces
from tests.unit.cli.conftest import Call

GIB = 2**30
SOUND = Machine(
    processor="Quick 9000",
    num_cores=4,
    vector_units=("avx2",),
    memory_bytes=32 * GIB,
    free_memory_bytes=24 * GIB,
    free_disk_bytes=200 * GIB,
)


@pytest.fixture(autouse=True)
def sound_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine the tests run on."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "SINTONIA_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(health, "look_at_machine", lambda *_, **__: SOUND)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(health, "_threads", lambda machine, _: health.thread_reading(machine.num_cores, 4, os.environ))


def _with(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    machine = dataclasses.replace(SOUND, **changes)  # type: ignore[arg-type]
    monkeypatch.setattr(health, "look_at_machine", lambda *_, **__: machine)


def _put_base(home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny encoder where the embedded one lies, in a catalog that knows its hash; the other base is not here."""
    folder = shutil.copytree(tiny_base, home / "models" / "tiny-1.0")
    hashes = {"model.safetensors": sha256_file(folder / "model.safetensors")}
    known = Entry(reference="pypi:tiny==1.0", name="minilm", sha256=hashes, kind="encoder", tasks=("classify",))
    real = catalog_room.find_entry
    monkeypatch.setattr(
        catalog_room, "find_entry", lambda name: known if name in ("minilm", known.reference) else real(name)
    )
    return folder


def _problems(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith(("PROBLEM", "FATAL"))]


def test_a_sound_machine_has_no_problem(call: Call, private_home: Path, tiny_base: Path, monkeypatch) -> None:
    _put_base(private_home, tiny_base, monkeypatch)
    found = call("doctor", "--quick")
    assert (found.exit_code, found.err) == (0, "") and _problems(found.out) == []
    assert found.out.splitlines()[-1] == "all is well"
    assert "Quick 9000, 4 cores, avx2" in found.out and "`minilm` is here, and whole" in found.out
    for topic in ("processor", "threads", "room", "home", "gpu", "packages", "extras", "bases", "network", "energy"):
        assert f" {topic} " in found.out


def test_every_problem_has_a_cure(call: Call, monkeypatch, private_home: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    _with(monkeypatch, free_memory_bytes=GIB, free_disk_bytes=GIB // 4)
    found = json.loads(call("doctor", "--quick", "--json").out)
    problems = [one for one in found["readings"] if one["state"] == "problem"]
    assert {one["topic"] for one in problems} == {"threads", "room", "bases"}
    assert all(one["cure"] for one in problems)


def test_threads_that_are_too_many(call: Call, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    found = call("doctor", "--quick")
    (line,) = _problems(found.out)
    assert found.exit_code == 0 and "OMP_NUM_THREADS=64" in line and "cure: unset OMP_NUM_THREADS" in found.out


def test_no_room_on_the_disk_is_fatal_and_little_memory_is_not(call: Call, monkeypatch) -> None:
    _with(monkeypatch, free_disk_bytes=2**20)
    found = call("doctor", "--quick")
    assert found.exit_code == 1 and "nothing can be trained" in found.out.splitlines()[-1]
    assert any(line.startswith("FATAL") for line in _problems(found.out)) and "on the disk" in found.out
    _with(monkeypatch, free_memory_bytes=int(1.2 * GIB))
    small = call("doctor", "--quick")
    assert small.exit_code == 0 and "cure: take `" in small.out


def test_a_base_that_is_not_here_is_a_note_and_offline_a_problem(call: Call, monkeypatch) -> None:
    found = call("doctor", "--quick")
    assert _problems(found.out) == [] and "`minilm` is not here yet" in found.out
    assert "cure: sintonia models fetch minilm" in found.out
    monkeypatch.setenv("SINTONIA_OFFLINE", "1")
    offline = call("doctor", "--quick")
    assert offline.exit_code == 0 and len(_problems(offline.out)) == 2
    assert "cure: env -u SINTONIA_OFFLINE -u HF_HUB_OFFLINE sintonia models fetch minilm" in offline.out


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_base_is_found(
    call: Call, private_home: Path, tiny_base: Path, monkeypatch, name: str, damage: str
) -> None:
    folder = _put_base(private_home, tiny_base, monkeypatch)
    assert _problems(call("doctor", "--quick").out) == []
    file = folder / name
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(bytes(body) if damage == "flipped" else bytes(body[: len(body) // 2]))
    found = call("doctor", "--quick")
    (line,) = _problems(found.out)
    assert found.exit_code == 0 and "`minilm` is damaged" in line
    assert f"cure: rm -r {folder} && sintonia models fetch minilm" in found.out


@pytest.mark.parametrize(
    "text, told", [('[mine]\nreference = "hf:org/name"\nlicense = "MIT"\n', "near it are"), ("[mine\n", "TOML")]
)
def test_a_mistake_in_ones_own_catalog_hides_nothing_else(call: Call, private_home: Path, text: str, told: str) -> None:
    private_home.mkdir(parents=True, exist_ok=True)
    own = private_home / "catalog.toml"
    own.write_text(text)
    found = call("doctor")
    assert found.exit_code == 1 and "error" not in found.err
    (line,) = _problems(found.out)
    assert line.startswith("FATAL") and told in line and f"cure: mend {own}" in found.out
    for topic in ("processor", "threads", "room", "home", "gpu", "packages", "network", "energy"):
        assert f" {topic} " in found.out
    own.write_text("")
    assert call("doctor", "--quick").exit_code == 0


def test_what_a_damaged_list_of_pins_stops_is_told(call: Call, private_home: Path) -> None:
    private_home.mkdir(parents=True, exist_ok=True)
    (private_home / "models.lock").write_text("{")
    found = call("doctor", "--quick")
    assert "Quick 9000" in found.out and "error" not in found.err
    assert all("models.lock" in line for line in _problems(found.out))


def test_a_home_that_cannot_be_written_is_fatal(call: Call, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "file" / "home"))
    found = call("doctor", "--quick")
    assert found.exit_code == 1 and "cure: export SINTONIA_HOME=" in found.out


def test_a_wrong_version_is_told_with_the_command(call: Call, monkeypatch) -> None:
    wrong = Reading(topic="packages", state="problem", message="torch is 1.9", cure="pip install 'torch>=2.7'")
    monkeypatch.setattr(health, "package_readings", lambda: (wrong,))
    found = call("doctor", "--quick")
    assert found.exit_code == 0 and "torch is 1.9" in found.out and "cure: pip install 'torch>=2.7'" in found.out
    assert "1 problem above should be cured" in found.out


@pytest.fixture
def base_here(private_home: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default base of `classify` is the tiny one; the other is not here, and not timed."""
    from sintonia.choose import base as choosing
    from sintonia.models import open as opening

    _put_base(private_home, tiny_base, monkeypatch)
    for module in (choosing, opening):
        monkeypatch.setattr(module, "find_entry", catalog_room.find_entry)


def test_speeds_are_measured_with_the_bases_that_are_here(call: Call, base_here: None) -> None:
    """Which of two measured speeds is the greater says nothing on a busy machine: each is measured, and no more."""
    found = json.loads(call("doctor", "--json").out)["speeds"]
    assert 1e8 < found["fp32_operations_per_second"] < 1e15
    (pace,) = found["bases"]
    assert (pace["base"], pace["method"]) == ("minilm", "full")
    assert pace["forward_tokens_per_second"] > 0 and pace["training_tokens_per_second"] > 0
    shown = call("doctor")
    assert "tokens a second and learns" in shown.out and "measuring the price of a token" in shown.err


def test_a_token_that_is_learned_costs_its_step_and_a_share_of_the_update(
    call: Call, base_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With paces that are given: what is read and what is learned are not mixed up, and the update is shared out."""
    from sintonia.corridor.billing import trial

    real, measured, updates = trial.try_steps, [], iter((0.0, 0.064, 0.128))

    def given(*told: object) -> Paces:
        measured.append(real(*told))  # type: ignore[arg-type]
        return dataclasses.replace(measured[-1], forward_seconds=1e-4, step_seconds=3e-4, update_seconds=next(updates))

    monkeypatch.setattr(trial, "try_steps", given)
    learned = []
    for _ in range(3):
        (pace,) = json.loads(call("doctor", "--json").out)["speeds"]["bases"]
        assert pace["forward_tokens_per_second"] == pytest.approx(1e4)
        learned.append(1 / pace["training_tokens_per_second"] - 3e-4)
    assert learned[0] == pytest.approx(0.0, abs=1e-9) and learned[2] == pytest.approx(2 * learned[1])
    assert 0.064 / 1e4 < learned[1] < 0.064 / 16, "the tokens of a step are more than its examples"
    assert all(one.forward_seconds > 0 and one.step_seconds > 0 and one.update_seconds >= 0 for one in measured)


def test_on_a_machine_that_is_too_busy_no_base_is_timed(
    call: Call, private_home: Path, tiny_base: Path, monkeypatch
) -> None:
    from sintonia.corridor.doors import speeds

    _put_base(private_home, tiny_base, monkeypatch)
    monkeypatch.setattr(speeds, "_MOST_SECONDS", -1.0)
    monkeypatch.setattr(os, "getloadavg", lambda: (40.0, 40.0, 40.0))
    found = call("doctor")
    assert found.exit_code == 0 and "`minilm` was not timed" in found.out
    assert "other programs keep the processor busy (40.0 wanted its 4" in found.out and "GFLOP/s" in found.out


_WITHOUT_TORCH = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Missing())
from sintonia.cli.main import main
sys.exit(main(["doctor", "--quick"]))
"""


def test_without_torch_the_rest_is_told_all_the_same(private_home: Path) -> None:
    environment = {**os.environ, "SINTONIA_HOME": str(private_home)}
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (1, "")
    fatal = [line for line in done.stdout.splitlines() if line.startswith("FATAL")]
    assert len(fatal) == 1 and "torch is installed and cannot be imported" in fatal[0]
    assert " room " in done.stdout and " bases " in done.stdout
