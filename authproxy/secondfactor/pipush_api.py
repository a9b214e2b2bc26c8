"""The words between the pipush endpoint and the service. ``pipush_desk`` implements :class:`PipushApi`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from authproxy.errors import AuthproxyError

Fields = Mapping[str, str]


class PipushRefused(AuthproxyError):
    """Says the same whatever is wrong: nobody learns which serials there are. ``detail`` is for the log."""

    def __init__(self, detail: str, message: str = "The request was not accepted.") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Enrolled:
    public_key: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, or a message that wants none. ``code``: the app shows it, to be typed at the login."""

    value: bool
    code: str = field(default="", repr=False)


class PipushApi(Protocol):
    """May raise PipushRefused, and StoreUnavailable or SecretError."""

    async def post(self, fields: Fields) -> Enrolled | Heard: ...

    async def poll(self, fields: Fields) -> Sequence[Mapping[str, str]]: ...
