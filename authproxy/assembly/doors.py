"""Who is behind the ports: the server sections of one configuration, taking the places of those before them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from authproxy.assembly.pipelines import Pipelines, field_reader_of, ldap_field_reader_of, rules_of
from authproxy.assembly.ports import Behind, Place
from authproxy.assembly.primaries import Primaries
from authproxy.assembly.retirement import Retirement
from authproxy.assembly.second_factors import SecondFactors
from authproxy.config.settings import HttpProxySettings, LdapServerSettings, RadiusServerSettings
from authproxy.httpproxy.door import HttpProxy
from authproxy.ldap.binds import BindRules
from authproxy.ldap.server import LdapServer, Terms
from authproxy.metrics import Metrics
from authproxy.model import Watches
from authproxy.primary.relayed_bind import BindRelay
from authproxy.radius.attributes import Dictionary
from authproxy.radius.server import RadiusServer
from authproxy.secondfactor.remembered import RememberedBinds


@dataclass(frozen=True, slots=True)
class Parts:
    """What sections are made of."""

    dictionary: Dictionary
    primaries: Primaries
    second_factors: SecondFactors
    pipelines: Pipelines
    metrics: Metrics
    reactor: Reactor
    watches: Watches


@dataclass(slots=True)
class Doors:
    """Those of one configuration. An LDAP server keeps its place, and its clients, when its terms change."""

    radius: dict[Place, RadiusServer] = field(default_factory=dict)
    ldap: dict[Place, LdapServer] = field(default_factory=dict)
    proxies: dict[Place, HttpProxy] = field(default_factory=dict)
    new_terms: dict[Place, Terms] = field(default_factory=dict)

    # ------------------------------------------------------------ making

    def add_radius(self, section: RadiusServerSettings, parts: Parts) -> None:
        primaries = parts.primaries
        authenticator = parts.pipelines.authenticator(
            section,
            rules_of(section),
            field_reader_of(section, has_primary=primaries.client_of(section) is not None),
            primaries.primary_of(section),
            parts.second_factors.of(section),
        )
        relay = primaries.pass_through(section)
        only_pap = primaries.why_only_pap(section, relay)
        self.radius[Place("udp", section.interface, section.port)] = RadiusServer(
            section, authenticator, parts.dictionary, parts.metrics, parts.reactor, relay, only_pap, parts.watches
        )

    def add_ldap(self, section: LdapServerSettings, parts: Parts, before: Doors | None) -> None:
        """Raises ConfigError."""
        place, terms = Place("tcp", section.interface, section.port), ldap_terms(section, parts)
        server = before.ldap.get(place) if before is not None else None
        if server is not None:
            self.new_terms[place] = terms
        self.ldap[place] = server or LdapServer(terms, parts.metrics, parts.reactor)

    def add_proxy(self, section: HttpProxySettings, reactor: Reactor) -> None:
        place = Place("tcp", section.interface, section.port)
        self.proxies[place] = HttpProxy(section, reactor, reactor)

    # ------------------------------------------------------------ what they listen on

    def places(self, ldap_sections: tuple[LdapServerSettings, ...]) -> list[Place]:
        """Before ``take_over``."""
        secure = [
            Place("tcp", section.interface, section.ssl_port)
            for section in ldap_sections
            if section.ssl_cert_path is not None
        ]
        return [*self.radius, *self.ldap, *secure, *self.proxies]

    def behind(self) -> dict[Place, Behind]:
        """After it."""
        wanted: dict[Place, Behind] = {**self.radius, **self.proxies}
        for place, server in self.ldap.items():
            for port, entrance in server.entrances():
                wanted[Place("tcp", place.interface, port)] = entrance
        return wanted

    # ------------------------------------------------------------ taking over

    def take_over(self, before: Doors) -> None:
        """What was under way before goes on here, or ends as it began."""
        for place, server in self.radius.items():
            if place in before.radius:
                server.succeed(before.radius[place])
        for place, terms in self.new_terms.items():
            self.ldap[place].change(terms)
        self.new_terms.clear()

    def retire(self, newer: Doors, left: dict[Place, IListeningPort], retirement: Retirement) -> None:
        """Closes what the ``newer`` ones do without: a RADIUS port once its logins are answered; an LDAP port
        at once, and its clients are told when theirs are decided; tunnels of a proxy end by themselves, or at last
        with everything."""
        for place, port in left.items():
            retirement.add(partial(_is_deciding, self.radius.get(place)), [port.stopListening])
        for place, ldap_server in self.ldap.items():
            if newer.ldap.get(place) is not ldap_server:
                retirement.add(partial(_is_deciding, ldap_server), [ldap_server.close])
        for proxy in self.proxies.values():
            retirement.add(partial(getattr, proxy, "is_in_use"), [proxy.close])

    def discard(self, before: Doors | None) -> None:
        """They are not going to be used."""
        for place, server in self.ldap.items():
            if before is None or place not in before.ldap:
                maybeDeferred(server.close)
        for radius_server in before.radius.values() if before is not None else ():
            radius_server.show_pending()

    @property
    def pending(self) -> int:
        """How many logins are being decided."""
        servers: list[RadiusServer | LdapServer] = [*self.radius.values(), *self.ldap.values()]
        return sum(server.pending for server in servers)

    @property
    def is_done(self) -> bool:
        """No login is being decided, or waits for its next request."""
        return all(server.is_done for server in self.radius.values()) and not any(
            server.pending for server in self.ldap.values()
        )


def _is_deciding(server: RadiusServer | LdapServer | None) -> bool:
    return server is not None and server.pending > 0


def ldap_terms(section: LdapServerSettings, parts: Parts) -> Terms:
    """Raises ConfigError."""
    client, second_factor = parts.primaries.directory_of(section), parts.second_factors.of(section)
    memory = RememberedBinds(
        second_factor, second_factor, section.remember_bind_seconds, parts.reactor.seconds, secrets.token_bytes(32)
    )
    authenticator = parts.pipelines.authenticator(
        section,
        rules_of(section),
        ldap_field_reader_of(section),
        client.primary,
        memory if section.remember_bind_seconds else second_factor,
    )
    is_exempt = BindRules.of(section).is_exempt
    relay = BindRelay(client.settings, client.primary, is_exempt, memory.forget, parts.reactor)
    return Terms.make(section, authenticator, relay.primary_for, client.primary.connect, client.settings.timeout)
