"""Connections for user binds: each carries one bind at a time, and goes on to the next user's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from authproxy.ldap import messages
from authproxy.ldap.client import ConnectionDied, ConnectionFailed, LdapConnection, Outcome
from authproxy.ldap.session import Answer

_QUEUE_LIMIT = 20_000


class _Bind:
    """A bind that waits for a connection or for its answer."""

    __slots__ = ("done", "operation", "was_retried")

    def __init__(self, operation: bytes) -> None:
        self.operation = operation
        self.done: Deferred[Answer] = (
            Deferred()
        )  # without a canceller: who gives up does not disturb the connection
        self.was_retried = False

    def settle(self, outcome: Outcome) -> None:
        if self.done.called:  # cancelled
            return
        if isinstance(outcome, ConnectionFailed):
            self.done.errback(outcome)
        else:
            self.done.callback(outcome)


class BindPool:
    """At most ``size`` connections, opened as they are needed; binds beyond that wait in order."""

    def __init__(self, size: int, connect: Callable[[], Deferred[LdapConnection]]) -> None:
        self._size = size
        self._connect = connect
        self._idle: list[LdapConnection] = []
        self._connections: set[LdapConnection] = set()
        self._opening = 0
        self._waiting: deque[_Bind] = deque()
        self._is_closed = False

    def bind(self, operation: bytes) -> Deferred[Answer]:
        """Sends an encoded bind. Fails with ConnectionFailed; a bind whose connection broke before the
        answer came is sent once more on another."""
        bind = _Bind(operation)
        if self._idle:
            self._send(self._idle.pop(), bind)
        elif len(self._waiting) >= _QUEUE_LIMIT or self._is_closed:
            bind.settle(ConnectionFailed("too many binds are waiting, or the pool is closed"))
        else:
            self._waiting.append(bind)
            self._grow()
        return bind.done

    @property
    def connections(self) -> dict[str, int]:
        """How many, by what they are at."""
        idle = len(self._idle)
        return {"busy": len(self._connections) - idle, "idle": idle, "opening": self._opening}

    @property
    def waiting(self) -> int:
        """Binds that no connection has been found for yet."""
        return len(self._waiting)

    def close(self, why: str = "") -> None:
        """Ends every connection: politely, or at once if ``why`` is given, and then nobody waits for another. The
        pool may be used again."""
        if why:
            self._fail_waiting(ConnectionFailed(why))
        for connection in list(self._connections):
            connection.abort(why) if why else connection.close()

    def shut(self) -> None:
        """Closes for good."""
        self._is_closed = True
        self.close()
        self._fail_waiting(ConnectionFailed("the directory connection was closed"))

    def _grow(self) -> None:
        while len(self._waiting) > self._opening and len(self._connections) + self._opening < self._size:
            self._opening += 1
            self._connect().addCallbacks(self._opened, self._not_opened)

    def _opened(self, connection: LdapConnection) -> None:
        self._opening -= 1
        if self._is_closed:
            connection.close()
            return
        self._connections.add(connection)
        connection.on_lost = self._lost
        connection.go_straight()
        self._use(connection)

    def _not_opened(self, failure: Failure) -> None:
        self._opening -= 1
        if not self._connections and not self._opening:
            error = failure.value
            self._fail_waiting(error if isinstance(error, ConnectionFailed) else ConnectionFailed(str(error)))

    def _fail_waiting(self, why: ConnectionFailed) -> None:
        waiting, self._waiting = self._waiting, deque()
        for bind in waiting:
            bind.settle(why)

    def _use(self, connection: LdapConnection) -> None:
        while self._waiting:
            bind = self._waiting.popleft()
            if not bind.done.called:
                self._send(connection, bind)
                return
        self._idle.append(connection)

    def _send(self, connection: LdapConnection, bind: _Bind) -> None:
        connection.request(bind.operation, messages.BIND_RESPONSE, partial(self._answered, connection, bind))

    def _answered(self, connection: LdapConnection, bind: _Bind, outcome: Outcome) -> None:
        if not isinstance(outcome, ConnectionFailed):
            self._use(connection)
        elif isinstance(outcome, ConnectionDied) and not bind.was_retried and not self._is_closed:
            bind.was_retried = True
            self._waiting.appendleft(bind)
            self._grow()
            return
        bind.settle(outcome)

    def _lost(self, connection: LdapConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._grow()
