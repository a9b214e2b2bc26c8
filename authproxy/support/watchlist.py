"""Logins whose every step is logged for a while: of a user, of a client's address, or of a section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from authproxy.errors import AuthproxyError

DEFAULT_MINUTES: Final = 15
MOST_MINUTES: Final = 240
_MOST = 20


class BadWatch(AuthproxyError):
    """It would watch nobody, everybody, or too many."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Empty fields stand for anybody; all that are given must fit. ``user``: casefolded, without its domain.
    ``until``: seconds of a monotonic clock."""

    until: float
    user: str = ""
    client: IPv4Network | IPv6Network | None = None
    section: str = ""

    def fits(self, section: str, username: str, nas: str, client_ip: str | None) -> bool:
        if self.section and self.section != section:
            return False
        if self.user and self.user not in (username.casefold(), _account(username)):
            return False
        return self.client is None or any(_is_in(self.client, each) for each in (nas, client_ip or ""))

    @property
    def shown(self) -> str:
        named = (("user", self.user), ("client", self.client), ("section", self.section))
        return ", ".join(f"{name} {value}" for name, value in named if value)


class Watchlist:
    """``now``: seconds of a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._watches: tuple[Watch, ...] = ()

    def add(self, minutes: float, user: str = "", client: str = "", section: str = "") -> Watch:
        """Raises BadWatch."""
        if not (user or client or section):
            raise BadWatch("name a user, a client or a section: all logins in detail is what [main] debug is for")
        if not 0 < minutes <= MOST_MINUTES:
            raise BadWatch(f"from 1 to {MOST_MINUTES} minutes")
        if len(self.active()) >= _MOST:
            raise BadWatch(f"{_MOST} watches are enough: end them with `authproxy debug off`")
        try:
            network = ip_network(client, strict=False) if client else None
        except ValueError:
            raise BadWatch(f"{client!r} is no IP address and no network") from None
        watch = Watch(self._now() + minutes * 60, user.casefold(), network, section.lower())
        self._watches = (*self.active(), watch)
        return watch

    def clear(self) -> int:
        """How many there were."""
        ended, self._watches = len(self.active()), ()
        return ended

    def active(self) -> tuple[Watch, ...]:
        now = self._now()
        self._watches = tuple(watch for watch in self._watches if watch.until > now)
        return self._watches

    def left(self, watch: Watch) -> float:
        """Seconds."""
        return max(watch.until - self._now(), 0.0)

    def has(self, section: str, username: str, nas: str, client_ip: str | None) -> bool:
        """Whether this login is watched. Costs next to nothing while none is."""
        return bool(self._watches) and any(
            watch.fits(section, username, nas, client_ip) for watch in self.active()
        )


def _account(username: str) -> str:
    return username.rpartition("\\")[2].partition("@")[0].casefold()


def _is_in(network: IPv4Network | IPv6Network, text: str) -> bool:
    try:
        return ip_address(text.partition("%")[0]) in network
    except ValueError:
        return False
