"""The password of an LDAP client's login, checked on that client's own connection to the directory."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from authproxy.config.settings import AdClientSettings
from authproxy.errors import PrimaryUnavailable
from authproxy.ldap import dn
from authproxy.ldap.ber import BerError
from authproxy.ldap.client import ConnectionFailed
from authproxy.ldap.dn import DnError, Key
from authproxy.ldap.responses import Code, Entry, Result
from authproxy.model import AuthRequest, Denied, Identity, Reason
from authproxy.primary.bind_result import NotJudged, judge
from authproxy.primary.directory import Found

BindFunction = Callable[[bytes, bytes], Awaitable[Result]]

# Characters that no directory takes for others: what it would fold or drop is looked up instead.
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class KnowsUsers(Protocol):
    """What is needed of a ``DirectoryPrimary``."""

    async def look_up(self, name: str) -> Found | Denied: ...
    async def admit(self, found: Found) -> Denied | None: ...
    async def pretend_to_bind(self) -> None: ...
    def note_refusal(self, seconds: float) -> None: ...
    def encoded(self, password: bytes) -> bytes: ...


class BindRelay:
    """What the logins of one ``[ldap_server_auto]`` have in common."""

    def __init__(
        self,
        settings: AdClientSettings,
        directory: KnowsUsers,
        is_exempt: Callable[[str], bool],
        refused: Callable[[Identity], None],
        clock: IReactorTime,
    ) -> None:
        """``is_exempt``: whether a DN needs no second factor; ``refused`` is told whose password was wrong."""
        self.directory = directory
        self.is_exempt = is_exempt
        self.refused = refused
        self.clock = clock
        # Not by sAMAccountName or cn: Active Directory takes a DN that nobody has for somebody's display name.
        self._is_rdn_enough = settings.username_attribute.lower() == "uid" and not (
            settings.ldap_filter or settings.security_group_dn
        )
        self._base = _key(settings.search_dn)

    def primary_for(self, bind: BindFunction) -> RelayedBind:
        """``bind``: with a DN and a password; raises ConnectionFailed, PrimaryUnavailable, BerError."""
        return RelayedBind(self, bind)

    def by_rdn(self, name: str) -> Found | None:
        """Who has this DN, if that can be seen without asking: it begins with the user's ``uid``."""
        if not name or self._base is None or not self._is_rdn_enough:
            return None
        try:
            rdns = dn.parse(name)
        except DnError:
            return None
        if len(rdns[0]) != 1 or not dn.is_within(dn.key_of(rdns), self._base):
            return None
        kind, value = rdns[0][0]
        if kind.lower() != "uid" or not _PLAIN.match(value):
            return None
        return Found(Entry(name.encode("utf-8", "surrogateescape"), {}), Identity(value, name))


def _key(name: str) -> Key | None:
    try:
        return dn.key(name)
    except DnError:
        return None


class RelayedBind:
    """Implements ``model.Primary`` for one login.

    Who it is, is found out first, and the bind is sent with the DN that was found: a directory may well take
    names that we do not know how to read.
    """

    def __init__(self, relay: BindRelay, bind: BindFunction) -> None:
        self._relay = relay
        self._bind = bind

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        """See ``model.Primary``."""
        relay, directory = self._relay, self._relay.directory
        if not password.strip(b"\0"):
            return Denied(Reason.EMPTY_PASSWORD)
        seen = relay.by_rdn(request.dn)
        found = seen or await directory.look_up(request.dn or request.username)
        if isinstance(found, Denied):
            await directory.pretend_to_bind()
            return found
        denied = await self._check_password(found.entry.dn, directory.encoded(password))
        if denied is not None:
            relay.refused(found.who)
            return denied
        if seen is not None:  # there is no group to be in, and the name as typed is not exempt
            return seen.who
        denied = await directory.admit(found)
        if denied is not None:
            return denied
        is_exempt = relay.is_exempt(found.who.dn or "")
        return replace(found.who, exempt="exempt_ou") if is_exempt else found.who

    async def _check_password(self, name: bytes, password: bytes) -> Denied | None:
        clock = self._relay.clock
        began = clock.seconds()
        try:
            result = await self._bind(name, password)
            if result.code == Code.SUCCESS:  # what a session is good for, its controls tell the client
                return None
            denied = judge(result)
        except (ConnectionFailed, BerError, NotJudged) as error:
            raise PrimaryUnavailable(str(error)) from error
        self._relay.directory.note_refusal(clock.seconds() - began)
        return denied
