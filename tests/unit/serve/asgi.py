"""Requests straight into the guarded application, without a socket: as fast as ten thousand of them need."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sintonia.serve import Limits, surroundings_of
from sintonia.serve.app import guarded, make_app
from sintonia.serve.server import make_state

TOKEN = "a-token-of-the-tests"
PORT = 8000
GOOD = {"host": f"127.0.0.1:{PORT}", "authorization": f"Bearer {TOKEN}"}
WIDE = Limits(requests_per_minute=10**9, burst=10**6, refusals_per_minute=10**9)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert {"message", "type", "param", "code"} == found.keys()
        return dict(found)


class Site:
    """An application with its state in a folder; the queue is not begun."""

    def __init__(self, home: Path, limits: Limits = WIDE, **asked: Any) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self.state = make_state(surroundings_of(home=home, token=TOKEN, limits=limits, **asked))
        self.app, self.guard = make_app(self.state), guarded(self.state, PORT)
        self.state.store.jobs.folder.mkdir(mode=0o700, exist_ok=True)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | list[bytes] = b""
    ) -> Answer:
        return asyncio.run(self._ask(method, path, GOOD if headers is None else headers, body))

    def ask_json(self, method: str, path: str, body: Any) -> Answer:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(method, path, {**GOOD, "content-type": "application/json"}, sent)

    def upload(self, name: str, content: bytes) -> Answer:
        mark = "b0undary"
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
        form = (
            f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
        ).encode("utf-8", "surrogatepass") + content
        headers = {**GOOD, "content-type": f"multipart/form-data; boundary={mark}"}
        return self.ask("POST", "/v1/files", headers, form + f"\r\n--{mark}--\r\n".encode())

    def fingerprint(self) -> str:
        """All that is remembered: rows of the database and names of files."""
        store = self.state.store
        rows = [
            tuple(row) for table in ("files", "jobs", "events") for row in store.database.rows(f"SELECT * FROM {table}")
        ]
        names = sorted(str(path) for path in self.home.rglob("*") if "serve.db" not in path.name)
        return hashlib.sha256(repr((rows, names)).encode()).hexdigest()

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | list[bytes]) -> Answer:
        place, _, query = path.partition("?")
        coming = [body] if isinstance(body, bytes) else list(body)
        messages = [
            {"type": "http.request", "body": one, "more_body": k + 1 < len(coming)} for k, one in enumerate(coming)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            if not messages:
                await asyncio.sleep(3600)  # nobody hangs up
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(place, errors="replace"),
            "raw_path": place.encode("utf-8", "surrogatepass"),
            "query_string": query.encode("utf-8", "surrogatepass"),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", PORT),
        }
        await self.guard(scope, receive, send)
        start = next(one for one in sent if one["type"] == "http.response.start")
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(one.get("body", b"") for one in sent))
