"""An LDAP front door on loopback with the real login pipeline; second factor and journal are in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater

from authproxy.authenticator import Authenticator
from authproxy.config.settings import AdClientSettings, LdapServerSettings
from authproxy.deadlines import Deadlines
from authproxy.ldap.binds import BindRules
from authproxy.ldap.server import LdapServer, Terms
from authproxy.metrics import Metrics
from authproxy.model import LoginRecord, SecondFactor
from authproxy.policy import Rules
from authproxy.primary.directory import DirectoryPrimary
from authproxy.primary.relayed_bind import BindRelay
from authproxy.secondfactor.memory import MemorySecondFactor, MemoryUser
from authproxy.secondfactor.remembered import RememberedBinds
from authproxy.store.memory import MemoryChallenges, MemoryJournal
from authproxy.typed import Appended

CODE, OTHER_CODE = "123456", "654321"


class Door:
    """Every user of ``users`` has the codes ``CODE`` and ``OTHER_CODE``, each good once; a login without a code
    is a push that waits in ``second_factor.pushes``."""

    def __init__(
        self,
        directory: AdClientSettings,
        users: tuple[str, ...] = ("alice", "bob", "carol"),
        *,
        rules: Rules | None = None,
        **changes: Any,
    ) -> None:
        """``changes``: of the section's settings."""
        values: dict[str, Any] = {"interface": "127.0.0.1", "port": 0, "ssl_port": 0, "exempt_primary_bind": False}
        self.settings = settings = LdapServerSettings("ldap_server_auto", directory.name, **values | changes)
        self.second_factor = MemorySecondFactor({name: MemoryUser(codes={CODE, OTHER_CODE}) for name in users})
        self.journal = MemoryJournal()
        self.announced: list[LoginRecord] = []
        self.metrics = Metrics()
        self.primary = DirectoryPrimary(directory, reactor)
        self._deadlines = Deadlines(reactor, settings.appliance_timeout)
        self.memory = RememberedBinds(
            self.second_factor, self, settings.remember_bind_seconds, reactor.seconds, bytes(32)
        )
        self.welcome = True
        asked: SecondFactor = self.memory if settings.remember_bind_seconds else self.second_factor
        authenticator = Authenticator(
            rules or Rules(),
            Appended(settings.delimiter, settings.delimited_password_length),
            self.primary,
            asked,
            MemoryChallenges(300, reactor.seconds),
            self.journal,
            self.announced.append,
            self._deadlines,
            reactor.seconds,
        )
        exempt = BindRules.of(settings).is_exempt
        relay = BindRelay(directory, self.primary, exempt, self.memory.forget, reactor)
        self._served = (settings, authenticator, relay.primary_for, self.primary.connect, directory.timeout)
        self.server = LdapServer(Terms.make(*self._served), self.metrics, reactor)
        self._ports = [
            reactor.listenTCP(port, entrance, interface=settings.interface)
            for port, entrance in self.server.entrances()
        ]
        self.port, *secure = [port.getHost().port for port in self._ports]
        self.ssl_port = secure[0] if secure else 0

    def reload(self) -> None:
        """As a reload of the configuration does: files are read anew. Raises ConfigError."""
        self.server.change(Terms.make(*self._served))

    async def is_welcome(self, _who: object) -> bool:
        return self.welcome

    async def close(self) -> None:
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        await self.server.close()
        self.primary.close()
        self._deadlines.close()
        await deferLater(reactor, 0.02, lambda: None)

    async def push(self) -> str:
        """Waits for a login to wait for a push; whose."""
        await until(lambda: self.second_factor.pushes)
        return self.second_factor.pushes[0][0]

    def decide(self, username: str, approve: bool) -> None:
        assert self.second_factor.decide(username, approve) == 1

    async def logins(self, count: int) -> list[LoginRecord]:
        """What the journal holds, once it holds so many."""
        await until(lambda: len(self.journal.logins) >= count)
        return self.journal.logins

    def figure(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"section": "ldap_server_auto"} | labels) or 0.0


MakeDoor = Callable[..., Door]


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Waits for a condition; fails when it does not come true."""
    give_up = reactor.seconds() + seconds
    while not condition():
        assert reactor.seconds() < give_up, "it did not come true"
        await deferLater(reactor, 0.005, lambda: None)
