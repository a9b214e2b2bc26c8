"""Who checks passwords: the client sections, opened when a server section first needs them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor

from authproxy.assembly.shelf import Shelf, fingerprint
from authproxy.config.settings import (
    AdClientSettings,
    DuoOnlyClientSettings,
    LdapServerSettings,
    RadiusClientSettings,
    RadiusServerSettings,
    ServerMode,
    Settings,
)
from authproxy.metrics import Metrics
from authproxy.metrics_state import SectionState
from authproxy.model import Primary
from authproxy.primary.directory import DirectoryPrimary
from authproxy.primary.none import AppliancePrimary
from authproxy.primary.radius import RadiusPrimary
from authproxy.radius.attributes import Dictionary
from authproxy.radius.client import UpstreamClient
from authproxy.radius.passthrough import PassThrough


class Directory(NamedTuple):
    settings: AdClientSettings
    primary: DirectoryPrimary


class Primaries:
    """Those of one configuration. What ``before`` has for equal settings is taken over from it."""

    def __init__(
        self,
        settings: Settings,
        dictionary: Dictionary,
        metrics: Metrics,
        reactor: Reactor,
        before: Primaries | None = None,
    ) -> None:
        self._settings = settings
        self._dictionary = dictionary
        self._metrics = metrics
        self._reactor = reactor
        self._states: dict[str, Callable[[], SectionState]] = {}
        self._directories: Shelf[object, DirectoryPrimary] = Shelf(
            DirectoryPrimary.close, before._directories if before else None
        )
        self._upstreams: Shelf[object, UpstreamClient] = Shelf(
            UpstreamClient.close, before._upstreams if before else None
        )

    @property
    def shelves(self) -> tuple[Shelf[object, DirectoryPrimary], Shelf[object, UpstreamClient]]:
        return self._directories, self._upstreams

    def states(self) -> dict[str, Callable[[], SectionState]]:
        """By section: how its hosts are."""
        return dict(self._states)

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

    def checks_passwords(self, name: str) -> Primary:
        """The client section of that name, for passwords that no appliance has sent."""
        match self._settings.clients[name]:
            case AdClientSettings() as client:
                return self._directory(client)
            case RadiusClientSettings() as client:
                return RadiusPrimary(self._upstream(client), PassThrough(self._dictionary), client.pw_codec)
            case DuoOnlyClientSettings():
                raise ValueError(f"[{name}] checks no passwords")

    def directory_of(self, section: LdapServerSettings) -> Directory:
        client = self._settings.clients[section.client]
        assert isinstance(client, AdClientSettings)
        return Directory(client, self._directory(client))

    def _directory(self, client: AdClientSettings) -> DirectoryPrimary:
        key = (client, fingerprint(client))
        directory = self._directories.get(key, lambda: DirectoryPrimary(client, self._reactor))
        self._states[client.name] = directory.state
        return directory

    def _upstream(self, client: RadiusClientSettings) -> UpstreamClient:
        upstream = self._upstreams.get(client, lambda: self._open_upstream(client))
        self._states[client.name] = upstream.state
        return upstream

    def _open_upstream(self, client: RadiusClientSettings) -> UpstreamClient:
        reactor, dropped = self._reactor, self._metrics.upstream_dropped
        return UpstreamClient(
            client,
            reactor,
            reactor,
            reactor.nameResolver,
            nas_identifier=f"authproxy {socket.gethostname()}",
            count=lambda reason: dropped.labels(client.name, reason).inc(),
        )
