"""SASL's security layer (RFC 4422 3.7) as a pure object, and what a mechanism has to be able to do.

Once it is installed, what each side sends is cut into buffers: four bytes of length, then as many bytes that the
mechanism has sealed.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from authproxy.errors import AuthproxyError
from authproxy.ldap import ber
from authproxy.ldap.responses import Result

_LENGTH = 4  # bytes
_SEND_LIMIT = 60_000  # bytes of plain text in one buffer; servers take at least 64 KiB sealed
_OVERHEAD = 4096  # bytes that sealing may add


class SaslError(AuthproxyError):
    """The exchange failed, or the connection can't be protected as it must be. Nobody was judged."""


class LogonRefused(AuthproxyError):
    """The mechanism learned, before the server did, that the account may not log on."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.explain())
        self.result = result


class Seal(Protocol):
    """Seals what goes out and opens what comes in, each in order."""

    def wrap(self, data: bytes) -> bytes: ...

    def unwrap(self, data: bytes) -> bytes:
        """Raises SaslError for what was changed on its way."""


class Mechanism(Protocol):
    """One exchange from the client's side. All raise SaslError; the steps raise LogonRefused."""

    name: bytes

    def step(self, challenge: bytes | None) -> Awaitable[bytes | None]:
        """The answer to the server's ``challenge``; None is for the first."""

    def finish(self, credentials: bytes | None) -> Awaitable[None]:
        """What the server sent along with its success, if anything."""

    def seal(self) -> Seal | None:
        """What protects the connection from now on; None if it needs nothing, being inside TLS."""


class SecurityLayer:
    """Holds at most one buffer of ``limit`` bytes."""

    def __init__(self, seal: Seal, limit: int = ber.RESPONSE_LIMIT + _OVERHEAD) -> None:
        self._seal = seal
        self._limit = limit
        self._received = bytearray()

    def send(self, data: bytes) -> bytes:
        """The buffers to write. Raises SaslError."""
        pieces = []
        for at in range(0, len(data), _SEND_LIMIT):
            sealed = self._seal.wrap(data[at : at + _SEND_LIMIT])
            pieces += [len(sealed).to_bytes(_LENGTH, "big"), sealed]
        return b"".join(pieces)

    def receive(self, data: bytes) -> bytes:
        """What the buffers that are complete now held. Raises SaslError; the connection is of no use then."""
        received = self._received
        received += data
        opened = []
        at = 0
        while len(received) - at >= _LENGTH:
            start = at + _LENGTH
            size = int.from_bytes(received[at:start], "big")
            if size > self._limit:
                raise SaslError(f"a sealed buffer of {size} bytes is over the limit of {self._limit}")
            if len(received) < start + size:
                break
            at = start + size
            opened.append(self._seal.unwrap(bytes(received[start:at])))
        del received[:at]
        return b"".join(opened)
