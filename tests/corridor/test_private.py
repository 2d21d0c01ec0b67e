"""A private training through the whole corridor: what is promised, what is kept, what is refused."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from sintonia.corridor.closing import guaranteeing
from sintonia.corridor.erasing import tainting
from sintonia.corridor.erasing.plan import Touched
from sintonia.errors import UsageError
from sintonia.files import home_folder
from sintonia.pipeline import Progress, improve, start
from sintonia.privacy.dp.ledger import rows_of
from sintonia.recipe import make_recipe
from sintonia.records.privacy.spent import Guarantee
from sintonia.report import write_card, write_report
from sintonia.runs import RunFolder
from tests.tiny import make_rows, write_rows

NUM_ROWS = 420


def tune(folder: Path, data: Path, base: Path, name: str, told: list[str] | None = None, **blocks: object) -> RunFolder:
    body = {"data": {"path": str(data)}, "base": f"file:{base}", "task": "classify", "method": "head", **blocks}
    run = start(make_recipe({"training": {"epochs": 4.0, "evaluations": 2}, **body}), folder / name)

    def hear(progress: Progress) -> None:
        if told is not None:
            told.append(f"{progress.stage} {progress.message}")

    improve(run, hear)
    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> tuple[RunFolder, list[str], Path]:
    """Two runs on the same rows: without privacy, then with it."""
    folder = tmp_path_factory.mktemp("private")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        data, told = write_rows(folder / "rows.jsonl", make_rows(NUM_ROWS)), list[str]()
        tune(folder, data, tiny_base, "plain")
        private = {"dp": {"epsilon": 4.0}}
        run = tune(folder, data, tiny_base, "private", told, privacy=private, budget_seconds=3600.0)
        yield run, told, data


def test_the_promise_is_kept_with_the_turn_and_told(finished: tuple[RunFolder, list[str], Path]) -> None:
    run, told, _ = finished
    found = run.read("turns/001/privacy.json", Guarantee)
    assert found is not None and found.spent.budget == 4.0
    assert 3.9 < found.spent.epsilon <= 4.0 and found.spent.steps == found.spent.planned_steps
    assert (found.composed.num_private, found.composed.num_plain) == (1, 1)
    assert any(line.startswith("privacy differentially private: epsilon") for line in told)
    assert "1 training on these data without privacy" in found.sentence


def test_the_report_shows_it(finished: tuple[RunFolder, list[str], Path]) -> None:
    run, _, _ = finished
    page = run.file("report.html").read_text(encoding="utf-8")
    assert "What this model tells about a single row" in page and "are not protected" in page


def test_no_round_of_adjusting_spends_by_itself(finished: tuple[RunFolder, list[str], Path]) -> None:
    run, told, _ = finished
    assert not run.file("turns/002").exists()
    assert any("no further turn" in line and "spends of the privacy" in line for line in told)


def test_the_ledger_has_the_beginning_and_the_end(finished: tuple[RunFolder, list[str], Path]) -> None:
    run, _, data = finished
    for place in (data.with_name("rows.jsonl.sintonia"), run.place.parent / "home"):
        lines = [json.loads(line) for line in (place / "privacy.jsonl").read_text(encoding="utf-8").splitlines()[1:]]
        assert [line["event"] for line in lines] == ["plain", "begun", "ended"]


def test_no_secret_is_left_when_the_turn_has_ended(finished: tuple[RunFolder, list[str], Path]) -> None:
    """The key of noise and draws was in checkpoints alone: with it the noise could be taken off."""
    run, _, _ = finished
    assert not run.file("turns/001/checkpoints").exists()
    for file in run.path.rglob("*.json*"):
        assert '"key"' not in file.read_text(encoding="utf-8"), file


def test_trial_steps_spend_nothing(finished: tuple[RunFolder, list[str], Path]) -> None:
    """They are thrown away, so the ledger has one private training, and its steps are those of the turn."""
    run, _, data = finished
    found = run.read("turns/001/privacy.json", Guarantee)
    ended = [
        json.loads(line)
        for line in (data.with_name("rows.jsonl.sintonia") / "privacy.jsonl").read_text(encoding="utf-8").splitlines()
        if '"ended"' in line
    ]
    assert found is not None and [one["history"][0][2] for one in ended] == [found.spent.steps]


def test_a_second_run_on_the_same_rows_composes(
    finished: tuple[RunFolder, list[str], Path], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, data = finished
    monkeypatch.setenv("SINTONIA_HOME", str(run.place.parent / "home"))
    renamed = data.with_name("renamed.jsonl")
    renamed.write_bytes(data.read_bytes())
    again = tune(tmp_path, renamed, tiny_base, "again", privacy={"dp": {"epsilon": 4.0}})
    found = again.read("turns/001/privacy.json", Guarantee)
    assert found is not None and found.composed.num_private == 2
    assert found.spent.epsilon < found.composed.epsilon < 2 * 4.0
    run.file("turns/001/privacy.json").write_text(
        run.file("turns/001/privacy.json").read_text(encoding="utf-8").replace('"date": "20', '"date": "19'),
        encoding="utf-8",
    )
    pages = [write(run).read_text(encoding="utf-8") for write in (write_report, write_card)]
    for page in pages:  # of the first run, written again: the sum of both, and of which day
        assert f"{found.composed.epsilon:.3g} for all private trainings on these rows together, as the ledger" in page
        assert f"on {found.composed.date}" in page and "on 19" not in page
    assert "1 other private training on the same rows" in pages[0]


class Killed(BaseException):
    """Raised where a process ends."""


def killed_at_its_start(run: RunFolder) -> None:
    """Walks until the first step would be taken, before any checkpoint."""

    def hear(progress: Progress) -> None:
        if progress.event is not None and progress.event.kind == "started":
            raise Killed

    with pytest.raises(Killed):
        improve(run, hear)


@pytest.mark.parametrize(
    ("begun", "edited", "otherwise"),
    [
        ({"epsilon": 4.0}, "epsilon: 8.0", "epsilon 8 at delta"),
        ({"epsilon": 4.0, "delta": 0.001}, "delta: 0.0001", "epsilon 4 at delta 0.0001"),
        ({"epsilon": 4.0}, "epsilon: null", "no privacy at all"),
    ],
)
def test_another_promise_after_a_kill_before_the_first_checkpoint_is_refused(
    tmp_path: Path, tiny_base: Path, begun: dict[str, float], edited: str, otherwise: str
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_rows(NUM_ROWS))
    body = {"data": {"path": str(data)}, "base": f"file:{tiny_base}", "task": "classify", "method": "head"}
    run = start(make_recipe({"training": {"epochs": 1.0}, "privacy": {"dp": begun}, **body}), tmp_path / "run")
    killed_at_its_start(run)
    assert not list(run.path.glob("turns/001/checkpoints/*"))
    path, name = run.file("recipe.yaml"), edited.partition(":")[0]
    before = path.read_text(encoding="utf-8")
    changed = re.sub(rf"\b{name}: \S+", edited, before)
    assert changed != before
    for _ in range(2):  # refused, it stays refused
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(UsageError, match=f"begun with the promise epsilon 4 at delta .*{otherwise}") as refused:
            improve(RunFolder.open(run.path), lambda _: None)
        assert refused.value.expected and "new run" in refused.value.hint
    path.write_text(before, encoding="utf-8")
    killed_at_its_start(RunFolder.open(run.path))  # undone, it begins again


def test_few_rows_are_refused_and_leave_nothing(tmp_path: Path, tiny_base: Path) -> None:
    data = write_rows(tmp_path / "few.jsonl", make_rows(120))
    with pytest.raises(UsageError, match="10 parts"):
        tune(tmp_path, data, tiny_base, "run", privacy={"dp": {"epsilon": 4.0}})
    assert not (tmp_path / "run").exists() and home_folder()


def test_a_base_that_learned_from_the_rows_without_privacy_is_refused(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is noted as begun: the refusal comes before the first step."""
    monkeypatch.setenv("SINTONIA_HOME", str(tmp_path / "home"))
    data = write_rows(tmp_path / "rows.jsonl", make_rows(NUM_ROWS))
    once = {"training": {"epochs": 1.0, "evaluations": 1}, "adjusting": {"turns": 1}}
    plain = tune(tmp_path, data, tiny_base, "plain", method="full", **once)
    with pytest.raises(UsageError, match="the base of this run learned from") as refused:
        tune(tmp_path, data, plain.file("turns/001/model"), "leaking", privacy={"dp": {"epsilon": 4.0}})
    assert "plain" in refused.value.where and refused.value.expected and "did not see these rows" in refused.value.hint
    assert '"begun"' not in (tmp_path / "home" / "privacy.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "sets", "is_refused"),
    [("plain", {"train": 3}, True), ("private", {"train": 3}, False), ("private", {"validation": 1}, True)],
)
def test_only_what_was_promised_to_the_rows_makes_a_base_of_them_welcome(
    finished: tuple[RunFolder, list[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    sets: dict[str, int],
    is_refused: bool,
) -> None:
    """Private trainings compose by the ledger; their validation rows were not protected."""
    run, _, _ = finished
    source = Touched(id="x", path=str(run.place.parent / name), sets=sets, is_learned=True)
    monkeypatch.setattr(tainting, "learned_behind", lambda run, keys: (source,))
    with pytest.raises(UsageError, match="nothing was promised") if is_refused else nullcontext():
        guaranteeing._refuse_base(run, rows_of(["a"]))
