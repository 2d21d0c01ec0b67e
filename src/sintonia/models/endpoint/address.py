"""Where an endpoint is: `http(s)://host/v1#MODEL`, read and checked. Nothing is sent from here, and no key is held."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sintonia.errors import UsageError

KEY_VARIABLE = "SINTONIA_JUDGE_KEY"
"""The environment variable with the key of the endpoint; no recipe and no file holds it."""
_SHAPE = "`http(s)://HOST/v1#MODEL`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address, the name of the model there, and how patient to be with it."""

    address: str
    """Without the last part, `/chat/completions`."""
    model: str
    timeout_seconds: float = 30.0
    """For one call, from the name of the host to the last byte."""
    tries: int = 3
    pause_seconds: float = 1.0
    """Before the second try; twice as long before the third."""

    @property
    def host(self) -> str:
        """The name or the number of the machine."""
        return urlsplit(self.address).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether what is sent there stays on this machine: a loopback address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def is_address(text: str) -> bool:
    """Whether a text is meant as the address of an endpoint, right or wrong."""
    return text.lower().startswith(("http://", "https://"))


def read_endpoint(text: str, where: str = "") -> Endpoint:
    """What `http(s)://HOST/v1#MODEL` names; `where` is the setting that it stands in.

    Raises:
        UsageError: it has another form, a password in it, or a key would travel unencrypted to another machine.
    """
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    # What is wrong is never repeated: there may be a key in it.
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("this is no address of an endpoint", expected=_SHAPE, where=where)
    if parts.username is not None or parts.password is not None or parts.query:
        hint = f"put the key into the environment variable {KEY_VARIABLE}: a recipe is kept and shown"
        raise UsageError("the address of an endpoint holds a password or a question mark", expected=_SHAPE, hint=hint)
    model = unquote(parts.fragment).strip()
    if not model:
        hint = "write the name of the model behind `#`"
        raise UsageError("the address of an endpoint names no model", expected=_SHAPE, hint=hint, where=where)
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    found = Endpoint(address=f"{parts.scheme}://{parts.netloc}{path}", model=model)
    if os.environ.get(KEY_VARIABLE) and parts.scheme == "http" and not found.is_local:
        raise UsageError(
            f"the key in {KEY_VARIABLE} would travel to `{found.host}` unencrypted",
            expected="https://",
            hint=f"unset {KEY_VARIABLE} if that endpoint needs no key",
            where=where,
        )
    return found
