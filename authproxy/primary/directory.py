"""``[ad_client]``: the password is checked by binding to Active Directory or LDAP as the user."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from authproxy.config.settings import AdClientSettings, Transport
from authproxy.errors import PrimaryUnavailable
from authproxy.ldap import dn
from authproxy.ldap.client import ConnectionDied, ConnectionFailed, LdapConnection
from authproxy.ldap.dn import DnError
from authproxy.ldap.host import DirectoryHost, HostRules
from authproxy.ldap.responses import Code, Entry
from authproxy.ldap.session import Answer
from authproxy.ldap.tls import TlsConnections, TlsRules
from authproxy.model import AuthRequest, Denied, Identity, Reason
from authproxy.primary.bind_result import ASK_FOR_POLICY, NotJudged, judge, not_judged
from authproxy.primary.user_search import UserSearch, bind_operation

_SAMPLES = 64

T = TypeVar("T")


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

    def __init__(self, settings: AdClientSettings, reactor: IReactorTime) -> None:
        """Raises ConfigError when ``ldap_filter``, the certificates or the ciphers can't be used."""
        self._settings = settings
        self._clock = reactor
        self._codec = (
            None if settings.pw_codec.lower().replace("_", "-") in ("utf-8", "utf8") else settings.pw_codec
        )
        patience = settings.timeout / max(1, len(settings.hosts))
        self._search = UserSearch(settings, max(1, round(patience)))
        self._group = settings.security_group_dn
        self._group_key = dn.key(self._group) if self._group else ()
        self._hosts = _make_hosts(settings, reactor, patience)
        self._refusals: deque[float] = deque((0.001,), _SAMPLES)  # seconds that refused binds took

    # ------------------------------------------------------------ one login

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied:
        """See ``model.Primary``."""
        if not password.strip(b"\0"):  # a bind without password is anonymous, and always succeeds
            return Denied(Reason.EMPTY_PASSWORD)
        operation = self._search.find(request.username)
        if operation is None:
            return Denied(Reason.UNKNOWN_USER, "nobody can have this name")
        encoded = self.encoded(password)
        return await self._on_a_host(lambda host: self._check_on(host, request.username, operation, encoded))

    async def _on_a_host(self, step: Callable[[DirectoryHost], Awaitable[T]]) -> T:
        """What the first host says that can be asked. Raises PrimaryUnavailable."""
        give_up = self._clock.seconds() + self._settings.timeout
        problems: list[str] = []
        for host in self.hosts():
            try:
                return await step(host)
            except NotJudged as error:
                problems.append(f"{host.name}: {error}")
                if error.is_busy:
                    host.mark_down(problems[-1])
            except ConnectionFailed as error:
                text = str(error)
                problems.append(text if host.name in text else f"{host.name}: {text}")
            if self._clock.seconds() >= give_up:
                break
        raise PrimaryUnavailable("; ".join(problems))

    def hosts(self) -> Sequence[DirectoryHost]:
        """In the order in which to try them now."""
        hosts = self._hosts
        if hosts[0].is_up or len(hosts) == 1:
            return hosts
        return sorted(hosts, key=lambda host: not host.is_up)  # a stable sort keeps the order of preference

    async def _check_on(
        self, host: DirectoryHost, typed: str, operation: bytes, password: bytes
    ) -> Identity | Denied:
        entry = await self._entry_on(host, operation)
        if isinstance(entry, Denied):
            await self.pretend_to_bind()
            return entry
        username = _spelling(entry.attributes.get(self._search.username_attribute.lower(), ()), typed)
        began = self._clock.seconds()
        answer = await host.bind(bind_operation(entry.dn, password, ASK_FOR_POLICY))
        denied = judge(answer.result)
        if denied is not None:
            self.note_refusal(self._clock.seconds() - began)
            return denied
        if username is None:
            return self._nameless()
        if self._group and not await self._is_member(host, entry, username):
            return Denied(Reason.NOT_IN_GROUP, self._group)
        return _identity(entry, username)

    def _nameless(self) -> Denied:
        name = self._settings.username_attribute
        return Denied(Reason.UNKNOWN_USER, f"the entry has no {name} that the service account may read")

    async def _entry_on(self, host: DirectoryHost, operation: bytes) -> Entry | Denied:
        return self._only_entry(host, await _ask(host, operation))

    def _only_entry(self, host: DirectoryHost, answer: Answer) -> Entry | Denied:
        code = answer.result.code
        if len(answer.entries) > 1 or code == Code.SIZE_LIMIT_EXCEEDED:
            return Denied(Reason.AMBIGUOUS_USER, "several entries match below search_dn")
        if code != Code.SUCCESS:
            raise self._search_failed(host, answer)
        if not answer.entries:
            return Denied(Reason.UNKNOWN_USER, "no entry matches below search_dn")
        if not answer.entries[0].dn:
            raise NotJudged("the directory found an entry without a name")
        return answer.entries[0]

    def _search_failed(self, host: DirectoryHost, answer: Answer) -> NotJudged:
        if answer.result.code == Code.OPERATIONS_ERROR:  # Active Directory's way to say: you aren't bound
            host.drop_service("the directory does not take it as bound any more")
        error = not_judged(answer.result, "the search")
        if answer.result.code == Code.NO_SUCH_OBJECT:
            return NotJudged(f"{error}; search_dn {self._settings.search_dn!r} does not exist, or is not readable")
        return error

    # ------------------------------------------------------------ for who binds on a connection of his own

    async def look_up(self, name: str) -> Found | Denied:
        """Who has this name: a DN, or what a user would type. Raises PrimaryUnavailable."""
        by_dn = "=" in name
        operation = self._search.entry(name) if by_dn else self._search.find(name)
        if operation is None:
            return Denied(Reason.UNKNOWN_USER, "not below search_dn" if by_dn else "nobody can have this name")
        look = self._read_on if by_dn else self._entry_on
        entry = await self._on_a_host(lambda host: look(host, operation))
        if isinstance(entry, Denied):
            return entry
        username = _spelling(entry.attributes.get(self._search.username_attribute.lower(), ()), _rdn_value(name))
        return self._nameless() if username is None else Found(entry, _identity(entry, username))

    async def _read_on(self, host: DirectoryHost, operation: bytes) -> Entry | Denied:
        answer = await _ask(host, operation)
        if answer.result.code in (Code.NO_SUCH_OBJECT, Code.INVALID_DN_SYNTAX, Code.REFERRAL):
            return Denied(Reason.UNKNOWN_USER, answer.result.explain())
        return self._only_entry(host, answer)

    async def admit(self, found: Found) -> Denied | None:
        """Why a user whose password was right may not log in. Raises PrimaryUnavailable."""
        if not self._group:
            return None
        username = found.who.username
        if await self._on_a_host(lambda host: self._is_member(host, found.entry, username)):
            return None
        return Denied(Reason.NOT_IN_GROUP, self._group)

    async def connect(self) -> LdapConnection:
        """A connection of the caller's own, bound as nobody. Raises PrimaryUnavailable."""
        return await self._on_a_host(_connect_to)

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

    # ------------------------------------------------------------ security_group_dn

    async def _is_member(self, host: DirectoryHost, entry: Entry, username: str) -> bool:
        """Asked only after the password was right: who does not know it learns nothing of groups."""
        for value in entry.attributes.get(b"memberof", ()):
            if self._is_group(value.decode("utf-8", "replace")):
                return True
        name = username.encode("utf-8", "surrogateescape")
        answer = await _ask(host, self._search.membership(entry.dn, name))
        if answer.result.code == Code.SUCCESS:
            return bool(answer.entries)
        if answer.result.code == Code.NO_SUCH_OBJECT:
            raise NotJudged(f"security_group_dn {self._group!r} does not exist, or is not readable")
        raise not_judged(answer.result, "the search for the group")

    def _is_group(self, text: str) -> bool:
        if text == self._group:
            return True
        try:
            return dn.key(text) == self._group_key
        except DnError:
            return False

    # ------------------------------------------------------------ the connection as such

    async def verify(self) -> None:
        """Whether every host takes the service account and has ``search_dn``. Raises PrimaryUnavailable
        that says what is wrong with which."""
        problems = []
        for host in self._hosts:
            try:
                answer = await _ask(host, self._search.base())
                if answer.result.code != Code.SUCCESS:
                    problems.append(f"{host.name}: {self._search_failed(host, answer)}")
            except ConnectionFailed as error:
                problems.append(str(error))
        if problems:
            raise PrimaryUnavailable("; ".join(problems))

    def close(self) -> None:
        """Ends all connections; logins that wait for them raise PrimaryUnavailable."""
        for host in self._hosts:
            host.close()


async def _connect_to(host: DirectoryHost) -> LdapConnection:
    try:
        return await host.connect()
    except ConnectionFailed as error:
        host.mark_down(str(error))
        raise


async def _ask(host: DirectoryHost, operation: bytes) -> Answer:
    """A search; asked once more if its connection broke before the answer."""
    try:
        return await host.search(operation)
    except ConnectionDied:
        return await host.search(operation)


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


def _service_name(settings: AdClientSettings) -> str:
    """What the service account binds as: a DN, ``user@domain`` or ``DOMAIN\\user`` as written; to a bare account
    name the domain of ``search_dn`` is added."""
    if settings.bind_dn:
        return settings.bind_dn
    name = settings.service_account_username
    if "=" in name or "@" in name or "\\" in name:
        return name
    try:
        domain = dn.domain(settings.search_dn)
    except DnError:
        domain = None
    return f"{name}@{domain}" if domain else name


def _make_hosts(settings: AdClientSettings, reactor: IReactorTime, patience: float) -> list[DirectoryHost]:
    name = _service_name(settings)
    password = settings.service_account_password.reveal_bytes()
    rules = HostRules(
        settings.name, settings.transport, bind_operation(name.encode(), password, b""), name, patience
    )
    tls = TlsRules(
        settings.ssl_ca_certs_file,
        settings.ssl_verify_hostname,
        settings.minimum_tls_version,
        settings.cipher_list,
    )
    is_secure = settings.transport is not Transport.CLEAR
    return [
        DirectoryHost(reactor, host, port, rules, TlsConnections(tls, host) if is_secure else None)
        for host, port in settings.hosts
    ]
