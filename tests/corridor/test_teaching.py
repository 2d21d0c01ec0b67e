"""A finished run teaches another base: what is answered and what is not, the same test, and both held against."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sintonia.cli.main import main
from sintonia.corridor.growing.teaching import answering
from sintonia.errors import DataError, SintoniaError, StorageError, UsageError
from sintonia.evaluate import answer_texts
from sintonia.evaluate.scoring import teaching
from sintonia.pipeline import Progress, finished_turns, improve, start, teach
from sintonia.records import Answered, Example, Prepared, Scorecard, Taught, Verdict
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from sintonia.statistics import level_of_opening
from tests.tiny import make_rows, make_tiny_base, write_rows

QUICK = TrainingSettings(epochs=1.0, learning_rate=1e-3, evaluations=1)
QUICK_WORDS = ("training.epochs=1", "training.learning_rate=1e-3", "training.evaluations=1")
AT_ONCE = 20


class Halted(Exception):
    """As if the process had been killed."""


def until_half_is_answered(progress: Progress) -> None:
    if progress.stage == "teach" and "texts are answered" in progress.message:
        raise Halted


@pytest.fixture(scope="module", autouse=True)
def unsure_teachers() -> Iterator[None]:
    """Tiny teachers are never certain, and teach all the same here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teaching, "LEAST_CERTAIN", 0.0)
        yield


@pytest.fixture(scope="module")
def other_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another tiny base, with other weights."""
    return make_tiny_base(tmp_path_factory.mktemp("other") / "tiny", seed=7)


@dataclass
class Class:
    """A teacher, its pool, and the run that it has taught after a kill in the middle of the answers."""

    folder: Path
    data: Path
    teacher: RunFolder
    pool: Path
    run: RunFolder
    verdict: Verdict
    tested: str
    """A text of the teacher's test that was planted in the pool."""
    asked: list[int]
    """How many texts the teacher was asked at once, call by call, after the kill."""
    told: str


def texts_of_test(teacher: RunFolder, rows: list[dict[str, str]]) -> list[str]:
    prepared = teacher.read("prepared.json", Prepared)
    assert prepared is not None
    (part,) = prepared.parts
    sets = [one for made in (part.train, part.validation) for one in teacher.lines(made.path, Example)]
    seen = {one.input for one in sets}
    return [row["text"] for row in rows if row["text"] not in seen]


def trained_rows(run: RunFolder) -> list[Example]:
    return run.lines("data/train.jsonl", Example)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, other_base: Path) -> Iterator[Class]:
    """400 rows; a pool of 100 new texts with wrong labels, and 6 that are no use, answered with a kill between."""
    folder = tmp_path_factory.mktemp("teaching")
    rows = make_rows(500, noise=0.1)
    data = write_rows(folder / "rows.jsonl", rows[:400])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINTONIA_HOME", str(folder / "home"))
        patch.chdir(folder)
        teacher = start(Recipe(data=DataSettings(path=str(data)), base=f"file:{tiny_base}", training=QUICK), "teacher")
        improve(teacher)
        tested = texts_of_test(teacher, rows[:400])[0]
        learned = [one.input for one in trained_rows(teacher)[:2]]
        texts = [*(row["text"] for row in rows[400:]), tested.upper(), *learned, "", rows[400]["text"], "  "]
        pool = write_rows(folder / "pool.jsonl", [{"text": one, "label": "nonsense"} for one in texts])
        patch.setattr(answering, "_QUIET_SECONDS", 0.0)
        patch.setattr(answering, "_USUALLY_AT_ONCE", AT_ONCE)
        run = teach(teacher, pool, Path("taught"), {"base": f"file:{other_base}"}, QUICK_WORDS)
        with pytest.raises(Halted):
            improve(run, until_half_is_answered)
        with run.file("cache/answers.jsonl").open("a") as stream:
            stream.write('{"answers": [{"line"')  # what a kill leaves of a line
        asked: list[int] = []
        original = answering.open_teacher

        def counting(*given: object) -> object:
            ask = original(*given)  # type: ignore[arg-type]
            return lambda inputs: asked.append(len(inputs)) or ask(inputs)

        patch.setattr(answering, "open_teacher", counting)
        said: list[str] = []
        patch.setattr("sintonia.cli.taught.say", lambda text="", **_: said.append(text))
        assert main(["resume", "taught"]) == 0
    verdict = run.read("verdict.json", Verdict)
    assert verdict is not None
    yield Class(folder, data, teacher, pool, run, verdict, tested, asked, "\n".join(said))


def test_a_kill_loses_no_answer_and_none_is_asked_twice(taught: Class) -> None:
    assert sum(taught.asked) == 101 - AT_ONCE and max(taught.asked) == AT_ONCE
    assert not taught.run.file("cache/answers.jsonl").exists()
    answered = taught.run.read("answered.json", Answered)
    assert answered is not None
    assert answered.rows_in == 106 == answered.rows_answered + sum(answered.set_aside.values())
    assert answered.set_aside == {
        "are trained on already, with a target of their own": 2,
        "are empty or no text": 2,
        "repeat an earlier row of the pool": 1,
    }
    assert any("not used: `label`" in note for note in answered.notes)


def test_a_text_of_the_test_is_set_aside_and_counted(taught: Class) -> None:
    found = taught.run.read("taught.json", Taught)
    assert found is not None
    assert found.set_aside["have the text of a row of validation or the test"] == 1
    assert found.rows_in == 106 == found.rows_used + sum(found.set_aside.values())
    trained = {one.input.lower() for one in trained_rows(taught.run)}
    assert taught.tested.lower() not in trained
    assert len(trained_rows(taught.run)) == found.rows_before + found.rows_used
    assert found.rows_before == len(trained_rows(taught.teacher))


def test_the_answers_are_the_teachers_and_true_targets_stay(taught: Class) -> None:
    before = {one.input: one.target for one in trained_rows(taught.teacher)}
    rows = trained_rows(taught.run)
    new = [one for one in rows if one.place.file == "taught.jsonl"]
    assert {one.input: one.target for one in rows if one.place.file != "taught.jsonl"} == before
    labels, _, best = answer_texts(taught.teacher.file("model"), [one.input for one in new])
    assert [one.target for one in new] == [labels[k] for k in best]
    path = taught.run.file("data/taught.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {json.loads(line)["label"] for line in path.read_text().splitlines()} <= set(labels)


def test_validation_and_test_are_the_teachers_and_the_opening_is_the_second(taught: Class) -> None:
    for name in ("validation", "sealed_test"):
        both = [run.file(f"data/{name}.jsonl").read_bytes() for run in (taught.teacher, taught.run)]
        assert both[0] == both[1]
    assert taught.verdict.test_openings == 2 and taught.verdict.level == level_of_opening(2)
    first = taught.teacher.read("verdict.json", Verdict)
    assert first is not None and first.test_openings == 1


def test_both_are_held_against_each_other_as_their_scorecards_say(taught: Class) -> None:
    found = taught.run.read("taught.json", Taught)
    runs = (taught.teacher, taught.run)
    cards = [one.read("turns/001/scorecards/test-tuned.json", Scorecard) for one in runs]
    assert found is not None and cards[0] and cards[1] and cards[0].ids == cards[1].ids
    shares = [sum(a == b for a, b in zip(one.targets, one.predictions, strict=True)) / len(one.ids) for one in cards]
    comparison = found.comparison
    assert (comparison.base.value, comparison.tuned.value) == pytest.approx(shares)
    assert comparison.difference.value == pytest.approx(shares[1] - shares[0])
    assert comparison.difference.low <= comparison.difference.value <= comparison.difference.high
    assert found.kept_fraction == pytest.approx(shares[1] / shares[0])
    assert found.size.num_parameters == found.teacher_size.num_parameters > 10_000
    assert min(found.size.examples_per_second, found.teacher_size.examples_per_second) > 0
    assert "not smaller" in found.sentence and "examples a second" in found.sentence
    assert found.sentence in taught.told and "pool.jsonl: " in taught.told


def test_it_is_told_in_the_report_the_card_and_the_list_of_runs(
    taught: Class, capsys: pytest.CaptureFixture[str]
) -> None:
    page, card = (taught.run.file(name).read_text() for name in ("report.html", "card.md"))
    assert "Against the teacher" in page and "pool.jsonl" in page
    assert "Against the model that taught it" in card and str(taught.folder) not in card
    assert "Against the teacher" not in taught.teacher.file("report.html").read_text()
    assert main(["runs", str(taught.folder), "--json"]) == 0
    rows = {Path(row["run"]).name: row["against_teacher"] for row in json.loads(capsys.readouterr().out)}
    found = taught.run.read("taught.json", Taught)
    assert found is not None and rows["teacher"] is None
    assert rows["taught"]["difference"] == found.comparison.difference.value
    assert main(["runs", str(taught.folder)]) == 0
    assert "against" in capsys.readouterr().out


def test_the_recipe_is_the_teachers_but_for_the_base_and_what_was_asked(taught: Class, other_base: Path) -> None:
    recipe, before = taught.run.recipe(), finished_turns(taught.teacher)[0].recipe
    assert recipe.base == f"file:{other_base}" and recipe.training == QUICK
    assert recipe.data.path == before.data.path and recipe.evaluation.primary_metric == "accuracy"
    assert recipe.data.added == (str(taught.run.file("data/taught.jsonl")),)


def taught_at_once(folder: Path, teacher: RunFolder, base: Path, texts: list[str], words: tuple[str, ...]) -> Taught:
    pool = folder / f"{base.parent.name}.txt"
    pool.write_text("\n".join(texts) + "\n", encoding="utf-8")
    run = teach(teacher, pool, folder / f"of-{teacher.path.name}", {"base": f"file:{base}"}, words)
    improve(run)
    found = run.read("taught.json", Taught)
    assert found is not None
    return found


def test_the_sign_is_right_for_a_bad_teacher_and_for_a_bad_pupil(
    tmp_path: Path, tiny_base: Path, other_base: Path
) -> None:
    """The planted defect and its clean opposite: weights that hardly move from a random head know nothing."""
    rows = make_rows(440)
    data = write_rows(tmp_path / "rows.jsonl", rows[:400])
    lazy = ("training.epochs=1", "training.learning_rate=1e-7", "training.head_start=random")
    bad = TrainingSettings(epochs=1.0, learning_rate=1e-7, head_start="random")
    good = TrainingSettings(epochs=4.0, learning_rate=1e-2)
    outcomes = {}
    for name, training, words in (
        ("bad", bad, ("training.epochs=4", "training.learning_rate=1e-2")),
        ("good", good, lazy),
    ):
        recipe = Recipe(data=DataSettings(path=str(data)), base=f"file:{tiny_base}", training=training)
        teacher = start(recipe, tmp_path / name)
        improve(teacher)
        outcomes[name] = taught_at_once(tmp_path, teacher, other_base, [row["text"] for row in rows[400:]], words)
    better, worse = outcomes["bad"], outcomes["good"]
    assert better.outcome == "better" and better.comparison.difference.low > 0 and better.is_within_margin
    assert worse.outcome == "worse" and worse.comparison.difference.high < 0 and not worse.is_within_margin
    assert "better than its teacher" in better.sentence and "worse than its teacher" in worse.sentence


def refusals(
    taught: Class, tmp_path: Path, tiny_base: Path
) -> list[tuple[type[SintoniaError], str, dict[str, object]]]:
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    known = write_rows(tmp_path / "known.jsonl", [{"text": one.input} for one in trained_rows(taught.teacher)[:5]])
    numbers = write_rows(tmp_path / "numbers.jsonl", [{"a": k, "b": k + 1} for k in range(30)])  # type: ignore[dict-item]
    return [
        (UsageError, "no file", {"pool": tmp_path / "nowhere.txt"}),
        (DataError, "no text", {"pool": empty}),
        (DataError, "left to be answered: 5 are trained on", {"pool": known}),
        (DataError, "input", {"pool": numbers}),
        (UsageError, "is the training file of the teacher", {"pool": taught.data}),
        (UsageError, "tuned from", {"asked": {"base": f"file:{tiny_base}"}}),
        (UsageError, "`data.time` is what the teacher has", {"words": ("data.time=day",)}),
        (UsageError, "exists already", {"out": taught.teacher.path}),
    ]


def test_what_cannot_work_is_refused_and_leaves_nothing(
    taught: Class, tmp_path: Path, tiny_base: Path, other_base: Path
) -> None:
    usual = {"pool": taught.pool, "out": tmp_path / "out", "asked": {"base": f"file:{other_base}"}}
    for kind, said, given in refusals(taught, tmp_path, tiny_base):
        with pytest.raises(kind, match=said) as refused:
            teach(taught.teacher, **(usual | given))  # type: ignore[arg-type]
        assert refused.value.hint, said
        assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*")), said


def test_an_unfinished_teacher_and_one_whose_data_changed_are_refused(
    taught: Class, tmp_path: Path, tiny_base: Path, other_base: Path
) -> None:
    asked = {"base": f"file:{other_base}"}
    begun = start(Recipe(data=DataSettings(path=str(taught.data)), base=f"file:{tiny_base}"), tmp_path / "begun")
    with pytest.raises(UsageError, match="no verdict"):
        teach(begun, taught.pool, tmp_path / "out", asked)
    text = taught.data.read_text()
    try:
        write_rows(taught.data, [*map(json.loads, text.splitlines()), *make_rows(100, 77)])
        with pytest.raises(DataError, match="would not be what they were"):
            teach(taught.teacher, taught.pool, tmp_path / "out", asked)
        taught.data.unlink()
        with pytest.raises(DataError, match="is gone"):
            teach(taught.teacher, taught.pool, tmp_path / "out", asked)
    finally:
        taught.data.write_text(text)


def test_a_pool_or_a_teacher_that_changed_since_the_run_began_stops_it_and_loses_nothing(
    taught: Class, tmp_path: Path, other_base: Path
) -> None:
    pool = Path(shutil.copy(taught.pool, tmp_path / "pool.jsonl"))
    run = teach(taught.teacher, pool, tmp_path / "out", {"base": f"file:{other_base}"}, QUICK_WORDS)
    with pool.open("a") as stream:
        stream.write('{"text": "one more", "label": "x"}\n')
    with pytest.raises(StorageError, match="the pool was changed"):
        improve(run)
    taught.teacher.path.rename(taught.folder / "moved")
    try:
        with pytest.raises(StorageError, match="the teacher cannot be read"):
            improve(run)
    finally:
        (taught.folder / "moved").rename(taught.teacher.path)
    assert run.file("teaching.json").exists()


def test_data_of_the_teacher_that_changed_while_it_answered_are_refused_before_training(
    taught: Class, tmp_path: Path, other_base: Path
) -> None:
    run, text = teach(taught.teacher, taught.pool, tmp_path / "out", {"base": f"file:{other_base}"}), ""

    def add_rows(progress: Progress) -> None:
        nonlocal text
        if progress.stage == "prepare" and not text:
            text = taught.data.read_text()
            write_rows(taught.data, [*map(json.loads, text.splitlines()), *make_rows(100, 77)])

    try:
        with pytest.raises(DataError, match="would not be what they were"):
            improve(run, add_rows)
    finally:
        taught.data.write_text(text)
    assert run.file("answered.json").exists() and not run.file("turns").exists()


def test_a_pool_of_nothing_but_texts_of_the_test_is_refused(taught: Class, tmp_path: Path, other_base: Path) -> None:
    texts = texts_of_test(taught.teacher, [json.loads(line) for line in taught.data.read_text().splitlines()])
    pool = tmp_path / "pool.txt"
    pool.write_text("\n".join(texts[:5]) + "\n")
    run = teach(taught.teacher, pool, tmp_path / "out", {"base": f"file:{other_base}"})
    with pytest.raises(DataError, match="no row of the pool can be trained on: 5 have the text"):
        improve(run)
    assert not run.path.exists()


def test_a_refusal_after_the_answers_takes_none_of_them_away(
    taught: Class, tmp_path: Path, other_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("too little memory")

    run = teach(taught.teacher, taught.pool, tmp_path / "out", {"base": f"file:{other_base}"}, QUICK_WORDS)
    with monkeypatch.context() as patch:
        patch.setattr("sintonia.corridor.choosing.choose_base", refuse)
        with pytest.raises(UsageError, match="too little memory"):
            improve(run)
    assert run.file("answered.json").exists()
    told: list[str] = []
    improve(run, lambda progress: told.append(progress.stage))
    assert "teach" not in told and run.read("taught.json", Taught) is not None


def test_what_a_teacher_is_not_certain_of_is_no_target(
    taught: Class, tmp_path: Path, other_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [row["text"] for row in make_rows(60, 3)]
    model = taught.teacher.file("model")
    _, probabilities, best = answer_texts(model, texts)
    found = probabilities[range(len(texts)), best]
    limit = float(sorted(found)[20])
    with monkeypatch.context() as patch:
        patch.setattr(teaching, "LEAST_CERTAIN", limit)
        said = teaching.open_teacher(model, (), None)(texts)
        assert [one is teaching.UNSURE for one in said] == [one < limit for one in found.tolist()]
        assert sum(one is teaching.UNSURE for one in said) == 20
        patch.setattr(teaching, "LEAST_CERTAIN", 1.01)
        run = teach(taught.teacher, taught.pool, tmp_path / "out", {"base": f"file:{other_base}"}, QUICK_WORDS)
        with pytest.raises(DataError, match="none of 101 texts a target: 101 are answered with less than"):
            improve(run)
    assert not run.path.exists()


def test_few_rows_in_ten_parts_are_refused(tmp_path: Path, tiny_base: Path, other_base: Path) -> None:
    rows = make_rows(100)
    data = write_rows(tmp_path / "rows.jsonl", rows[:60])
    teacher = start(Recipe(data=DataSettings(path=str(data)), base=f"file:{tiny_base}", training=QUICK), tmp_path / "t")
    improve(teacher)
    pool = write_rows(tmp_path / "pool.jsonl", rows[60:])
    with pytest.raises(UsageError, match="those of the tests among them"):
        teach(teacher, pool, tmp_path / "out", {"base": f"file:{other_base}"})


def test_the_command_says_what_is_the_teachers_to_say(
    taught: Class, tmp_path: Path, other_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", str(taught.pool), "--teacher", str(taught.teacher.path), "--base", f"file:{other_base}"]
    assert main([*words, "--task", "classify", "--out", str(tmp_path / "out")]) == 2
    assert "--task beside `--teacher`" in capsys.readouterr().err
    assert main(["tune", "--teacher", str(taught.teacher.path)]) == 2
    assert "no pool was given" in capsys.readouterr().err
    assert main([*words[:3], str(tmp_path / "none"), "--base", f"file:{other_base}"]) == 2
    assert "is not a run folder" in capsys.readouterr().err
