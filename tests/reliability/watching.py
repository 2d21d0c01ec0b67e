"""Programs whose sockets are watched: from within by Python's own hooks, and from outside by `strace` where it may.

Neither hinders anything: an address is noted when it is asked for, whether or not anybody answers there.
"""

from __future__ import annotations

import ast
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
ROOT = _HERE.parents[1]
_STRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,bind,sendto,sendmsg,sendmmsg", "-o")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_LOCAL_NAMES = ("localhost", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a program did: how it ended, what it said, and each address that it asked for."""

    exit_code: int
    said: str
    by_hook: tuple[str, ...]
    by_strace: tuple[str, ...]

    @property
    def outside(self) -> list[str]:
        """What is not this machine."""
        return [one for one in (*self.by_hook, *self.by_strace) if not _is_loopback(one)]


@cache
def can_trace() -> bool:
    """Whether `strace` is there and may watch."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run([*_STRACE, os.devnull, "true"], capture_output=True, check=False).returncode == 0


@cache
def can_part() -> bool:
    """Whether a program may be given a network of its own, in which there is nothing but loopback."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*_parted(), "true"], capture_output=True, check=False).returncode == 0


def _parted() -> list[str]:
    return ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "parted"]


def watched_command(folder: Path, words: list[str], *, is_parted: bool = False) -> list[str]:
    """The command line of a Python program that is watched, with its own network or that of the machine."""
    trace = [*_STRACE, str(folder / "strace.txt")] if can_trace() else []
    return [*(_parted() if is_parted else []), *trace, sys.executable, *words]


def watched_environment(folder: Path) -> dict[str, str]:
    """Its environment: the hook, a home of its own, and no proxy, which makes what leaves look local."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    paths = [str(_HERE / "sockets"), str(ROOT), str(ROOT / "src")]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "SOCKETS_TOLD": str(folder / "sockets.jsonl"),
        "SINTONIA_HOME": str(folder / "home"),
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def watch(folder: Path, *words: str, is_parted: bool = False, given: str = "") -> Seen:
    """Runs a Python program in a folder until it ends; what was seen of earlier ones there is forgotten."""
    for name in ("sockets.jsonl", "strace.txt"):
        (folder / name).unlink(missing_ok=True)
    process = subprocess.run(
        watched_command(folder, list(words), is_parted=is_parted),
        cwd=folder,
        env=watched_environment(folder),
        capture_output=True,
        input=given,
        text=True,
        check=False,
    )
    return seen_in(folder, process.returncode, process.stdout + process.stderr)


def seen_in(folder: Path, exit_code: int, said: str) -> Seen:
    """What the watchers have written down."""
    told, traced = folder / "sockets.jsonl", folder / "strace.txt"
    lines = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    calls = traced.read_text(errors="replace").splitlines() if traced.exists() else []
    found = [match for call in calls for match in _ADDRESS.findall(call)]
    return Seen(
        exit_code=exit_code,
        said=said,
        by_hook=tuple(_host(line["address"]) for line in lines),
        by_strace=tuple(one or other for one, other in found),
    )


def _host(told: str) -> str:
    """The host of an address as Python writes it: a pair, a name, or the path of a local socket."""
    try:
        address = ast.literal_eval(told)
    except (ValueError, SyntaxError):
        return told
    host = address[0] if isinstance(address, tuple) and address else address
    if host is None:
        return ""  # what `getaddrinfo` takes for this machine
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)


def _is_loopback(host: str) -> bool:
    if host in _LOCAL_NAMES or host.startswith(("/", "\0", "@")):
        return True  # a local socket has a path, or an abstract name
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
