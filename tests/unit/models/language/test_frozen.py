"""States of frozen layers, kept: the same losses and gradients as computing them, little on disk, never stale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sintonia.models.frozen import kept as room
from sintonia.models.frozen.freezing import freeze_lowest
from sintonia.models.frozen.kept import FrozenSettings, KeptStates
from sintonia.models.language.frozen import keep_frozen, read_tokens
from sintonia.models.language.losses import Engine
from sintonia.models.language.rows import TokenRow
from sintonia.models.loading import load_causal
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe

FROZEN = FrozenSettings(revision="0" * 64, num_layers=1, width=32)
EXACT = FrozenSettings(revision="0" * 64, num_layers=1, width=32, is_exact=True)


def keep(run: RunFolder, engine: Engine, rows: list[TokenRow], settings: FrozenSettings) -> KeptStates:
    """What is kept, where nothing is said of it."""
    told, kept = listen(run, engine, rows, settings)
    assert told == [] and kept is not None
    return kept


def listen(
    run: RunFolder, engine: Engine, rows: list[TokenRow], settings: FrozenSettings
) -> tuple[list[str], KeptStates | None]:
    """What is said, and what is kept."""
    told, keeping = [], keep_frozen(run, engine, rows, settings)
    while True:
        try:
            told.append(next(keeping))
        except StopIteration as end:
            return told, end.value


def some_rows(count: int = 10) -> list[TokenRow]:
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        length = int(generator.integers(6, 30))
        ids = (5, 9, *generator.integers(3, 250, length).tolist())
        rows.append(TokenRow(ids=ids, learned=tuple(k > 4 for k in range(len(ids))), num_bytes=length))
    return rows


@pytest.fixture
def engine(tiny_language_model: Path) -> Engine:
    causal = load_causal(tiny_language_model)
    freeze_lowest(causal, 1)
    return Engine(causal, micro_tokens=512)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", Recipe(data=DataSettings(path="rows")))


def gradients(engine: Engine) -> dict[str, torch.Tensor]:
    found = {name: one.grad.clone() for name, one in engine.causal.named_parameters() if one.grad is not None}
    engine.causal.zero_grad()
    return found


@pytest.mark.parametrize(("settings", "tolerance"), [(EXACT, 1e-6), (FROZEN, 2e-3)])
def test_losses_and_gradients_are_those_of_the_whole_computation(
    engine: Engine, run: RunFolder, settings: FrozenSettings, tolerance: float
) -> None:
    rows = some_rows()
    kept = keep(run, engine, rows, settings)
    picked = [7, 2, 5, 0]
    chosen = [rows[k] for k in picked]
    loss, expected = engine.backward(chosen), gradients(engine)
    again, found = engine.backward(chosen, kept.of(picked), 1), gradients(engine)
    assert again == pytest.approx(loss, rel=tolerance)
    assert set(found) == set(expected)
    assert all(torch.allclose(found[name], expected[name], atol=tolerance) for name in expected)
    nats = engine.losses(chosen, kept.of(picked), 1).nats
    assert nats == pytest.approx(engine.losses(chosen).nats, rel=tolerance)


def test_other_states_give_other_losses(engine: Engine, run: RunFolder) -> None:
    """Negative control: the kept states are what is read."""
    rows = [row for row in some_rows() if len(row.ids) == len(some_rows()[0].ids)] or some_rows()[:1]
    kept = keep(run, engine, rows, EXACT).of([0])
    assert engine.losses(rows[:1], [kept[0] + 0.1], 1).nats != pytest.approx(engine.losses(rows[:1]).nats, rel=1e-4)


def test_it_is_computed_once_and_known_by_its_tokens(
    engine: Engine, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = some_rows()
    keep(run, engine, rows, FROZEN)
    counted: list[int] = []
    lower_states = engine.lower_states
    monkeypatch.setattr(engine, "lower_states", lambda some, k: counted.append(len(some)) or lower_states(some, k))
    keep(run, engine, rows, FROZEN)
    assert counted == []
    keep(run, engine, rows[1:], FROZEN)
    assert counted == [9]


def test_it_takes_what_was_said_and_is_the_owners_alone(engine: Engine, run: RunFolder) -> None:
    rows = some_rows()
    kept = keep(run, engine, rows, FROZEN)
    files = sorted(run.file("cache").glob("frozen-*.bin"))
    assert len(files) == 1
    assert files[0].stat().st_mode & 0o077 == 0
    assert files[0].stat().st_size == kept.num_bytes
    assert kept.num_bytes == FROZEN.num_bytes(read_tokens(rows)) == sum(64 * (len(row.ids) - 1) for row in rows)


@pytest.fixture
def large(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """States that are too large for half precision."""
    lower_states = engine.lower_states
    monkeypatch.setattr(engine, "lower_states", lambda some, k: [1e7 * one for one in lower_states(some, k)])


@pytest.mark.usefixtures("large")
def test_a_value_that_does_not_fit_makes_it_single_precision_and_its_size_is_told_before(
    engine: Engine, run: RunFolder
) -> None:
    rows = some_rows()
    keeping = keep_frozen(run, engine, rows, FROZEN)
    told, needed = next(keeping), 2 * FROZEN.num_bytes(read_tokens(rows))
    assert f"the states take {needed / 2**20:,.1f} MiB in single" in told and "too large for half precision" in told
    assert not list(run.file("cache").iterdir()), "nothing is written before it was told"
    with pytest.raises(StopIteration) as ended:
        next(keeping)
    kept: KeptStates = ended.value.value
    assert kept.num_bytes == needed
    assert torch.allclose(kept.of([3])[0], engine.lower_states([rows[3]], 1)[0], rtol=1e-4)
    assert float(kept.of([3])[0].abs().max()) > 65_504
    assert keep(run, engine, rows, FROZEN).num_bytes == needed  # and it is found again, with nothing to say


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("free", "is_kept"), [(2.5, False), (3.5, False), (4.5, True)])
def test_single_precision_needs_room_of_its_own(
    engine: Engine, run: RunFolder, monkeypatch: pytest.MonkeyPatch, free: float, is_kept: bool
) -> None:
    """`free` counts what was told at first, half of which must stay free: single precision needs twice that."""
    rows = some_rows()
    whole = room.shutil.disk_usage(run.path)
    told_bytes = FROZEN.num_bytes(read_tokens(rows))
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: whole._replace(free=int(free * told_bytes)))
    assert room.has_room(run, told_bytes)
    told, kept = listen(run, engine, rows, FROZEN)
    assert (kept is not None) == is_kept == ("computed each time" not in told[0])
    assert bool(list(run.file("cache").glob("frozen-*"))) == is_kept
