"""The unmodified client of OpenAI drives the whole process on real loopback HTTP, and validates answers strictly."""

from __future__ import annotations

import base64
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from tests.serving import FAST, TOKEN, Served, chat_lines, lines_of, preference_lines, wait_for, write_catalog
from tests.tiny import make_rows

SPELLINGS = [("preferred_output", "non_preferred_output"), ("preferred_completion", "non_preferred_completion")]
SHORT = {"training": {**FAST["training"], "epochs": 1}, "evaluation": FAST["evaluation"]}


@pytest.fixture(scope="module")
def served(tiny_base: Path, tiny_language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served")
    write_catalog(home, encoder=tiny_base, talker=tiny_language_model)
    server = Served(home).start()
    yield server
    assert server.stop() == 143, (home / "server.txt").read_text()


@pytest.fixture(scope="module")
def client(served: Served) -> OpenAI:
    return served.client


def upload(client: OpenAI, content: bytes, name: str = "rows.jsonl") -> str:
    return client.files.create(file=(name, content), purpose="fine-tune").id


def create(client: OpenAI, content: bytes, model: str = "talker", **asked: Any) -> FineTuningJob:
    asked.setdefault("extra_body", {"sintonia": SHORT})
    return client.fine_tuning.jobs.create(model=model, training_file=upload(client, content), **asked)


@pytest.fixture(scope="module")
def tuned(client: OpenAI) -> FineTuningJob:
    """A job that has succeeded."""
    job = create(client, chat_lines(320), suffix="my model", seed=7, metadata={"who": "me"})
    assert (job.status, job.seed, job.fine_tuned_model) == ("validating_files", 7, None)
    return wait_for(client, job.id, "succeeded")


def test_files_are_kept_listed_read_and_deleted(client: OpenAI) -> None:
    content = lines_of([{"a": 1}])
    names = [upload(client, content, f"../../etc/{number}.jsonl") for number in range(5)]
    found = client.files.wait_for_processing(names[0])
    assert (found.filename, found.bytes, found.purpose, found.status) == (
        "0.jsonl",
        len(content),
        "fine-tune",
        "processed",
    )
    assert client.files.content(names[0]).read() == content
    newest_first = [one.id for one in client.files.list(limit=2) if one.id in names]  # walks through all pages
    assert newest_first == names[::-1]
    assert [one.id for one in client.files.list(order="asc", limit=3) if one.id in names] == names
    assert client.files.delete(names[0]).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(names[0])
    kept = client.files.create(
        file=("b.jsonl", content), purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert kept.expires_at == kept.created_at + 3600


def test_a_job_gives_a_model_its_verdict_and_its_results(client: OpenAI, tuned: FineTuningJob) -> None:
    assert tuned.fine_tuned_model is not None and tuned.finished_at is not None and tuned.error is None
    assert tuned.fine_tuned_model.startswith("ft:talker:local:my-model:") and len(tuned.fine_tuned_model) == 33
    told = tuned.metadata or {}
    assert told["who"] == "me" and told["sintonia_state"] == "succeeded"
    assert told["sintonia_outcome"] in ("better", "worse", "equivalent", "inconclusive", "invalid")
    assert told["sintonia_metric"] == "bits_per_byte" and told["sintonia_openings"] == "1"
    assert float(told["sintonia_base"]) > 0 and told["sintonia_difference"].count("]") == 1
    table, page, verdict = (client.files.content(name).read() for name in tuned.result_files)
    lines = table.decode().splitlines()
    assert lines[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(lines) > 20 and all(line.count(",") == 4 for line in lines)
    assert page.startswith(b"<!DOCTYPE html>") and f'"outcome": "{told["sintonia_outcome"]}"'.encode() in verdict
    assert client.files.retrieve(tuned.result_files[0]).purpose == "fine-tune-results"
    assert [one.id for one in client.fine_tuning.jobs.list(metadata={"who": "me"})] == [tuned.id]
    assert tuned.id not in [one.id for one in client.fine_tuning.jobs.list(extra_query={"metadata": "null"})]


def test_events_and_checkpoints_come_newest_first_and_in_pages(client: OpenAI, tuned: FineTuningJob) -> None:
    events = list(client.fine_tuning.jobs.list_events(tuned.id, limit=7))
    assert len({one.id for one in events}) == len(events) > 30
    assert events[0].message == "The job has successfully completed"
    assert events[1].message == f"New fine-tuned model created: {tuned.fine_tuned_model}"
    assert events[-1].message.startswith("Created fine-tuning job")
    steps = [one.data["step"] for one in events if one.type == "metrics" and "total_steps" in one.data]  # type: ignore[index,operator]
    assert steps == sorted(steps, reverse=True) and steps[-1] == 1
    found = list(client.fine_tuning.jobs.checkpoints.list(tuned.id, limit=1))
    assert [one.step_number for one in found] == sorted((one.step_number for one in found), reverse=True)
    assert len(found) == 2 and all(one.metrics.valid_loss and one.metrics.train_loss for one in found)
    models = {one.fine_tuned_model_checkpoint for one in found}
    kept = [name for name in models if _answers(client, name)]
    assert len(kept) == 1, "the weights of the best validation alone are kept"


def _answers(client: OpenAI, model: str) -> bool:
    try:
        return client.models.retrieve(model).object == "model"
    except openai.NotFoundError as error:
        assert error.code == "model_not_found"
        return False


def test_a_tuned_model_answers_whole_and_as_it_is_written(client: OpenAI, tuned: FineTuningJob) -> None:
    asked: Any = {
        "model": tuned.fine_tuned_model,
        "messages": [{"role": "user", "content": "please rain and umbrella"}],
        "max_tokens": 12,
    }
    whole = client.chat.completions.create(**asked, logprobs=True, top_logprobs=3, n=2)
    assert whole.usage and whole.usage.completion_tokens <= 24 and whole.usage.prompt_tokens > 20
    assert [one.index for one in whole.choices] == [0, 1]
    first = whole.choices[0]
    assert first.finish_reason in ("stop", "length") and first.logprobs and first.logprobs.content
    assert all(len(one.top_logprobs) == 3 and one.logprob <= 0 for one in first.logprobs.content)
    pieces = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    text = "".join(one.choices[0].delta.content or "" for one in pieces if one.choices)
    assert text == first.message.content
    assert pieces[-1].choices == [] and pieces[-1].usage and pieces[-1].usage.total_tokens > 20
    assert pieces[-2].choices[0].finish_reason == first.finish_reason
    drawn = [
        client.chat.completions.create(**asked, temperature=1.5, seed=seed).choices[0].message.content
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    cut = client.chat.completions.create(**asked, temperature=1.5, seed=1, stop=[str(drawn[0])[2:4]])
    assert cut.choices[0].message.content == str(drawn[0])[: str(drawn[0]).index(str(drawn[0])[2:4])]


def test_embeddings_are_numbers_or_packed(client: OpenAI, served: Served) -> None:
    found = client.embeddings.create(model="encoder", input=["rain", "a song"], encoding_format="float")
    assert len(found.data) == 2 and sum(one * one for one in found.data[1].embedding) == pytest.approx(1, abs=1e-4)
    assert found.usage.total_tokens > 4, "of each text its words, and what the base puts around them"
    usual = OpenAI(base_url=served.url, api_key=TOKEN)  # asks for base64 and unpacks it, which a strict one refuses
    unpacked = usual.embeddings.create(model="encoder", input="a song").data[0].embedding
    assert unpacked == pytest.approx(found.data[1].embedding, abs=1e-5)
    asked = usual.embeddings.with_raw_response.create(model="encoder", input="rain", encoding_format="base64")
    packed = base64.b64decode(asked.http_response.json()["data"][0]["embedding"])
    floats = struct.unpack(f"<{len(packed) // 4}f", packed)
    assert list(floats) == pytest.approx(found.data[0].embedding, abs=1e-5)
    short = client.embeddings.create(model="encoder", input="rain", dimensions=4, encoding_format="float")
    assert len(short.data[0].embedding) == 4
    assert sum(one * one for one in short.data[0].embedding) == pytest.approx(1, abs=1e-5)


def test_a_job_is_paused_resumed_and_cancelled(client: OpenAI) -> None:
    longer = {"training": {"evaluations": 2, "epochs": 50}, "evaluation": {"decoding": "none"}}
    job = create(client, chat_lines(320), extra_body={"sintonia": longer})
    wait_for(client, job.id, "running")
    assert client.fine_tuning.jobs.pause(job.id).status in ("running", "queued")
    paused = wait_for(client, job.id, "paused")
    assert paused.status == "queued", "the word `paused` is in no status that clients accept"
    client.fine_tuning.jobs.resume(job.id)
    wait_for(client, job.id, "running")
    with pytest.raises(openai.BadRequestError, match="not paused"):
        client.fine_tuning.jobs.resume(job.id)
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    found = client.fine_tuning.jobs.retrieve(job.id)
    assert found.status == "cancelled" and found.finished_at and found.fine_tuned_model is None
    for call in (client.fine_tuning.jobs.cancel, client.fine_tuning.jobs.pause, client.fine_tuning.jobs.resume):
        with pytest.raises(openai.BadRequestError) as refused:
            call(job.id)
        assert refused.value.code == "invalid_job_state"


def test_another_task_is_asked_for_as_a_recipe(client: OpenAI, served: Served) -> None:
    asked = {"task": "classify", "training": {"epochs": 1, "evaluations": 2}, "method": "head"}
    job = create(client, lines_of(make_rows(320)), model="encoder", extra_body={"sintonia": asked})  # type: ignore[arg-type]
    done = wait_for(client, job.id, "succeeded")
    raw = client.post(
        "/classifications", body={"model": done.fine_tuned_model, "input": ["rain and cloud", "song"]}, cast_to=object
    )
    rows = raw["data"]  # type: ignore[index]
    assert [one["index"] for one in rows] == [0, 1]
    assert all(abs(sum(one["probabilities"].values()) - 1) < 1e-4 for one in rows)
    assert all(one["prediction"] in one["probabilities"] and one["is_out_of_scope"] is False for one in rows)
    with pytest.raises(openai.BadRequestError, match="does not write answers"):
        client.chat.completions.create(model=str(done.fine_tuned_model), messages=[{"role": "user", "content": "a"}])
    assert client.models.delete(str(done.fine_tuned_model)).deleted
    for call in (client.models.retrieve, client.models.delete):
        with pytest.raises(openai.NotFoundError) as missing:
            call(str(done.fine_tuned_model))
        assert missing.value.code == "model_not_found"
    assert not (served.home / "serve/jobs" / job.id / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("words", SPELLINGS)
def test_preferences_are_learned_in_both_spellings(client: OpenAI, words: tuple[str, str]) -> None:
    method: Any = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "n_epochs": 1, "batch_size": 16}}}
    job = create(client, preference_lines(320, *words), method=method, extra_body=None)
    assert job.method and job.method.dpo and job.method.dpo.hyperparameters.beta == 0.2  # type: ignore[union-attr]
    assert wait_for(client, job.id, "succeeded").fine_tuned_model


BAD_FILES = {
    "few": (chat_lines(9), "invalid_n_examples", "Training file has 9 example(s), but must have at least 50 examples"),
    "not JSON": (chat_lines(60) + b"{oops\n", "invalid_training_file", "Line 61 of the file: it is not JSON"),
    "a role": (
        lines_of([{"messages": [{"role": "robot", "content": "x"}]}]),
        "invalid_training_file",
        "Line 1 of the file: message 1: unrecognized_role: 'robot'",
    ),
    "no answer": (
        lines_of([{"messages": [{"role": "user", "content": "x"}]}]),
        "invalid_training_file",
        "example_missing_assistant_message",
    ),
    "another key": (
        lines_of([{"messages": [{"role": "user", "content": "x", "mood": "good"}]}]),
        "invalid_training_file",
        "message_unrecognized_key: 'mood'",
    ),
}


@pytest.mark.parametrize("content,code,message", BAD_FILES.values(), ids=list(BAD_FILES))
def test_bad_data_fail_the_job_with_the_row(client: OpenAI, content: bytes, code: str, message: str) -> None:
    done = wait_for(client, create(client, content).id, "failed")
    assert done.error and done.error.code == code and message in done.error.message
    assert done.error.param == "training_file" and done.fine_tuned_model is None and done.finished_at


def test_requests_that_cannot_be_carried_out_say_why(client: OpenAI) -> None:
    known = upload(client, chat_lines(60))
    talk: Any = [{"role": "user", "content": "a"}]
    wrong: list[tuple[Any, str, str]] = [
        (lambda: client.files.create(file=("a.jsonl", b""), purpose="fine-tune"), "empty_file", "file"),
        (lambda: client.files.create(file=("a.txt", b"x"), purpose="fine-tune"), "invalid_file_format", "file"),
        (lambda: client.files.create(file=("a.jsonl", b"x"), purpose="vision"), "invalid_value", "purpose"),
        (lambda: _job(client, "file-x"), "invalid_file", "training_file"),
        (lambda: _job(client, known, suffix="x" * 65), "invalid_value", "suffix"),
        (lambda: _job(client, known, seed=-1), "invalid_value", "seed"),
        (lambda: _job(client, known, metadata={"sintonia_x": "y"}), "invalid_value", "metadata"),
        (lambda: _job(client, known, integrations=[{"type": "wandb", "wandb": {"project": "p"}}]), "invalid_value",
         "integrations"),
        (lambda: _job(client, known, method={"type": "reinforcement"}), "invalid_value", "method.type"),
        (lambda: _job(client, known, hyperparameters={"n_epochs": 51}), "invalid_value", "hyperparameters"),
        (lambda: _job(client, known, extra_body={"surprise": 1}), "unknown_parameter", "surprise"),
        (lambda: _job(client, known, extra_body={"sintonia": {"trainin": {"epochs": 1}}}), "unknown_parameter",
         "sintonia.trainin"),
        (lambda: _job(client, known, extra_body={"sintonia": {"data.path": "/etc/passwd"}}), "unknown_parameter",
         "sintonia.data.path"),
        (lambda: _job(client, known, extra_body={"sintonia": {"evaluation": {"metrics_file": "/x.py"}}}),
         "unknown_parameter", "sintonia.evaluation.metrics_file"),
        (lambda: _job(client, known, extra_body={"sintonia": {"training": {"epochs": 2}}},
                      hyperparameters={"n_epochs": 1}), "invalid_value", "sintonia.training.epochs"),
        (lambda: client.chat.completions.create(model="talker", messages=talk, frequency_penalty=1),
         "unsupported_parameter", "frequency_penalty"),
        (lambda: client.chat.completions.create(model="talker", messages=talk, top_logprobs=2), "invalid_value",
         "top_logprobs"),
        (lambda: client.chat.completions.create(model="talker", messages=[{"role": "user", "content": "a " * 600}]),
         "context_length_exceeded", "messages"),
        (lambda: client.embeddings.create(model="encoder", input=[[1, 2]]), "invalid_value", "input"),
        (lambda: client.fine_tuning.jobs.list_events("ftjob-" + "a" * 24), "not_found", "id"),
        (lambda: client.files.list(after="file-" + "a" * 24), "invalid_value", "after"),
        (lambda: _job(client, known, model="gpt-4o-mini"), "model_not_found", "model"),
        (lambda: client.models.delete("talker"), "model_not_deletable", "model"),
    ]  # fmt: skip
    for call, code, about in wrong:
        with pytest.raises(openai.APIStatusError) as refused:
            call()
        error = refused.value
        assert error.code == code and (error.param or "").startswith(about), (error.param, str(error))
        assert isinstance(error.body, dict) and {"message", "type", "param", "code"} <= error.body.keys()
        assert error.status_code in (400, 403, 404) and str(error.request_id).startswith("req_")
    with pytest.raises(openai.BadRequestError, match=r"training\.epochs"):
        _job(client, known, extra_body={"sintonia": {"training": {"epoch": 1}}})


def _job(client: OpenAI, known: str, model: str = "talker", **asked: Any) -> Any:
    return client.fine_tuning.jobs.create(model=model, training_file=known, **asked)


def test_a_run_that_is_named_is_offered(served: Served, tuned: FineTuningJob, tmp_path: Path) -> None:
    shutil.copytree(served.home / "serve/jobs" / tuned.id / "run", tmp_path / "my-run")
    shutil.copy(served.home / "catalog.toml", tmp_path)
    other = Served(tmp_path, str(tmp_path / "my-run")).start()
    try:
        names = {one.id: one.owned_by for one in other.client.models.list()}
        assert names["my-run"] == "run"
        asked: Any = {"messages": [{"role": "user", "content": "rain"}], "max_tokens": 8}
        found = other.client.chat.completions.create(model="my-run", **asked)
        mine = served.client.chat.completions.create(model=str(tuned.fine_tuned_model), **asked)
        assert found.choices[0].message.content == mine.choices[0].message.content
        with pytest.raises(openai.PermissionDeniedError):
            other.client.models.delete("my-run")
    finally:
        other.kill()


def test_logs_hold_neither_tokens_nor_texts(served: Served, tuned: FineTuningJob) -> None:
    name = served.client.files.create(file=("canary-name.jsonl", chat_lines(60)), purpose="fine-tune").id
    said: Any = [{"role": "user", "content": "canary text"}]
    served.client.chat.completions.create(model="talker", messages=said, max_tokens=1)
    with pytest.raises(openai.AuthenticationError):
        OpenAI(base_url=served.url, api_key="canary-wrong-token", max_retries=0).models.list()
    folder = served.home / "serve"
    logs = [folder / "log.txt", served.home / "server.txt", folder / "jobs" / tuned.id / "worker.txt"]
    until = time.monotonic() + 30
    while b"token_refused" not in logs[0].read_bytes() and time.monotonic() < until:
        time.sleep(0.05)  # a thread writes it
    told = b"".join(path.read_bytes() for path in logs)
    assert name.encode() in told and b"token_refused" in told
    for secret in (TOKEN.encode(), b"canary", b"umbrella"):
        assert secret not in told
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*")), "for the owner alone"


def test_models_are_those_of_this_machine(client: OpenAI, tuned: FineTuningJob) -> None:
    names = {one.id for one in client.models.list()}
    assert {"encoder", "talker", tuned.fine_tuned_model} <= names
    assert client.models.retrieve("talker").owned_by == "base"
    assert client.models.retrieve(str(tuned.fine_tuned_model)).owned_by == "job"
