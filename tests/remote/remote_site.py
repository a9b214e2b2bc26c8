"""A section with keys of the service on loopback: what the daemon would build for it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from authproxy.apiclient.client import ApiClient, Keys
from authproxy.apiclient.https import HttpsHost, HttpsPeer
from authproxy.model import Ask, AuthRequest, Factor, Identity, Passcode, Trail, Typed, Verdict
from authproxy.secondfactor.remote import RemoteRules, RemoteSecondFactor
from authproxy.secondfactor.remote_service import RemoteService
from authproxy.secret import Secret
from tests.remote.fake_cloud import IKEY, SKEY, FakeCloud

FACTORS = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE, Factor.SMS)


class RemoteSite:
    """``seconds``: of one call."""

    def __init__(self, cloud: FakeCloud, directory: Path) -> None:
        from twisted.internet import reactor  # imported with the file, it would be there before pytest chooses it

        self.reactor: Any = reactor
        self.cloud = cloud
        self.authority = directory / "service-ca.pem"
        self.authority.write_bytes(cloud.authority.cert_pem.bytes())
        self._peers: list[HttpsPeer] = []
        self.peer = self.connect(HttpsHost("localhost", cloud.port, self.authority))
        self.client = self.sign()

    def connect(self, host: HttpsHost) -> HttpsPeer:
        peer = HttpsPeer(host)
        self._peers.append(peer)
        return peer

    def sign(
        self, peer: HttpsPeer | None = None, skey: str = SKEY, ikey: str = IKEY, version: int = 5
    ) -> ApiClient:
        keys = Keys(ikey, Secret(skey), "localhost", version)
        return ApiClient(keys, peer or self.peer, self.reactor, time.time, lambda: 0.0, pause=0.01)

    def second_factor(
        self, client: ApiClient | None = None, seconds: float = 5.0, **rules: Any
    ) -> RemoteSecondFactor:
        service = RemoteService("radius_server_auto", client or self.client, seconds, self.reactor)
        return RemoteSecondFactor(service, RemoteRules(**rules))

    def moment(self) -> Deferred[None]:
        """Lets everybody go on for a few milliseconds."""
        return deferLater(self.reactor, 0.005)

    def close(self) -> Deferred[None]:
        async def close() -> None:
            for peer in self._peers:
                await peer.close()

        return Deferred.fromCoroutine(close())

    async def enter(self, typed: Typed | str | None = None, username: str = "alice", **asked: Any) -> Verdict:
        """One login."""
        return await self.second_factor().begin(Identity(username), ask(typed, **asked), request(username))


def ask(typed: Typed | str | None = None, factors: tuple[Factor, ...] = FACTORS, **more: Any) -> Ask:
    """``typed``: a string is a passcode."""
    return Ask(Passcode(typed) if isinstance(typed, str) else typed, factors, **more)


def request(username: str = "alice", login_id: str = "ABCDEFGHJK", **more: Any) -> AuthRequest:
    plain = AuthRequest(
        login_id=login_id,
        section="radius_server_auto",
        username=username,
        password=b"",
        nas="192.0.2.1",
        client_ip="198.51.100.7",
        trail=Trail(lambda: 0.0),
    )
    return replace(plain, **more)
