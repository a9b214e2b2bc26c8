"""Primary authentication from a table in memory: the twin for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from authproxy.errors import PrimaryUnavailable
from authproxy.model import AuthRequest, Denied, Identity, Reason


class MemoryPrimary:
    """``users``: name -> password. ``attributes`` come back with every Identity. While ``is_reachable`` is
    False, nobody answers."""

    def __init__(self, users: Mapping[str, bytes], attributes: tuple[bytes, ...] = ()) -> None:
        self._users = dict(users)
        self._attributes = attributes
        self.is_reachable = True

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        """See ``model.Primary``."""
        if not password:
            return Denied(Reason.EMPTY_PASSWORD)
        if not self.is_reachable:
            raise PrimaryUnavailable("the table of users is switched off")
        expected = self._users.get(request.username)
        is_right = compare_digest(expected if expected is not None else b"", password)
        if expected is None:
            return Denied(Reason.UNKNOWN_USER)
        if not is_right:
            return Denied(Reason.BAD_PASSWORD)
        return Identity(request.username, attributes=self._attributes)
