"""A server on this machine that plays an endpoint of OpenAI's kind, with judges whose faults are known."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | tuple[int, dict[str, str], bytes]
"""A text that the model says, or a status with headers and a body."""
_PART = {
    name: re.compile(rf"<{name}>\n(.*?)\n</{name}>", re.DOTALL)
    for name in ("request", "reference", "answer_a", "answer_b")
}


def part(question: str, name: str) -> str:
    """What stands between two marks of a question."""
    found = _PART[name].search(question)
    return found[1] if found else ""


def honest(question: str) -> str:
    """Prefers the answer that begins with the reference."""
    right = [part(question, name).startswith(part(question, "reference")) for name in ("answer_a", "answer_b")]
    return "tie" if right[0] == right[1] else "AB"[right.index(True)]


def always_first(question: str) -> str:
    """Never looks."""
    return "A" if question else ""


def likes_longer(question: str) -> str:
    """Counts letters."""
    lengths = [len(part(question, name)) for name in ("answer_a", "answer_b")]
    return "tie" if lengths[0] == lengths[1] else "AB"[lengths.index(max(lengths))]


def garbage(question: str) -> str:
    """Talks."""
    return f"Both have their merits ({len(question)})."


@dataclass
class Endpoint:
    """What runs, what it was sent, and how it answers the k-th request (from 0)."""

    address: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def named(self, model: str = "planted-1") -> str:
        """As a recipe names it."""
        return f"{self.address}/v1#{model}"


@contextlib.contextmanager
def playing(answer: Callable[[int, str], Reply]) -> Iterator[Endpoint]:
    """The server, for as long as it is needed; `answer` is given the number of the request and its question."""
    found = Endpoint(address="")

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            number = len(found.requests)
            found.requests.append({"path": self.path, **body})
            found.headers.append(dict(self.headers.items()))
            reply = answer(number, body["messages"][-1]["content"])
            if isinstance(reply, str):
                reply = (
                    200,
                    {},
                    json.dumps({"choices": [{"message": {"role": "assistant", "content": reply}}]}).encode(),
                )
            status, headers, content = reply
            with contextlib.suppress(OSError):  # who asked may be gone
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
