"""What a server is started with: where it listens, whom it believes, where its state is. It opens nothing."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from sintonia.errors import UsageError
from sintonia.files import home_folder

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SHORTEST_TOKEN = 16
TOKEN_NAME = "SINTONIA_SERVE_TOKEN"
"""A variable of the environment for the token: what is written on a command line others can see."""
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may ask of this machine."""

    upload_bytes: int = 512 * _MEBIBYTE
    """Of an uploaded file, as in OpenAI's interface."""
    body_bytes: int = 8 * _MEBIBYTE
    """Of any other request."""
    requests_per_minute: int = 6000
    """Beyond the burst, of requests with the right token."""
    burst: int = 1000
    """Requests at once."""
    refusals_per_minute: int = 600
    """Of requests without the right token: beyond it they are told to come later (429)."""
    waiting_jobs: int = 100
    """Jobs that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a server listens, whom it believes, and where its state is."""

    home: Path
    token: str
    is_token_generated: bool
    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes any that is free."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, beside those of loopback and the one bound to, that a request may call this machine by.

    At any port, and from pages by https too: a proxy with TLS stands in front of them."""
    runs: tuple[Path, ...] = ()
    """Finished runs whose models are offered."""
    jobs: int = 1
    """Fine-tuning jobs at once."""
    limits: Limits = field(default_factory=Limits)

    @property
    def known_hosts(self) -> frozenset[str]:
        """All names that a request may call this machine by, in lower case."""
        bound = () if is_any_address(self.host) else (self.host,)
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, *bound, *self.allowed_hosts))


def surroundings_of(
    *, home: Path | None = None, token: str | None = None, host: str = "127.0.0.1", port: int = 8000, **others: object
) -> Surroundings:
    """Surroundings, checked: without a token one is made up.

    Raises:
        UsageError: a host that others can reach without a token of one's own, a short token, or a wrong port.
    """
    if token is None and not is_loopback(host):
        raise UsageError(
            f"`--host {host}` can be reached from other machines, and no token was named",
            expected="`--token TEXT`, which whoever connects has to know",
            hint="leave `--host` out to serve this machine alone",
        )
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise UsageError(
            f"the token has {len(token)} characters",
            expected=f"at least {SHORTEST_TOKEN}, of ASCII without control characters",
            hint="leave `--token` out: a token of 43 characters is made up",
        )
    if token is not None and token != token.strip():
        raise UsageError("the token begins or ends with a blank", hint="no client sends those")
    if not 0 <= port <= 65_535:
        raise UsageError(f"`--port {port}` is no port", expected="0 (any that is free) to 65535")
    return Surroundings(
        home=(home or home_folder() / "serve").expanduser().absolute(),
        token=secrets.token_urlsafe(32) if token is None else token,
        is_token_generated=token is None,
        host=host,
        port=port,
        **others,  # type: ignore[arg-type]
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("example.org")
    (True, True, False, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_any_address(host: str) -> bool:
    """Whether a host stands for every address of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""
