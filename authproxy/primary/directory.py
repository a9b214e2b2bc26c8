"""``[ad_client]``: the password is checked by binding to Active Directory or LDAP as the user."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from authproxy.config.settings import AdClientSettings
from authproxy.errors import PrimaryUnavailable
from authproxy.ldap import dn
from authproxy.ldap.client import ConnectionFailed, LdapConnection
from authproxy.ldap.discovery import Lookup, system_lookup
from authproxy.ldap.dn import DnError
from authproxy.ldap.host import DirectoryHost
from authproxy.ldap.responses import Code, Entry
from authproxy.metrics_state import SectionState
from authproxy.model import AuthRequest, Denied, Identity, Reason
from authproxy.primary import login_name
from authproxy.primary.forest import ForestFinder
from authproxy.primary.group import SecurityGroup
from authproxy.primary.hosts import Hosts
from authproxy.primary.login_name import LoginName
from authproxy.primary.password_check import password_check
from authproxy.primary.service_account import service_bind
from authproxy.primary.user_lookup import UserLookup
from authproxy.primary.user_search import UserSearch

_SAMPLES = 64
_SHARES_OF_DISCOVERED = 3  # of so many servers from the DNS, each may use up its part of the timeout

LookUp = Callable[[DirectoryHost], Awaitable[Entry | Denied]]


@dataclass(frozen=True, slots=True)
class Found:
    """A user's entry, and who it is if the password turns out to be right."""

    entry: Entry
    who: Identity


class DirectoryPrimary:
    """Implements ``model.Primary``. Connects when it's first needed; :meth:`close` ends all connections.

    A name nobody has is answered as late as a wrong password would be: the wait is the length of a recent
    refused bind, taken at random. Binding as nobody would look more alike still, but would fill the
    directory's audit log with failed logons and cost it work for every guess.
    """

    def __init__(self, settings: AdClientSettings, reactor: IReactorTime, lookup: Lookup | None = None) -> None:
        """Raises ConfigError when ``ldap_filter``, the certificates or the ciphers can't be used."""
        self._settings = settings
        self._clock = reactor
        self._codec = (
            None if settings.pw_codec.lower().replace("_", "-") in ("utf-8", "utf8") else settings.pw_codec
        )

        def in_thread(work: Callable[[], bytes | None]) -> Awaitable[bytes | None]:
            threads = IReactorThreads(reactor)
            return deferToThreadPool(threads, threads.getThreadPool(), work)

        patience = settings.timeout / (len(settings.hosts) or _SHARES_OF_DISCOVERED)
        self._group = _group_of(settings)
        self._passwords = password_check(settings, in_thread)
        group_attributes = self._group.attributes if self._group else ()
        self._search = UserSearch(settings, max(1, round(patience)), group_attributes + self._passwords.attributes)
        self._forests = ForestFinder()
        self._users = UserLookup(self._search, self._forests, settings.search_dn)
        self._hosts = Hosts(
            settings, reactor, patience, service_bind(settings, in_thread), lookup or system_lookup(reactor)
        )
        self._refusals: deque[float] = deque((0.001,), _SAMPLES)  # seconds that refused binds took

    # ------------------------------------------------------------ one login

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        """See ``model.Primary``."""
        if not password.strip(b"\0"):  # a bind without password is anonymous, and always succeeds
            return Denied(Reason.EMPTY_PASSWORD)
        name = login_name.parse(request.username)
        if name is None:
            return Denied(Reason.UNKNOWN_USER, "nobody can have this name")
        encoded = self.encoded(password)
        return await self._hosts.first_answer(lambda host: self._check_on(host, request.username, name, encoded))

    async def _check_on(
        self, host: DirectoryHost, typed: str, name: LoginName, password: bytes
    ) -> Identity | Denied:
        entry = await self._users.entry(host, name)
        if isinstance(entry, Denied):
            await self.pretend_to_bind()
            return entry
        username = _spelling(entry.attributes.get(self._search.username_attribute.lower(), ()), typed)
        began = self._clock.seconds()
        denied = await self._passwords.verdict(host, entry, password)
        if denied is not None:
            self.note_refusal(self._clock.seconds() - began)
            return denied
        if username is None:
            return self._nameless()
        return await self._refused_by_group(host, entry, username) or _identity(entry, username)

    async def _refused_by_group(self, host: DirectoryHost, entry: Entry, username: str) -> Denied | None:
        """Asked only after the password was right: who does not know it learns nothing of groups."""
        group = self._group
        if group is None or await group.has(host, await self._forests.of(host), entry, username):
            return None
        return Denied(Reason.NOT_IN_GROUP, group.name)

    def _nameless(self) -> Denied:
        name = self._settings.username_attribute
        return Denied(Reason.UNKNOWN_USER, f"the entry has no {name} that the service account may read")

    # ------------------------------------------------------------ for who binds on a connection of his own

    async def look_up(self, name: str) -> Found | Denied:
        """Who has this name: a DN, or what a user would type. Raises PrimaryUnavailable."""
        step = self._reading(name) if "=" in name else self._finding(name)
        if isinstance(step, Denied):
            return step
        entry = await self._hosts.first_answer(step)
        if isinstance(entry, Denied):
            return entry
        username = _spelling(entry.attributes.get(self._search.username_attribute.lower(), ()), _rdn_value(name))
        return self._nameless() if username is None else Found(entry, _identity(entry, username))

    def _finding(self, typed: str) -> LookUp | Denied:
        name = login_name.parse(typed)
        if name is None:
            return Denied(Reason.UNKNOWN_USER, "nobody can have this name")
        return lambda host: self._users.entry(host, name)

    def _reading(self, name: str) -> LookUp | Denied:
        operation = self._search.entry(name)
        if operation is None:
            return Denied(Reason.UNKNOWN_USER, "not below search_dn")

        async def read(host: DirectoryHost) -> Entry | Denied:
            answer = await host.search(operation)
            if answer.result.code in (Code.NO_SUCH_OBJECT, Code.INVALID_DN_SYNTAX, Code.REFERRAL):
                return Denied(Reason.UNKNOWN_USER, answer.result.explain())
            return self._users.only_entry(host, answer)

        return read

    async def admit(self, found: Found) -> Denied | None:
        """Why a user whose password was right may not log in. Raises PrimaryUnavailable."""
        return await self._hosts.first_answer(
            lambda host: self._refused_by_group(host, found.entry, found.who.username)
        )

    async def connect(self) -> LdapConnection:
        """A connection of the caller's own, bound as nobody. Raises PrimaryUnavailable."""
        return await self._hosts.first_answer(_connect_to)

    def encoded(self, password: bytes) -> bytes:
        """Directories take passwords in UTF-8; ``pw_codec`` is what they come in."""
        if self._codec is None:
            return password
        try:
            return password.decode(self._codec).encode()
        except (UnicodeError, LookupError):
            return password

    async def pretend_to_bind(self) -> None:
        await deferLater(self._clock, random.choice(self._refusals))  # noqa: S311

    def note_refusal(self, seconds: float) -> None:
        """How long the directory took to refuse a password."""
        self._refusals.append(seconds)

    # ------------------------------------------------------------ the connection as such

    async def verify(self) -> None:
        """Whether every host takes the service account and has ``search_dn``. Raises PrimaryUnavailable
        that says what is wrong with which."""
        await self._hosts.ready()
        problems = []
        for host in self._hosts.all:
            try:
                answer = await host.search(self._search.base())
                if answer.result.code != Code.SUCCESS:
                    problems.append(f"{host.name}: {self._users.failed(host, answer)}")
            except ConnectionFailed as error:
                problems.append(str(error))
        if problems:
            raise PrimaryUnavailable("; ".join(problems))

    def state(self) -> SectionState:
        """For the figures."""
        return self._hosts.state()

    def close(self) -> None:
        """Ends all connections; logins that wait for them raise PrimaryUnavailable."""
        self._hosts.close()


async def _connect_to(host: DirectoryHost) -> LdapConnection:
    try:
        return await host.connect()
    except ConnectionFailed as error:
        host.mark_down(str(error))
        raise


def _spelling(values: Sequence[bytes], typed: str) -> str | None:
    """The directory's own spelling of the name; of several, the one that was typed if it's among them."""
    if not values:
        return None
    names = [value.decode("utf-8", "surrogateescape") for value in values]
    if len(names) > 1:
        wanted = typed.rpartition("\\")[2].casefold()
        for name in names:
            if name.casefold() == wanted:
                return name
    return names[0]


def _rdn_value(name: str) -> str:
    """``alice`` of ``uid=alice,ou=People,dc=example``; the name itself if it is no DN."""
    try:
        rdns = dn.parse(name) if "=" in name else ()
    except DnError:
        return name
    return rdns[0][0][1] if rdns else name


def _identity(entry: Entry, username: str) -> Identity:
    mail = entry.attributes.get(b"mail")
    return Identity(
        username, entry.dn.decode("utf-8", "replace"), mail[0].decode("utf-8", "replace") if mail else None
    )


def _group_of(settings: AdClientSettings) -> SecurityGroup | None:
    if not settings.security_group_dn:
        return None
    return SecurityGroup(settings.security_group_dn, settings.security_group_nested)
