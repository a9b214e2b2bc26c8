"""What a client's connection needs of the door it came through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IReactorTime

from authproxy.ldap.certificate import ServerCertificate
from authproxy.ldap.section import FrontSection
from authproxy.ldap.upstream import Connect

if TYPE_CHECKING:
    from authproxy.ldap.caller import Caller


class Front(Protocol):
    """Times are seconds, infinite for no limit; ``patience`` is for the answer to a bind."""

    section: FrontSection
    connect: Connect
    clock: IReactorTime
    certificate: ServerCertificate | None
    callers: set[Caller]
    patience: float
    network_timeout: float
    idle_timeout: float

    def admit(self, peer: str) -> bool: ...
    def release(self, peer: str) -> None: ...
