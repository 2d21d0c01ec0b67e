"""The commands one after the other on a tiny base: what a person types, sees and finds."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sintonia.records import Details, Proposals, Remedy, Verdict
from sintonia.runs import RunFolder
from tests.tiny import make_rows, write_rows

FAST = ("training.epochs=2", "training.evaluations=2")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """A folder with a run that has a verdict, made by the command itself."""
    folder = tmp_path_factory.mktemp("place")
    write_rows(folder / "rows.jsonl", make_rows(400))
    process = _sintonia(folder, "tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--json", *FAST)
    assert process.returncode == 0, process.stderr
    (folder / "out.txt").write_text(process.stdout)
    (folder / "err.txt").write_text(process.stderr)
    return folder


def _sintonia(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sintonia", *words],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SINTONIA_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}


def test_tune_prints_the_verdict_as_json_and_nothing_else(place: Path) -> None:
    verdict = json.loads((place / "out.txt").read_text())
    written = json.loads((place / "runs/rows-001/verdict.json").read_text())
    written.pop("schema")
    assert verdict == written


def test_tune_ends_with_the_sentence_the_report_and_the_next_command(place: Path) -> None:
    verdict = RunFolder.open(place / "runs/rows-001").read("verdict.json", Verdict)
    assert verdict is not None
    err = (place / "err.txt").read_text()
    assert verdict.sentence in err
    assert "report    runs/rows-001/report.html" in err
    assert 'try       sintonia predict runs/rows-001 "a new text"' in err
    assert "\x1b[" not in err, "no colours where there is no terminal"


def test_the_same_folder_is_refused(place: Path) -> None:
    process = _sintonia(place, "tune", "rows.jsonl", "--out", "runs/rows-001")
    assert process.returncode == 2
    assert "sintonia resume runs/rows-001" in process.stderr


def test_predict_answers_each_text_in_order(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    answers = json.loads(call("predict", "runs/rows-001", "guitar song", "rain snow", "--json").out)
    assert [answer["input"] for answer in answers] == ["guitar song", "rain snow"]
    labels = {"weather", "music", "food", "travel"}
    assert all(answer["prediction"] in labels and 0.25 <= answer["confidence"] <= 1 for answer in answers)
    Path("texts.txt").write_bytes("\ufeffguitar song\r\nrain snow\n".encode())
    lines = call("predict", "runs/rows-001", "--file", "texts.txt").out.splitlines()
    assert [line.split("\t")[::2] for line in lines] == [[one["prediction"], one["input"]] for one in answers]
    assert call("predict", "runs/rows-001", "texts.txt").out.splitlines() == lines


def test_predict_never_loses_a_line(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    Path("texts.txt").write_text("guitar song\n\nrain snow\n")
    outcome = call("predict", "runs/rows-001", "--file", "texts.txt")
    answers = [line.split("\t") for line in outcome.out.splitlines()]
    assert outcome.exit_code == 0 and [one[-1] for one in answers] == ["guitar song", "", "rain snow"]
    assert answers[1] == ["", "", ""] and "1 of 3 rows is blank (line 2)" in outcome.err
    Path("odd.txt").write_text("rain\u2028sun\nguitar\x0c song\n")
    assert len(call("predict", "runs/rows-001", "--file", "odd.txt").out.splitlines()) == 2


def test_predict_refuses_what_is_not_text(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    Path("bad.txt").write_bytes(b"ok\n\xff\n")
    outcome = call("predict", "runs/rows-001", "--file", "bad.txt")
    assert outcome.exit_code == 3
    assert outcome.err.startswith("error: bad.txt: byte 3 is not UTF-8")


def test_adjust_proposes_and_trains_nothing(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    outcome = call("adjust", "runs/rows-001", "--json")
    assert outcome.exit_code == 0
    changes = json.loads(outcome.out)["changes"]
    assert changes and {"setting", "before", "after", "reason", "cost"} <= set(changes[0])
    assert changes[0]["reason"] in outcome.err
    assert [path.name for path in Path("runs/rows-001/turns").iterdir()] == ["001"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pick", "2"), "add --apply: --apply --pick 2"),
        (("--pick", "1"), "add --apply: --apply --pick 1"),
        (("--apply", "--pick", "99"), "there is no change 99 to apply"),
        (("--scale", "0.6", "--out", "new", "--apply"), "`--apply` and `--scale` are two things"),
        (("--scale", "0.6", "--out", "new", "--pick", "1"), "`--pick` does not go with `--scale`"),
        (("--scale", "0.6"), "`--scale` needs `--out FOLDER`"),
        (("--out", "new"), "`--out` needs `--scale 0.6`"),
        (("--scale", "1", "--out", "new"), "between 0 (the base) and 1"),
        (("--scale", "0", "--out", "new"), "between 0 (the base) and 1"),
        (("--scale", "1e-9", "--out", "new"), "between 0 (the base) and 1"),
        (("--scale", "0.6", "--out", "runs/rows-001/turns/x"), "lies in the run"),
        (("--scale", "nan", "--out", "new"), "between 0 (the base) and 1"),
        (("--scale", "0.6", "--out", "runs"), "`runs` is there already"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    place: Path, call, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(place)
    outcome = call("adjust", "runs/rows-001", *words)
    assert outcome.exit_code == 2
    assert said in outcome.err
    assert not Path("new").exists()
    assert [path.name for path in Path("runs/rows-001/turns").iterdir()] == ["001"]


def test_with_no_change_there_is_nothing_to_pick(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("sintonia.cli.offering.propose", lambda _: Proposals(data_steps=(), changes=()))
    outcome = call("adjust", "runs/rows-001", "--apply", "--pick", "1")
    assert outcome.exit_code == 2 and "there is nothing to pick from" in outcome.err and "1 to 0" not in outcome.err


def test_a_head_alone_cannot_be_scaled(place: Path, call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(place)
    base = json.loads(Path("runs/rows-001/base.json").read_text())["reference"]
    run, new = str(tmp_path / "run"), str(tmp_path / "new")
    assert call("tune", "rows.jsonl", "--base", base, "--method", "head", "--out", run, *FAST).exit_code == 0
    outcome = call("adjust", run, "--scale", "0.5", "--out", new)
    assert outcome.exit_code == 2 and "nothing to scale" in outcome.err and not list(tmp_path.glob("*new*"))


def test_a_scaled_model_is_written_whole_and_says_what_it_is(
    place: Path, call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sintonia.models.scaling import open_tuned

    monkeypatch.chdir(place)
    verdict, new = Path("runs/rows-001/verdict.json").read_bytes(), tmp_path / "deep" / "new"
    outcome = call("adjust", "runs/rows-001", "--scale", "0.6", "--out", str(new))
    assert outcome.exit_code == 0 and outcome.out.strip() == str(new)
    assert "60% of the way from its base" in outcome.err and "chosen by you" in outcome.err
    assert "itself not tested" in outcome.err and "certainty is not corrected" in outcome.err
    said, whole = json.loads((new / "sintonia.json").read_text()), Path("runs/rows-001/turns/001/model")
    assert said["scale"] == 0.6 and said["temperature"] is None
    assert json.loads((whole / "sintonia.json").read_text())["temperature"] is not None, "the run keeps its own"
    base = _weights(Path(json.loads(Path("runs/rows-001/base.json").read_text())["reference"].removeprefix("file:")))
    scaled, tuned = _weights(new), _weights(whole)
    name = "encoder.layer.0.output.dense.weight"
    assert float((scaled[name] - base[name]).norm()) == pytest.approx(
        0.6 * float((tuned[name] - base[name]).norm()), rel=1e-3
    )
    assert open_tuned(new) and [path.name for path in new.parent.iterdir()] == ["new"]
    assert Path("runs/rows-001/verdict.json").read_bytes() == verdict
    assert call("adjust", "runs/rows-001", "--scale", "0.6", "--out", str(new)).exit_code == 2


def test_the_scale_that_validation_chose_is_said_to_be_that(
    place: Path, call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = RunFolder(shutil.copytree(place / "runs/rows-001", tmp_path / "run"))
    details = copy.read("turns/001/details.json", Details)
    assert details is not None and details.forgetting is not None
    chosen = Remedy(
        scale=0.1 + 0.2,
        validation=0.9,
        validation_full=0.9,
        standard_error=0.01,
        anchors=0.5,
        recovered_fraction=0.5,
        metric="accuracy",
        num_validation=57,
    )
    forgetting = dataclasses.replace(details.forgetting, remedy=chosen)
    copy.write("turns/001/details.json", dataclasses.replace(details, forgetting=forgetting))
    for scale, said in (("0.3", "chosen on validation, and itself not tested"), ("0.4", "chosen by you")):
        outcome = call("adjust", str(copy.path), "--scale", scale, "--out", str(tmp_path / scale), "--json")
        assert outcome.exit_code == 0 and said in outcome.err
        assert json.loads(outcome.out)["is_chosen_on_validation"] == (scale == "0.3")


def test_of_a_scaled_model_nothing_half_written_stays(
    place: Path, call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("sintonia.models.scaling._say_scale", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
    outcome = call("adjust", "runs/rows-001", "--scale", "0.6", "--out", str(tmp_path / "new"))
    assert outcome.exit_code == 74 and "no space" in outcome.err and not list(tmp_path.iterdir())


def _weights(folder: Path):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_report_is_written_again(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    page = Path("runs/rows-001/report.html")
    page.unlink()
    outcome = call("report", "runs/rows-001")
    assert outcome.exit_code == 0
    assert Path(outcome.out.strip()).samefile(page)


def test_runs_lists_it_with_its_verdict(place: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (row,) = json.loads(call("runs", "--json").out)
    assert row["run"] == "runs/rows-001" and row["metric"] == "accuracy" and 0 <= row["tuned"] <= 1


def test_a_requirement_that_is_not_met_exits_with_4(tmp_path: Path, tiny_base: Path) -> None:
    """Targets at random: there is nothing to learn, so nothing may be `better`."""
    write_rows(tmp_path / "rows.jsonl", make_rows(400, noise=1.0))
    accept = [word for code in ("D110",) for word in ("--accept", code)]
    process = _sintonia(
        tmp_path, "tune", "rows.jsonl", "--base", f"file:{tiny_base}", "--require", "better", *accept, *FAST
    )
    assert process.returncode == 4, process.stderr
    assert "error: the verdict is `" in process.stderr


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_training_pauses_and_resume_goes_on(
    tmp_path: Path, tiny_base: Path, number: int, exit_code: int
) -> None:
    write_rows(tmp_path / "rows.jsonl", make_rows(400))
    words = [
        "tune",
        "rows.jsonl",
        "--base",
        f"file:{tiny_base}",
        "--out",
        "run",
        "training.epochs=40",
        FAST[1],
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "sintonia", *words],
        cwd=tmp_path,
        env=_environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("train     step 0"))
        process.send_signal(number)
        said = process.stderr.read()
    assert process.returncode == exit_code, said
    assert "hint: `sintonia resume run` goes on" in said
    resumed = _sintonia(tmp_path, "resume", "run", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["turn"] == 1
