"""A real server of `sintonia serve` on loopback for tests: its process, its client, bases in a catalog of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.tiny import ANSWERS, make_conversations

TOKEN = "a-token-of-the-tests"
FAST = {"training": {"evaluations": 2}, "evaluation": {"decoding": "none"}}
"""Settings that keep a tiny job short."""


def write_catalog(home: Path, **folders: Path) -> None:
    """A person's own catalog: bases in folders by their names."""
    home.mkdir(parents=True, exist_ok=True)
    lines = [f'[{name}]\nreference = "file:{folder}"\n' for name, folder in folders.items()]
    (home / "catalog.toml").write_text("\n".join(lines), encoding="utf-8")


class Served:
    """A server in a process of its own."""

    def __init__(self, home: Path, *words: str) -> None:
        self.home, self.words, self.port = home, words, 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def client(self) -> OpenAI:
        return OpenAI(base_url=self.url, api_key=TOKEN, max_retries=0, _strict_response_validation=True)

    def start(self) -> Served:
        """Begins it and waits until it answers."""
        environment = {**os.environ, "SINTONIA_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        with (self.home / "server.txt").open("ab") as told:
            begins = told.tell()
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "sintonia",
                    "serve",
                    "--port",
                    str(self.port),
                    "--token",
                    TOKEN,
                    "--json",
                    *self.words,
                ],
                env=environment,
                stdout=told,
                stderr=told,
            )
        until = time.monotonic() + 120
        while time.monotonic() < until:
            has_ended = self.process.poll() is not None
            told = (self.home / "server.txt").read_bytes()[begins:].decode()
            assert not has_ended, told
            facts = [json.loads(line) for line in told.splitlines(keepends=True) if line[:1] + line[-2:] == "{}\n"]
            if facts:
                self.port = int(facts[0]["url"].rpartition(":")[2].split("/")[0])
                return self
            time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it as a service manager does; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def worker_pids(self) -> list[int]:
        """The processes of its jobs that are alive."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if (
                any(b"sintonia.serve.jobs.worker" in word for word in words)
                and str(self.home / "serve").encode() in words
            ):
                found.append(int(folder.name))
        return found


def chat_lines(count: int, seed: int = 0) -> bytes:
    """Conversations in OpenAI's form."""
    rows = [
        {"messages": [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]}
        for row in make_conversations(count, seed)
    ]
    return lines_of(rows)


def preference_lines(count: int, better: str = "preferred_output", worse: str = "non_preferred_output") -> bytes:
    """Preferences in OpenAI's form, in either of its spellings."""
    answers, rows = list(ANSWERS.values()), []
    for row in make_conversations(count):
        other = answers[(answers.index(row["completion"]) + 1) % len(answers)]
        rows.append(
            {
                "input": {"messages": [{"role": "user", "content": row["prompt"]}]},
                better: [{"role": "assistant", "content": row["completion"]}],
                worse: [{"role": "assistant", "content": other}],
            }
        )
    return lines_of(rows)


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    """Rows as JSONL."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def wait_for(client: OpenAI, job: str, *wanted: str, seconds: float = 240) -> Any:
    """The job when it has one of the statuses, or states of ours."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = client.fine_tuning.jobs.retrieve(job)
        state = (found.metadata or {}).get("sintonia_state", found.status)
        if found.status in wanted or state in wanted:
            return found
        assert found.status not in ("failed", "cancelled", "succeeded"), found.error
        time.sleep(0.1)
    raise AssertionError(f"the job is still {found.status}")
