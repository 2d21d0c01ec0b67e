"""Bases ranked on training rows with tiny models: who wins, what is noise, who is out, and that nothing is left."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from sintonia.choose import Asked, Entrant, Shown, Trial
from sintonia.choose.ranking import entering
from sintonia.corridor import choosing
from sintonia.corridor.choosing import looking, trials
from sintonia.corridor.walk import Walk
from sintonia.errors import RunFailed, UsageError
from sintonia.files import from_json, read_lines
from sintonia.models.catalog import Entry
from sintonia.pipeline import choose, improve, start
from sintonia.records import Base, Example, Machine, Prepared, Ranking
from sintonia.resources.plan import Lengths
from sintonia.runs import RunFolder
from sintonia.settings import DataSettings, Recipe, TrainingSettings
from tests.tiny import (
    FILLER,
    SPECIAL,
    TOPICS,
    make_conversations,
    make_rows,
    make_tiny_base,
    make_tiny_language_model,
    write_rows,
)


def make_seeing_base(folder: Path) -> Path:
    """A tiny base in whose word vectors the topics lie far apart."""
    make_tiny_base(folder, seed=5)
    model = BertModel.from_pretrained(folder)
    first = len(SPECIAL) + len(FILLER)
    with torch.no_grad():
        words = model.embeddings.word_embeddings.weight
        for k, topic in enumerate(TOPICS.values()):
            words[first : first + len(topic)] = 0
            words[first : first + len(topic), k] = 3.0
            first += len(topic)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of bases: one that separates, one at random, a copy of it, one that reads little, one that writes."""
    folder = tmp_path_factory.mktemp("shelf")
    make_seeing_base(folder / "seeing")
    make_tiny_base(folder / "random", seed=1)
    shutil.copytree(folder / "random", folder / "copy")
    make_tiny_language_model(folder / "writer")
    return folder


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, shelf: Path):
    """Makes these folders the whole catalog of what can classify, the first one the embedded default."""

    def take(*names: str, task: str = "classify") -> dict[str, Entry]:
        kind = "encoder" if task == "classify" else "language"
        traits = {"kind": kind, "tasks": (task,), "licence": "MIT", "commercial": "yes"}
        known = {name: Entry(name=name, reference=f"file:{shelf / name}", **traits) for name in names}  # type: ignore[arg-type]
        for module in (entering, looking, choosing):
            monkeypatch.setattr(module, "find_entry", lambda name: known.get(name) or _plain(name))
        monkeypatch.setattr(entering, "catalog", lambda: known)
        for module in (entering, choosing):
            monkeypatch.setattr(module, "default_base", lambda _: names[0])
        import sintonia.choose.base as base

        monkeypatch.setattr(base, "find_entry", lambda name: known.get(name) or _plain(name))
        monkeypatch.setattr(base, "default_base", lambda _: names[0])
        return known

    return take


def _plain(name: str) -> Entry:
    return Entry(reference=name if ":" in name else f"file:{name}")


def rank(data: Path, *, named: Sequence[str] = (), licence: str = "", **changes: object) -> tuple[Ranking, list[str]]:
    heard: list[str] = []
    recipe = dataclasses.replace(Recipe(data=DataSettings(path=str(data))), **changes)  # type: ignore[arg-type]
    ranking = choose(recipe, lambda one: heard.append(one.message), bases=named, licence=licence)
    return ranking, heard


def test_a_base_at_random_loses_against_one_that_separates(tmp_path: Path, only) -> None:
    only("random", "seeing")
    data = write_rows(tmp_path / "rows.jsonl", make_rows(500))
    ranking, heard = rank(data)
    assert [(one.base, one.rank, one.is_tied_with_first) for one in ranking.bases] == [
        ("seeing", 1, False),
        ("random", 2, False),
    ]
    first, second = ranking.bases
    assert set(first.scores) == {"h_score", "log_me", "probe"}
    assert all(first.scores[name] > second.scores[name] for name in first.scores)
    assert ranking.chosen == "seeing" and first.licence == "MIT" and first.fit and first.fertility
    assert 250 < ranking.num_examples < 400, "training rows alone"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"], "nothing is left"
    assert not any("on this machine" in one for one in heard)


def test_two_copies_are_no_real_difference_and_the_default_is_taken(tmp_path: Path, only) -> None:
    only("random", "copy")
    ranking, _ = rank(write_rows(tmp_path / "rows.jsonl", make_rows(400)))
    assert ranking.bases[0].scores == ranking.bases[1].scores
    assert ranking.bases[1].is_tied_with_first
    assert ranking.chosen == "random", "the embedded default, though `copy` comes first by its name"
    assert "no real difference" in ranking.why[0]


def test_who_cannot_be_used_is_out_with_the_reason(tmp_path: Path, shelf: Path, only, monkeypatch) -> None:
    known = only("seeing", "large", "forbidden")
    known["large"] = dataclasses.replace(known["large"], reference=f"file:{shelf / 'copy'}")
    known["forbidden"] = dataclasses.replace(known["seeing"], name="forbidden", commercial="no", licence="CC-BY-NC-4.0")
    known["forbidden"] = dataclasses.replace(known["forbidden"], reference=f"file:{shelf / 'random'}")
    real = looking.fit

    def short_of_memory(entry: Entry, recipe: Recipe, machine: Machine, lengths: Lengths | None = None):
        if entry.name == "large":
            machine = dataclasses.replace(machine, free_memory_bytes=2**20, memory_bytes=2**20)
        return real(entry, recipe, machine, lengths)

    monkeypatch.setattr(looking, "fit", short_of_memory)
    data = write_rows(tmp_path / "rows.jsonl", make_rows(400))
    nowhere = tmp_path / "nowhere"
    named = (f"file:{shelf / 'writer'}", f"file:{nowhere}")
    ranking, _ = rank(data, named=named, licence="commercial")
    why = {one.base: one.why_out for one in ranking.bases}
    assert why["seeing"] == "" and ranking.chosen == "seeing"
    assert "needs an encoder" in why[f"file:{shelf / 'writer'}"] or "licence" in why[f"file:{shelf / 'writer'}"]
    assert "does not allow commercial use" in why["forbidden"]
    assert "licence" in why[f"file:{nowhere}"]
    assert "memory" in why["large"] or "GiB" in why["large"]
    free, _ = rank(data, named=named)
    why = {one.base: one.why_out for one in free.bases}
    assert why["forbidden"] == ""
    assert "needs an encoder" in why[f"file:{shelf / 'writer'}"]
    assert why[f"file:{nowhere}"] and nowhere.name in why[f"file:{nowhere}"]


def test_a_base_that_reads_too_little_is_out(tmp_path: Path, shelf: Path, only) -> None:
    folder = shelf / "narrow"
    if not folder.exists():
        shutil.copytree(shelf / "random", folder)
        model = BertModel.from_pretrained(folder)
        model.config.max_position_embeddings = 8
        cut = model.embeddings.position_embeddings.weight.detach()[:8].clone()
        narrow = BertModel(model.config)
        state = model.state_dict()
        state["embeddings.position_embeddings.weight"] = cut
        narrow.load_state_dict(state, strict=False)
        narrow.save_pretrained(folder)
    only("seeing", "narrow")
    ranking, _ = rank(write_rows(tmp_path / "rows.jsonl", make_rows(300 + 60)))
    assert [one.base for one in ranking.bases if one.rank] == ["seeing"]
    assert "reads 8 tokens at most" in ranking.bases[1].why_out


def test_with_a_budget_the_best_are_trained_a_little(tmp_path: Path, only) -> None:
    only("random", "seeing", "copy")
    data = write_rows(tmp_path / "rows.jsonl", make_rows(500))
    ranking, heard = rank(data, budget_seconds=20.0)
    assert ranking.chosen == "seeing" and ranking.bases[0].base == "seeing"
    trained = {one.base for one in ranking.bases if "short_training" in one.scores}
    assert trained == {"random", "seeing", "copy"}
    assert sum(one.startswith("training `") for one in heard) == 5, "three, then the better two"
    assert any("trained a little, in 2 rounds" in one for one in ranking.why)


def test_short_trainings_see_training_rows_alone(tmp_path: Path, shelf: Path, only, monkeypatch) -> None:
    only("random", "seeing")
    data = write_rows(tmp_path / "rows.jsonl", make_rows(500))
    seen: list[str] = []
    sets: dict[str, set[str]] = {}
    real_train, real_look, real_prepare = trials.train, looking.look_at_texts, choosing.prepare

    def noted(job):
        seen.extend(one.input for one in (*job.train, *job.validation))
        return real_train(job)

    def looked(base, examples):
        seen.extend(one.input for one in examples)
        return real_look(base, examples)

    def prepared(recipe: Recipe, run: RunFolder, **how: bool) -> Prepared:
        found = real_prepare(recipe, run, **how)
        part = found.parts[0]
        for name in ("train", "validation"):
            lines = read_lines(run.file(getattr(part, name).path))
            sets[name] = {from_json(Example, body).input for body in lines}
        run.file(part.validation.path).unlink()
        return found

    monkeypatch.setattr(trials, "train", noted)
    monkeypatch.setattr(looking, "look_at_texts", looked)
    monkeypatch.setattr(choosing, "prepare", prepared)
    rank(data, budget_seconds=20.0)
    assert set(seen) == sets["train"] and not set(seen) & sets["validation"]


def test_an_interruption_leaves_no_folder(tmp_path: Path, only, monkeypatch) -> None:
    only("random", "seeing")
    work = tmp_path / "tmp"
    work.mkdir()
    monkeypatch.setattr(choosing.tempfile, "tempdir", str(work))

    def interrupted(job):
        assert any(work.iterdir())
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(trials, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rank(write_rows(tmp_path / "rows.jsonl", make_rows(400)), budget_seconds=20.0)
    assert not any(work.iterdir())


def test_a_training_that_breaks_is_told_and_loses(tmp_path: Path, only, monkeypatch) -> None:
    only("random", "seeing")
    real = trials.train

    def broken(job):
        if job.base.reference.endswith("seeing"):
            raise RunFailed("the loss of step 1 is not a finite number")
        yield from real(job)

    monkeypatch.setattr(trials, "train", broken)
    ranking, heard = rank(write_rows(tmp_path / "rows.jsonl", make_rows(400)), budget_seconds=20.0)
    assert "`seeing` could not be trained: the loss of step 1 is not a finite number" in heard
    assert [one.base for one in ranking.bases] == ["random", "seeing"] and ranking.chosen == "random"
    assert "short_training" not in ranking.bases[1].scores and not ranking.bases[1].is_tied_with_first


def test_conversations_are_ranked_by_the_bits_of_their_answers(tmp_path: Path, shelf: Path, only) -> None:
    data = write_rows(tmp_path / "rows.jsonl", make_conversations(400))
    taught = shelf / "taught"
    if not taught.exists():
        shutil.copytree(shelf / "writer", taught)
        _teach_letters(taught)
    only("writer", "taught", task="chat")
    ranking, _ = rank(data, task="chat", budget_seconds=30.0)
    assert [one.base for one in ranking.bases] == ["taught", "writer"]
    first, second = ranking.bases
    assert set(first.scores) == {"bits_per_byte", "few_shot_bits", "short_training"}
    assert first.scores["bits_per_byte"] < second.scores["bits_per_byte"] - 0.3
    assert all(0 < one.scores["short_training"] < one.scores["bits_per_byte"] for one in ranking.bases), (
        "it has learned"
    )
    assert not second.is_tied_with_first and ranking.chosen == "taught"
    assert any("bits per byte of the answers" in one for one in ranking.why)


def test_a_writer_that_cuts_is_out_and_the_others_are_compared_on_all(tmp_path: Path, shelf: Path, only) -> None:
    narrow = shelf / "short-writer"
    if not narrow.exists():
        shutil.copytree(shelf / "writer", narrow)
        settings = json.loads((narrow / "config.json").read_text())
        (narrow / "config.json").write_text(json.dumps({**settings, "max_position_embeddings": 48}))
    only("writer", "short-writer", task="chat")
    data = write_rows(tmp_path / "rows.jsonl", make_conversations(400))
    ranking, heard = rank(data, task="chat")
    out = {one.base: one.why_out for one in ranking.bases}
    share = int(out["short-writer"].partition(", and ")[2].partition(" %")[0])
    assert "reads 48 tokens at most" in out["short-writer"] and 5 < share <= 100
    assert ranking.num_examples == 100, "the others read all of them whole"
    assert any("looking at 100 training examples" in one for one in heard)
    assert "on 100 training examples" in ranking.why[-1]


def test_memory_is_asked_again_with_the_lengths_of_the_longest_rows(tmp_path: Path, only, monkeypatch) -> None:
    only("random", "seeing")
    told: list[Lengths | None] = []
    real = looking.fit

    def noted(entry: Entry, recipe: Recipe, machine: Machine, lengths: Lengths | None = None):
        told.append(lengths)
        found = real(entry, recipe, machine, lengths)
        is_too_much = entry.name == "random" and lengths is not None
        return dataclasses.replace(found, outcome="does not fit", reason="too long") if is_too_much else found

    monkeypatch.setattr(looking, "fit", noted)
    rows = make_rows(400)
    for row in rows[:200]:
        row["text"] = row["text"] * 3
    ranking, _ = rank(write_rows(tmp_path / "rows.jsonl", rows))
    assert [one is None for one in told] == [True, False, True, False]
    assert told[1] and told[1].longest[0] == max(told[1].longest) and len(told[1].longest) == 32
    assert {one.base: one.why_out for one in ranking.bases} == {"seeing": "", "random": "too long"}


def _teach_letters(folder: Path) -> None:
    """A few steps on plain letters, so that the model knows which of them are usual."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([tokenizer("take an umbrella play a song cook some soup pack the luggage " * 3)["input_ids"]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)


@pytest.fixture
def quick() -> TrainingSettings:
    return TrainingSettings(epochs=1.0, evaluations=1)


def test_tune_ranks_where_there_are_two_and_keeps_why(tmp_path: Path, shelf: Path, only, quick, monkeypatch) -> None:
    only("random", "seeing")
    data = write_rows(tmp_path / "rows.jsonl", make_rows(500))
    run = start(Recipe(data=DataSettings(path=str(data)), training=quick), tmp_path / "run")
    improve(run)
    ranking, base = run.read("ranking.json", Ranking), run.read("base.json", Base)
    assert ranking and base and ranking.chosen == "seeing"
    assert base.reference == f"file:{shelf / 'seeing'}" and base.why[0] == ranking.why[0]
    assert "named in the recipe" not in base.why and "ranking.json" in base.origin
    assert f"origin: {base.origin}" in run.file("resolved.yaml").read_text()
    assert run.read("resources.json", dict)["measured"]["stages"]["choose"] > 0  # type: ignore[index]
    assert not run.file("cache/choosing").exists()

    monkeypatch.setattr(choosing, "_rank", lambda *_: pytest.fail("a resumed run ranks again"))
    run.file("base.json").unlink()
    walk = Walk(run, lambda _: None)
    prepared = run.read("prepared.json", Prepared)
    assert prepared and choosing.choose_base(walk, prepared).reference == base.reference


def test_tune_takes_the_default_where_it_is_alone_or_rows_are_few(tmp_path: Path, shelf: Path, only, quick) -> None:
    only("random")
    data = write_rows(tmp_path / "rows.jsonl", make_rows(400))
    run = start(Recipe(data=DataSettings(path=str(data)), training=quick), tmp_path / "run")
    walk, heard = Walk(run, lambda one: heard.append(one.message)), list[str]()
    prepared = choosing.prepare(run.recipe(), run)
    assert choosing.rank_for_run(walk, prepared) is None
    only("random", "seeing")
    many = dataclasses.replace(prepared, parts=prepared.parts * 10)
    assert choosing.rank_for_run(walk, many) is None and "few rows" in heard[-1]
    assert choosing.rank_for_run(walk, prepared) is not None


def test_of_few_rows_none_chooses_the_base(tmp_path: Path, only, monkeypatch) -> None:
    only("random", "seeing")
    monkeypatch.setattr(choosing, "look_at_all", lambda *_: pytest.fail("rows are looked at that are tested later"))
    data = write_rows(tmp_path / "rows.jsonl", make_rows(120))
    ranking, _ = rank(data)
    assert (ranking.chosen, ranking.bases, ranking.num_examples) == ("random", (), 0)
    assert "each is tested in one of 10 parts" in ranking.why[0]


def test_few_rows_with_a_test_and_a_validation_of_ones_own_are_ranked(tmp_path: Path, only) -> None:
    only("random", "seeing")
    rows, names = make_rows(240), ("path", "test", "validation")
    files = {name: str(write_rows(tmp_path / f"{name}.jsonl", rows[k::3])) for k, name in enumerate(names)}
    heard: list[str] = []
    ranking = choose(Recipe(data=DataSettings(**files)), lambda one: heard.append(one.message))  # type: ignore[arg-type]
    assert ranking.num_examples > 50 and len(ranking.bases) == 2, "one part: no row of it is tested"


def test_time_is_foreseen_by_forward_passes_and_word_vectors_cost_nothing() -> None:
    def base(**changes: object) -> Base:
        shape = {"num_parameters": 20, "num_layers": 6, "hidden_size": 384, "max_tokens": 512, **changes}
        words = {"reference": "x", "revision": "", "licence": "MIT", "why": (), "estimated_memory_bytes": 0}
        return Base(**words, **shape)  # type: ignore[arg-type]

    def seen(name: str, **measured: float) -> looking._Seen:
        # Opening took 100 s, which says nothing of the next one.
        return looking._Seen(entrant=Entrant(name=name, num_parameters=20, seconds=100.0), **measured)  # type: ignore[arg-type]

    small = base()
    before = [seen("a", forward_seconds=2.0, layer_weights=looking.layer_weights(small))]
    multilingual, large = base(num_parameters=2000), base(num_parameters=2000, num_layers=24, hidden_size=1024)
    assert looking._too_late(multilingual, before, 3.0) == ""
    assert "would take about" in looking._too_late(large, before, 3.0)
    assert looking._too_late(large, [], 3.0) == looking._too_late(large, before, None) == ""
    slow = [*before * 2, seen("b", forward_seconds=900.0, layer_weights=looking.layer_weights(small))]
    assert looking._too_late(small, slow, 3.0) == "", "one that was slow does not put the others out"


def test_what_would_take_too_long_is_not_begun(tmp_path: Path, only, monkeypatch) -> None:
    only("random", "seeing")
    monkeypatch.setattr(choosing, "_TUNE_SECONDS", 1e-9)
    data = write_rows(tmp_path / "rows.jsonl", make_rows(400))
    run = start(Recipe(data=DataSettings(path=str(data))), tmp_path / "run")
    ranking = choosing.rank_for_run(Walk(run, lambda _: None), choosing.prepare(run.recipe(), run))
    assert ranking and [bool(one.rank) for one in ranking.bases] == [True, False]
    assert "would take about" in ranking.bases[1].why_out


def test_an_unknown_licence_or_base_is_refused_before_the_data_are_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(choosing, "prepare", lambda *_, **__: pytest.fail("the data are read"))
    with pytest.raises(UsageError, match="licence") as caught:
        rank(tmp_path / "rows.jsonl", licence="comercial")
    assert "commercial" in caught.value.hint
    with pytest.raises(UsageError, match="no-such-base"):
        rank(tmp_path / "rows.jsonl", named=("no-such-base",))


def test_a_task_whose_bases_are_not_ranked_is_refused(tmp_path: Path) -> None:
    rows = [
        {"tokens": row["text"].split(), "tags": ["B-X", *["O"] * len(row["text"].split()[1:])]}
        for row in make_rows(400)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UsageError, match="task `tag`"):
        rank(path, task="tag")


@pytest.fixture
def bench(tmp_path: Path, only) -> trials.Bench:
    """Short trainings of the tiny base `seeing`, on training rows."""
    only("seeing")
    data = write_rows(tmp_path / "rows.jsonl", make_rows(500))
    run = start(Recipe(data=DataSettings(path=str(data))), tmp_path / "run")
    prepared = choosing.prepare(run.recipe(), run)
    inner, held = choosing.held_out(choosing.drawn_from(run, prepared)[0])
    walk = Walk(run, lambda _: None)
    return trials.Bench(walk=walk, prepared=prepared, metric="accuracy", inner=inner, held=held)


def take(bench: trials.Bench, work: Path, *, seconds: float, pace: float) -> Trial:
    shown = Shown(scores={}, outcomes=(), weights=(), forward_seconds=pace)
    trial = trials.take_trial(
        bench, Asked(base="seeing", round=1, seconds=seconds), Entrant(name="seeing", shown=shown), work
    )
    assert not list(work.glob("*")) and len(trial.outcomes) == len(bench.held) and not trial.why_broken
    return trial


def test_a_short_training_takes_as_many_steps_as_its_time_allows(bench: trials.Bench, tmp_path: Path) -> None:
    assert [trials._round_down(steps) for steps in (-5.0, 14.0, 16.0, 1000.0)] == [10, 10, 15, 960]
    short = take(bench, tmp_path / "work", seconds=60.0, pace=60.0)
    assert short.num_steps == 10, "no room for more, by the pace that was measured"
    longer = take(bench, tmp_path / "work", seconds=60.0, pace=0.012)
    assert 10 < longer.num_steps <= 160 and longer.num_steps in (15, 20, 30, 40, 60, 80, 120, 160)


def test_a_short_training_that_is_late_is_stopped_at_its_next_measurement(bench, tmp_path: Path) -> None:
    late = take(bench, tmp_path / "work", seconds=1e-3, pace=1e-9)
    planned = take(bench, tmp_path / "work", seconds=600.0, pace=1e-9)
    assert 0 < late.num_steps < planned.num_steps
