"""The object graph: every room built and wired once, readable as a diagram."""

from __future__ import annotations

import random
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from authproxy.apiclient.client import ApiClient, Keys
from authproxy.authenticator import Authenticator
from authproxy.config.settings import (
    AdClientSettings,
    DuoOnlyClientSettings,
    Failmode,
    LdapServerSettings,
    MainSettings,
    RadiusClientSettings,
    RadiusServerSettings,
    RemoteSettings,
    ServerMode,
    Settings,
    WebSettings,
)
from authproxy.deadlines import Deadlines
from authproxy.httpproxy.door import HttpProxy
from authproxy.ldap.binds import BindRules
from authproxy.ldap.server import LdapServer
from authproxy.log import LineFile
from authproxy.loginlog import AuthEvents, LoginLog, SectionNames
from authproxy.messaging.gateway import HearsGateway
from authproxy.messaging.lines import open_lines
from authproxy.metrics import Metrics
from authproxy.model import Primary, SecondFactor
from authproxy.policy import Rules
from authproxy.primary.directory import DirectoryPrimary
from authproxy.primary.none import AppliancePrimary
from authproxy.primary.radius import RadiusPrimary
from authproxy.primary.relayed_bind import BindRelay
from authproxy.radius.attributes import Dictionary
from authproxy.radius.client import UpstreamClient
from authproxy.radius.listen import open_port
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.server import RadiusServer
from authproxy.secondfactor.embedded import Embedded, Outward
from authproxy.secondfactor.local import LocalSecondFactor
from authproxy.secondfactor.push import PushDesk
from authproxy.secondfactor.remembered import RememberedBinds
from authproxy.secondfactor.remote import RemoteRules, RemoteSecondFactor
from authproxy.secondfactor.remote_service import RemoteService
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.telephony import Ledger
from authproxy.store.writer import Writer
from authproxy.typed import Appended, FieldReader, WholeFactor, WholePassword

if TYPE_CHECKING:
    from authproxy.web.front import Front

_log = Logger()
_PRUNE_EVERY = 6 * 3600.0
_DAY = 86_400.0
_API_SECONDS = 15.0  # api_timeout=0


@dataclass(slots=True)
class Service:
    """What runs, and how it ends. ``closers`` are called last to first."""

    metrics: Metrics
    pushes: PushDesk
    ports: list[IListeningPort] = field(default_factory=list)
    closers: list[Callable[[], object]] = field(default_factory=list)
    web: Front | None = None

    async def stop(self) -> None:
        """Takes no more requests, then closes connections and the database, in that order."""
        for port in self.ports:
            await maybeDeferred(port.stopListening)
        for close in reversed(self.closers):
            await maybeDeferred(close)


def build(settings: Settings, seed_key: bytes, reactor: Reactor) -> Service:
    """Opens the database, the log of events and every port, and starts. Raises ConfigError, StoreUnavailable."""
    dictionary = Dictionary.load(settings.main.dictionary_dir)
    for warning in dictionary.warnings:
        _log.warn("dictionary: {warning}", warning=warning)
    closers: list[Callable[[], object]] = []
    outside = Outside(settings, reactor, closers)
    embedded = Embedded.open(settings.service, seed_key, reactor, closers, outside.rooms)
    service = Service(Metrics(), embedded.pushes, closers=closers)
    events = _auth_events(settings.main, closers)
    primaries = Primaries(settings, dictionary, service.metrics, reactor, closers)
    second_factors = SecondFactors(embedded, reactor, closers)
    pipelines = Pipelines(embedded, service.metrics, events, reactor, closers)
    for section in settings.radius_servers:
        authenticator = pipelines.authenticator(
            section,
            rules_of(section),
            field_reader_of(section, has_primary=primaries.client_of(section) is not None),
            primaries.primary_of(section),
            second_factors.of(section),
        )
        relay = primaries.pass_through(section)
        only_pap = primaries.why_only_pap(section, relay)
        server = RadiusServer(section, authenticator, dictionary, service.metrics, reactor, relay, only_pap)
        service.ports.append(open_port(reactor, section.interface, section.port, server))
    for ldap_section in settings.ldap_servers:
        directory = primaries.directory_of(ldap_section)
        second_factor = second_factors.of(ldap_section)
        ldap_server = _ldap_server(ldap_section, directory, second_factor, pipelines, service.metrics, reactor)
        closers.append(ldap_server.close)
        service.ports += ldap_server.listen(reactor)
    for proxy_section in settings.http_proxies:
        proxy = HttpProxy(proxy_section, reactor, reactor)
        closers.append(proxy.close)
        service.ports.append(proxy.listen())
    if settings.service.web is not None:
        service.web = _open_web(
            settings, settings.service.web, embedded, outside, service.metrics, events, reactor, closers
        )
    return service


def _open_web(
    settings: Settings,
    web: WebSettings,
    embedded: Embedded,
    outside: Outside,
    metrics: Metrics,
    events: AuthEvents | None,
    reactor: Reactor,
    closers: list[Callable[[], object]],
) -> Front:
    """The APIs. Stopped before what they use: first the listener, then the logins that go on by themselves."""
    from authproxy.web.front import open_front  # half a second of imports that many daemons don't need

    announce = LoginLog(SectionNames("service", None), metrics, events, settings.main.debug)
    transactions = embedded.transactions(announce, reactor)
    front = open_front(
        web,
        settings.service.state_dir,
        transactions,
        embedded.applications(),
        reactor,
        telephony=outside.callbacks,
        is_debug=settings.main.debug,
    )
    closers += [transactions.stop, front.stop]
    reactor.callLater(0, front.start)  # type: ignore[no-untyped-call]
    return front


def _ldap_server(
    section: LdapServerSettings,
    client: Directory,
    second_factor: LocalSecondFactor | RemoteSecondFactor,
    pipelines: Pipelines,
    metrics: Metrics,
    reactor: Reactor,
) -> LdapServer:
    memory = RememberedBinds(
        second_factor, second_factor, section.remember_bind_seconds, reactor.seconds, secrets.token_bytes(32)
    )
    authenticator = pipelines.authenticator(
        section,
        Rules(factors=section.factors, is_fail_open=section.failmode is Failmode.SAFE),
        Appended(section.delimiter, section.delimited_password_length)
        if section.allow_concat
        else WholePassword(),
        client.primary,
        memory if section.remember_bind_seconds else second_factor,
    )
    is_exempt = BindRules.of(section).is_exempt
    relay = BindRelay(client.settings, client.primary, is_exempt, memory.forget, reactor)
    timeout, connect = client.settings.timeout, client.primary.connect
    return LdapServer(section, authenticator, relay.primary_for, connect, metrics, reactor, timeout)


class Pipelines:
    """Makes the login pipeline of each server section."""

    def __init__(
        self,
        embedded: Embedded,
        metrics: Metrics,
        events: AuthEvents | None,
        reactor: Reactor,
        closers: list[Callable[[], object]],
    ) -> None:
        self._embedded = embedded
        self._metrics = metrics
        self._events = events
        self._reactor = reactor
        self._closers = closers

    def authenticator(
        self,
        section: RadiusServerSettings | LdapServerSettings,
        rules: Rules,
        fields: FieldReader,
        primary: Primary,
        second_factor: SecondFactor,
    ) -> Authenticator:
        deadlines = Deadlines(self._reactor, section.appliance_timeout)
        self._closers.append(deadlines.close)
        embedded = self._embedded
        return Authenticator(
            rules,
            fields,
            primary,
            second_factor,
            embedded.challenges,
            embedded.journal,
            LoginLog(SectionNames(section.name, section.client), self._metrics, self._events, section.debug),
            deadlines,
            time.time,
        )


# ---------------------------------------------------------------- one section's rules


def rules_of(section: RadiusServerSettings) -> Rules:
    return Rules(
        factors=section.factors,
        exempt_usernames=frozenset(name.casefold() for name in section.exempt_usernames),
        can_prompt=section.mode is ServerMode.CHALLENGE,
        prompt_format=section.prompt_format,
        must_type_factor=section.mode in (ServerMode.CONCAT, ServerMode.DUO_ONLY),
        is_fail_open=section.failmode is Failmode.SAFE,
        can_enroll=section.mode is ServerMode.CHALLENGE and section.enroll_challenge,
        verified_push=section.verified_push,
    )


def field_reader_of(section: RadiusServerSettings, has_primary: bool) -> FieldReader:
    """How the section's password field is taken apart. See docs/options.md for the modes."""
    if section.mode is ServerMode.DUO_ONLY:
        return WholeFactor()
    if section.mode is ServerMode.CHALLENGE or not section.allow_concat:
        return WholePassword()
    return Appended(section.delimiter, section.delimited_password_length, alone=not has_primary)


# ---------------------------------------------------------------- who checks passwords


class Directory(NamedTuple):
    settings: AdClientSettings
    primary: DirectoryPrimary


class Primaries:
    """The client sections, opened when a server section first needs them."""

    def __init__(
        self,
        settings: Settings,
        dictionary: Dictionary,
        metrics: Metrics,
        reactor: Reactor,
        closers: list[Callable[[], object]],
    ) -> None:
        self._settings = settings
        self._dictionary = dictionary
        self._metrics = metrics
        self._reactor = reactor
        self._closers = closers
        self._directories: dict[str, DirectoryPrimary] = {}
        self._upstreams: dict[str, UpstreamClient] = {}

    def client_of(self, section: RadiusServerSettings) -> AdClientSettings | RadiusClientSettings | None:
        """Who checks the section's passwords; None when the appliance has done so."""
        if section.client is None or section.mode is ServerMode.DUO_ONLY:
            return None
        client = self._settings.clients[section.client]
        return None if isinstance(client, DuoOnlyClientSettings) else client

    def pass_through(self, section: RadiusServerSettings) -> PassThrough:
        """What may cross between appliance and upstream: whatever either section names."""
        client = self.client_of(section)
        upstream = client if isinstance(client, RadiusClientSettings) else None
        return PassThrough(
            self._dictionary,
            section.pass_through_all or (upstream is not None and upstream.pass_through_all),
            section.pass_through_attr_names + (upstream.pass_through_attr_names if upstream else ()),
        )

    def why_only_pap(self, section: RadiusServerSettings, relay: PassThrough) -> str:
        """What keeps MS-CHAP and EAP out; empty when an upstream server speaks them."""
        if section.mode is not ServerMode.AUTO:
            return "only [radius_server_auto] relays that, as nothing can be typed or asked with it"
        if not isinstance(self.client_of(section), RadiusClientSettings):
            return "only an upstream server can check that (client=radius_client)"
        return "" if relay.is_everything else "relaying that needs pass_through_all=true"

    def primary_of(self, section: RadiusServerSettings) -> Primary:
        match self.client_of(section):
            case None:
                return AppliancePrimary()
            case AdClientSettings() as client:
                return self._directory(client)
            case RadiusClientSettings() as client:
                upstream, relay = self._upstream(client), self.pass_through(section)
                return RadiusPrimary(upstream, relay, client.pw_codec, section.eap_identity)

    def directory_of(self, section: LdapServerSettings) -> Directory:
        client = self._settings.clients[section.client]
        assert isinstance(client, AdClientSettings)
        return Directory(client, self._directory(client))

    def _directory(self, client: AdClientSettings) -> DirectoryPrimary:
        if client.name not in self._directories:
            directory = self._directories[client.name] = DirectoryPrimary(client, self._reactor)
            self._closers.append(directory.close)
        return self._directories[client.name]

    def _upstream(self, client: RadiusClientSettings) -> UpstreamClient:
        if client.name not in self._upstreams:
            reactor = self._reactor
            dropped = self._metrics.upstream_dropped
            upstream = self._upstreams[client.name] = UpstreamClient(
                client,
                reactor,
                reactor,
                reactor.nameResolver,
                nas_identifier=f"authproxy {socket.gethostname()}",
                count=lambda reason: dropped.labels(client.name, reason).inc(),
            )
            self._closers.append(upstream.close)
        return self._upstreams[client.name]


# ---------------------------------------------------------------- who asks for the second factor


class SecondFactors:
    """The embedded service, or the remote one that a section has keys for."""

    def __init__(self, embedded: Embedded, reactor: Reactor, closers: list[Callable[[], object]]) -> None:
        self._embedded = embedded
        self._reactor = reactor
        self._closers = closers
        self._clients: dict[RemoteSettings, ApiClient] = {}

    def of(self, section: RadiusServerSettings | LdapServerSettings) -> LocalSecondFactor | RemoteSecondFactor:
        if section.remote is None:
            return self._embedded.second_factor(section.application or section.name)
        seconds = section.api_timeout or min(_API_SECONDS, section.appliance_timeout / 2)
        service = RemoteService(section.name, self._client(section.remote), seconds, self._reactor)
        shown = section.application if section.application != section.name else ""
        rules = RemoteRules(section.remote.sends_directory_name, shown, socket.gethostname())
        return RemoteSecondFactor(service, rules)

    def _client(self, remote: RemoteSettings) -> ApiClient:
        """Sections with the same keys share connections."""
        from authproxy.apiclient.https import HttpsHost, HttpsPeer  # its imports take time and memory, too

        if remote not in self._clients:
            host = HttpsHost(remote.api_host, remote.api_port, remote.http_ca_certs_file, remote.http_proxy)
            peer = HttpsPeer(host)
            self._closers.append(peer.close)
            keys = Keys(remote.ikey, remote.skey, remote.api_host, remote.signature_version)
            self._clients[remote] = ApiClient(keys, peer, self._reactor, time.time, random.random)
        return self._clients[remote]


# ---------------------------------------------------------------- who speaks to people


class Outside:
    """The rooms that do, as far as they are configured."""

    def __init__(self, settings: Settings, reactor: Reactor, closers: list[Callable[[], object]]) -> None:
        self._settings = settings
        self._reactor = reactor
        self._closers = closers
        self.callbacks: HearsGateway | None = None

    def rooms(self, writer: Writer, seeds: SeedBox) -> Outward:
        """Raises ConfigError."""
        telephony, web = self._settings.telephony, self._settings.service.web
        if telephony is None:
            return Outward()
        ledger = Ledger(writer, telephony.prices, time.time)
        base_url = web.base_url if web else ""
        key = seeds.derived("telephony reports")
        lines = open_lines(telephony, base_url, key, ledger, self._reactor, self._closers)
        self.callbacks = lines.callbacks
        return Outward(calls=lines.calls, texts=lines.texts)


# ---------------------------------------------------------------- the record


def _auth_events(main: MainSettings, closers: list[Callable[[], object]]) -> AuthEvents | None:
    if not main.log_auth_events or main.log_dir is None:
        return None
    file = LineFile(main.log_dir / "authevents.log", main.log_max_size, main.log_max_files)
    closers.append(file.close)
    return AuthEvents(file.write)
