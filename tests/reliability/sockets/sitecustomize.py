"""Read by Python itself when this folder is on PYTHONPATH: writes each address that a process asks for into a file.

It watches what Python's own sockets do, in the process and in those that it starts; what a library does in C is seen by
`strace` alone. It hinders nothing.
"""

import json
import os
import sys

_WATCHED = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo")
_NAMED = ("socket.gethostbyname", "socket.getnameinfo", "urllib.Request")


def _address(event: str, told: tuple) -> object:
    if event == "socket.getaddrinfo":
        return told[0]
    return told[1] if event.startswith("socket.") and len(told) > 1 else told[0]


def _hear(event: str, told: tuple) -> None:
    if event not in _WATCHED and event not in _NAMED:
        return
    line = {"event": event, "address": repr(_address(event, told)), "process": os.getpid()}
    descriptor = os.open(os.environ["SOCKETS_TOLD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


if "SOCKETS_TOLD" in os.environ:
    sys.addaudithook(_hear)
