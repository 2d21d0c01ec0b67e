"""E-mail addresses and IP addresses. Host names and web addresses are not personal data here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from sintonia.privacy.context import Context

_EMAIL = re.compile(
    r"(?<![\w.%+-])\w[\w.%+'&=-]{0,63}@(?:\w[\w-]{0,62}\.){1,8}(?:xn--[\w-]{2,40}|[^\W\d_]{2,24})(?![^\W_]|@)"
)
_FILES = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|ico|css|js|ts|py|md|txt|json|html|mp3|mp4|pdf)\Z", re.IGNORECASE)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4 = re.compile(rf"[0-9](?<!\w[0-9])(?<!\.[0-9])[0-9]{{0,2}}(?:\.{_OCTET}){{3}}(?!\w)(?!\.[0-9])")
_IP6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}|:(?=:))(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?![\w:])"
)
_VERSION = re.compile(
    r"(?:\bv(?:er(?:s(?:ion[ei]?)?)?)?\.?|\b(?:release|build|firmware|driver|chrome|api)) ?$", re.IGNORECASE
)


class Email:
    """`name@host.domain`; not the `icon@2x.png` of a file, not the `git@` of a repository."""

    kind, strength = "email", 6

    def find(self, context: Context) -> Iterator[tuple[int, int]]:
        """Start and end of each one in `context.text`."""
        if "@" not in context.text:
            return
        for match in _EMAIL.finditer(context.text):
            address = match.group()
            if not _FILES.search(address) and not address.startswith("git@"):
                yield match.span()


class Address:
    """IPv4 and IPv6; not versions (`version 1.2.3.4`), network masks and `0.0.0.0`, `::1`, or names like `A::B`."""

    kind, strength = "ip_address", 3

    def find(self, context: Context) -> Iterator[tuple[int, int]]:
        """Start and end of each one in `context.text`."""
        for match in _IP4.finditer(context.text):
            is_host = not match.group().startswith(("0", "255.")) and _is_address(match.group())
            if is_host and not self._is_version(context, match.start()):
                yield match.span()
        if ":" not in context.text:
            return
        for match in _IP6.finditer(context.text):
            found = match.group()
            letters = found.replace(":", "")
            is_name = len(letters) < 5 or letters.isalpha()
            if not is_name and _is_address(found):
                yield match.span()

    def _is_version(self, context: Context, start: int) -> bool:
        return bool(_VERSION.search(context.text, max(0, start - 12), start)) or context.is_reference(start)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


KINDS = (Email(), Address())
