"""Who asks for the second factor: the embedded service, or the remote one that a section has keys for."""

from __future__ import annotations

import random
import socket
import time

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor

from authproxy.apiclient.client import ApiClient, Keys
from authproxy.assembly.shelf import Shelf, fingerprint
from authproxy.config.settings import LdapServerSettings, RadiusServerSettings, RemoteSettings
from authproxy.secondfactor.embedded import Embedded
from authproxy.secondfactor.local import LocalSecondFactor
from authproxy.secondfactor.remote import RemoteRules, RemoteSecondFactor
from authproxy.secondfactor.remote_service import RemoteService

_API_SECONDS = 15.0  # api_timeout=0


class SecondFactors:
    """Those of one configuration. Clients of remote services that ``before`` has are taken over from it."""

    def __init__(self, embedded: Embedded, reactor: Reactor, before: SecondFactors | None = None) -> None:
        self._embedded = embedded
        self._reactor = reactor
        self._clients: Shelf[object, RemoteClient] = Shelf(RemoteClient.close, before._clients if before else None)

    @property
    def shelf(self) -> Shelf[object, RemoteClient]:
        return self._clients

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
        key = (remote, fingerprint(remote))
        return self._clients.get(key, lambda: RemoteClient(remote, self._reactor)).api


class RemoteClient:
    """The connections to one remote service, and what speaks through them."""

    def __init__(self, remote: RemoteSettings, reactor: Reactor) -> None:
        from authproxy.apiclient.https import HttpsHost, HttpsPeer  # its imports take time and memory, too

        host = HttpsHost(remote.api_host, remote.api_port, remote.http_ca_certs_file, remote.http_proxy)
        self._peer = HttpsPeer(host)
        keys = Keys(remote.ikey, remote.skey, remote.api_host, remote.signature_version)
        self.api = ApiClient(keys, self._peer, reactor, time.time, random.random)

    def close(self) -> object:
        return self._peer.close()
