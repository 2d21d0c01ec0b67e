"""What runs in the forked process of one case: `sintonia` under watch, with limits of time and memory.

Anything that would run foreign code ends the process at once with an exit code of its own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

CAUGHT = 99
SECONDS = 10
"""Of its own computing, so that what else the machine does fails no case; who waits for ever is ended too."""
_WAITING_SECONDS = 60
MEMORY_BYTES = 3 * 2**30
"""What a case may take beyond what the process had when it was forked."""
_FORBIDDEN = {
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "subprocess.Popen",
    "pty.spawn",
    "socket.connect",
    "urllib.Request",
}


def attempt(words: list[str]) -> int:
    """Runs one command of sintonia; the most memory that it took, and its computing time, stand in `usage.json`."""
    from sintonia.cli.main import main

    folder = Path.cwd()
    before = _memory_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (_mapped_bytes() + MEMORY_BYTES,) * 2)
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(_WAITING_SECONDS)
    watch(folder)
    code = main(words)
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    (folder / "usage.json").write_text(json.dumps({"bytes": _memory_bytes() - before, "seconds": time.process_time()}))
    return code


def watch(folder: Path) -> None:
    """Ends this process as soon as it is about to run what is not its own."""
    inside = str(folder)

    def look(event: str, given: tuple[Any, ...]) -> None:
        is_foreign = event == "exec" and str(getattr(given[0], "co_filename", "")).startswith(inside)
        is_foreign = is_foreign or (event == "import" and str(given[1] or "").startswith(inside))
        is_foreign = is_foreign or (event == "ctypes.dlopen" and str(given[0]).startswith(inside))
        if is_foreign or event in _FORBIDDEN:
            with open(os.path.join(inside, "caught.txt"), "a") as stream:  # noqa: PTH123, PTH118 - no more events
                stream.write(f"{event} {given!r:.300}\n")
            sys.stderr.flush()
            os._exit(CAUGHT)

    sys.addaudithook(look)


def unpickle(path: str) -> int:
    """What no part of sintonia does: the proof that the watch sees it."""
    import pickle

    watch(Path.cwd())
    pickle.loads(Path(path).read_bytes())
    return 0


def _memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _mapped_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
