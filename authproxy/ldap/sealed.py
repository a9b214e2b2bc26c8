"""User binds that send no password: each on a connection of its own, which the server has to seal."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredSemaphore

from authproxy.ldap import messages, requests
from authproxy.ldap.client import ConnectionFailed, LdapConnection
from authproxy.ldap.filters import Present
from authproxy.ldap.requests import Scope, Search
from authproxy.ldap.responses import Code
from authproxy.ldap.sasl import Mechanism
from authproxy.ldap.sasl_bind import sasl_bind
from authproxy.ldap.session import Answer

_ANY_QUESTION = requests.encode(Search(b"", Scope.BASE, Present("objectClass"), (b"1.1",), 1))


class SealedBinds:
    """At most ``size`` at a time. Without TLS, whoever answers could say "success": only one who knows the
    password can seal an answer, so one is asked for before the bind counts."""

    def __init__(self, size: int, connect: Callable[[], Deferred[LdapConnection]]) -> None:
        self._connect = connect
        self._turns = DeferredSemaphore(size)
        self._connections: set[LdapConnection] = set()

    async def bind(self, mechanism: Mechanism) -> Answer:
        """The answer to the bind. Raises ConnectionFailed."""
        await self._turns.acquire()
        try:
            connection = await self._connect()
            self._connections.add(connection)
            try:
                return await _bind(connection, mechanism)
            finally:
                self._connections.discard(connection)
                connection.close()
        finally:
            self._turns.release()

    def shut(self) -> None:
        for connection in list(self._connections):
            connection.abort("the directory connection was closed")


async def _bind(connection: LdapConnection, mechanism: Mechanism) -> Answer:
    answer = await sasl_bind(connection, mechanism)
    if answer.result.code == Code.SUCCESS:
        sealed = await connection.ask(_ANY_QUESTION, messages.SEARCH_DONE)
        if sealed.result.code != Code.SUCCESS:
            raise ConnectionFailed(f"the bind succeeded, but then the server said {sealed.result.explain()}")
    return answer
