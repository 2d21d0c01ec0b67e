"""A server on this machine that speaks the HTTP of the model hub; the real hub is not asked by any test."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT, LATER = "a" * 40, "b" * 40


class Hub(ThreadingHTTPServer):
    """One repository `acme/tiny` with these files at both commits, and a closed one `acme/closed`.

    `breaks` counts the next answers for weights that fail; `flips` changes a bit of the weights on their way; `stalls`
    sends half of the weights, tells so by `is_stalled`, and waits for `goes_on`.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.folder, self.main, self.breaks = folder, COMMIT, 0
        self.asked: list[tuple[str, str, str | None]] = []
        self.stalls = self.flips = False
        self.is_stalled, self.goes_on = threading.Event(), threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def files(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, path, self.headers.get("Authorization")))
        if "acme/closed" in path:
            return self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if path.startswith("/api/models/acme/tiny/revision/"):
            revision = path.rpartition("/")[2]
            known = {"main": self.server.main, COMMIT: COMMIT, LATER: LATER}
            if revision not in known:
                return self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            siblings = [{"rfilename": name} for name in self.server.files()]
            body = {"_id": "1", "id": "acme/tiny", "modelId": "acme/tiny", "sha": known[revision], "siblings": siblings}
            return self.reply(200, json.dumps(body).encode())
        if path.startswith("/api/models/acme/tiny/tree/"):
            entries = [{"type": "file", "path": name, **self.facts(name)} for name in self.server.files()]
            return self.reply(200, json.dumps(entries).encode())
        if path.startswith((f"/acme/tiny/resolve/{COMMIT}/", f"/acme/tiny/resolve/{LATER}/")):
            return self.send_file(*path.removeprefix("/acme/tiny/resolve/").split("/", 1))
        return self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def facts(self, name: str) -> dict[str, object]:
        content = (self.server.folder / name).read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        facts: dict[str, object] = {"oid": blob, "size": len(content)}
        if name.endswith((".safetensors", ".bin")):
            facts["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return facts

    def send_file(self, commit: str, name: str) -> None:
        is_weights = name.endswith(".safetensors") and self.command == "GET"
        if self.server.breaks and is_weights:
            self.server.breaks -= 1
            return self.reply(500, b"")
        facts, content = self.facts(name), bytearray((self.server.folder / name).read_bytes())
        lfs = facts.get("lfs")
        headers = {"ETag": f'"{lfs["oid"] if isinstance(lfs, dict) else facts["oid"]}"', "X-Repo-Commit": commit}
        if is_weights and self.server.flips:
            content[len(content) // 2] ^= 1
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if begin and self.command == "GET":
            first = int(begin[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            return self.reply(206, bytes(content[first:]), headers)
        return self.reply(200, bytes(content), headers, stalls=is_weights and self.server.stalls)

    def reply(
        self, status: int, content: bytes, headers: dict[str, str] | None = None, *, stalls: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(content) // 2 if stalls else 0
        with contextlib.suppress(ConnectionError):  # whoever asked was killed
            self.wfile.write(content[:half])
            self.wfile.flush()
            if stalls:
                self.server.is_stalled.set()
                self.server.goes_on.wait()
            self.wfile.write(content[half:])

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextlib.contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """A hub with the files of `folder`, as long as the block lasts."""
    with Hub(folder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield running
        finally:
            running.goes_on.set()
            running.shutdown()
