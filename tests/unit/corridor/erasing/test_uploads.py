"""What a server keeps of rows that are erased: uploads without them, jobs without what they gave."""

from __future__ import annotations

import io
import os
from pathlib import Path

from sintonia.files import sha256_file
from sintonia.pipeline import plan_erasure
from sintonia.serve.store import Database, Store
from sintonia.serve.store.names import new_name
from sintonia.settings import DataSettings
from tests.erasures import SUBJECT, files_with, planted_rows, prepared_run, write_jsonl


def test_uploads_and_results_of_a_server_lose_the_rows(tmp_path: Path, private_home: Path) -> None:
    rows, secrets = planted_rows()
    data = write_jsonl(tmp_path / "rows.jsonl", rows)
    home = private_home / "serve"
    home.mkdir()
    store = Store(Database(home))
    store.files.tidy()
    sent = store.files.add(io.BytesIO(data.read_bytes()), "rows.jsonl", "fine-tune")
    page = store.files.add(io.BytesIO(" ".join(secrets).encode()), "report.html", "fine-tune-results")
    job = store.jobs.add(new_name("ftjob"), "base", "ft:base", {"training_file": sent.id}, {})
    store.jobs.note(job.id, result_files=[page.id])
    store.events.add(job.id, f"D103 warning: {secrets[0]}")
    copy = store.jobs.path(job.id) / "training.jsonl"
    copy.parent.mkdir(parents=True)
    os.link(store.files.path(sent.id), copy)
    prepared_run(store.jobs.run_path(job.id), DataSettings(path=str(copy)), texts=" ".join(secrets))
    assert len(files_with(secrets, tmp_path, private_home)) >= 6

    done = plan_erasure(files=(data,), subject=SUBJECT, column="who").carry_out(lambda _: None)
    store.database.close()

    assert files_with(secrets, tmp_path, private_home) == {}
    assert store.files.path(sent.id).read_bytes() == copy.read_bytes() == data.read_bytes()
    assert {one.rows for one in (*done.files, *done.uploads)} == {32} and len(done.uploads) == 2
    again = Store(Database(home))
    found = again.files.find(sent.id)
    assert found and (found.bytes, found.sha256) == (data.stat().st_size, sha256_file(data))
    assert again.files.find(page.id) is None
    assert again.jobs.find(job.id).result_files == []  # type: ignore[union-attr]
