"""A second factor that holds for a while: for LDAP applications that bind the same user again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

from authproxy.model import Allowed, Ask, AuthRequest, Identity, JsonValue, SecondFactor, Verdict
from authproxy.secondfactor.admission import NOT_ASKED

REMEMBERED = "remembered bind"
_MOST = 10_000
_NOT_GIVEN = NOT_ASKED | {"service policy"}  # there is nothing to be remembered


class KnowsStanding(Protocol):
    async def is_welcome(self, who: Identity) -> bool:
        """Whether the user is known, active and not locked out at this moment. Raises StoreUnavailable."""
        ...


class RememberedBinds:
    """Implements ``model.SecondFactor`` around another one, for one application.

    What is remembered is a keyed hash of user, password field and source address, of use in this process only.
    The password has been checked before anybody asks here.
    """

    def __init__(
        self,
        inner: SecondFactor,
        standing: KnowsStanding,
        seconds: float,
        now: Callable[[], float],
        key: bytes,
        most: int = _MOST,
    ) -> None:
        """``now``: a steady clock. ``key``: 32 random bytes."""
        self._inner = inner
        self._standing = standing
        self._seconds = seconds
        self._now = now
        self._key = key
        self._most = most
        self._until: dict[bytes, tuple[float, str]] = {}  # oldest first: until when, whose
        self._by_user: dict[str, set[bytes]] = {}

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        """See ``model.SecondFactor``."""
        mark = self._mark(who, request)
        if self._holds(mark):
            if await self._standing.is_welcome(who) and self._holds(mark):
                return Allowed(REMEMBERED)
            self.forget(who)
        verdict = await self._inner.begin(who, ask, request)
        if not isinstance(verdict, Allowed):
            self.forget(who)
        elif verdict.factor not in _NOT_GIVEN:
            self._remember(mark, who)
        return verdict

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        return await self._inner.answer(who, resume, reply, request)

    def forget(self, who: Identity) -> None:
        """A bind of the user failed: nothing of his counts any more."""
        for mark in self._by_user.pop(_name(who), ()):
            self._until.pop(mark, None)

    def clear(self) -> None:
        """Everything, when the configuration is read anew."""
        self._until.clear()
        self._by_user.clear()

    def __len__(self) -> int:
        return len(self._until)

    # ------------------------------------------------------------ the memory

    def _mark(self, who: Identity, request: AuthRequest) -> bytes:
        hashed = hashlib.blake2b(key=self._key, digest_size=32)
        for part in (_name(who).encode("utf-8", "surrogatepass"), request.password, request.nas.encode()):
            hashed.update(len(part).to_bytes(4, "big") + part)
        return hashed.digest()

    def _holds(self, mark: bytes) -> bool:
        until = self._until.get(mark)
        return until is not None and self._now() < until[0]

    def _remember(self, mark: bytes, who: Identity) -> None:
        now, until = self._now(), self._until
        until.pop(mark, None)
        while until and (len(until) >= self._most or next(iter(until.values()))[0] <= now):
            self._drop(next(iter(until)))
        until[mark] = (now + self._seconds, _name(who))
        self._by_user.setdefault(_name(who), set()).add(mark)

    def _drop(self, mark: bytes) -> None:
        _at, name = self._until.pop(mark)
        marks = self._by_user[name]
        marks.discard(mark)
        if not marks:
            del self._by_user[name]


def _name(who: Identity) -> str:
    return who.username.casefold()
