"""An LDAP client that sends bytes as a test wants them, and collects what comes back."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from authproxy.ldap import messages, requests, responses
from authproxy.ldap.ber import Framer
from authproxy.ldap.filters import Present
from authproxy.ldap.messages import Envelope, open_envelope, seal
from authproxy.ldap.requests import Extended, Request, Scope, Search, SimpleBind
from authproxy.ldap.responses import Result

_PATIENCE = 60.0


class WireClient(Protocol):
    """``heard`` holds the frames that nobody has taken; ``is_gone`` tells that the server hung up."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.is_gone = False
        self._framer = Framer(64 << 20)
        self._waiting: Deferred[None] | None = None
        self._last_id = 0

    @classmethod
    async def to(cls, port: int) -> WireClient:
        client: WireClient = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), cls())
        return client

    # ------------------------------------------------------------ out

    def send(self, operation: Request | bytes, controls: bytes = b"", message_id: int = 0) -> int:
        """A request, or an encoded operation; the message ID it was given."""
        self._last_id = message_id or self._last_id + 1
        encoded = operation if isinstance(operation, bytes) else requests.encode(operation)
        self.send_bytes(seal(self._last_id, encoded + controls))
        return self._last_id

    def send_bytes(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def hang_up(self) -> None:
        assert self.transport is not None
        self.transport.abortConnection()

    # ------------------------------------------------------------ in

    def dataReceived(self, data: bytes) -> None:
        self.heard += self._framer.feed(data)
        self._wake()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.is_gone = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def _more(self) -> None:
        self._waiting = Deferred()
        self._waiting.addTimeout(_PATIENCE, reactor)
        await self._waiting

    async def next(self) -> Envelope:
        """The next message. Fails when the server hangs up instead."""
        while not self.heard:
            assert not self.is_gone, "the server hung up"
            await self._more()
        return open_envelope(self.heard.pop(0))

    async def gone(self) -> None:
        """Waits until the server has hung up."""
        while not self.is_gone:
            await self._more()

    async def result(self) -> Result:
        """The next message, which must be a result."""
        return responses.decode_result(await self.next())

    # ------------------------------------------------------------ conversations

    async def bind(self, name: str, password: str, controls: bytes = b"") -> Result:
        message_id = self.send(SimpleBind(name.encode(), password.encode()), controls)
        envelope = await self.next()
        assert (envelope.message_id, envelope.tag) == (message_id, messages.BIND_RESPONSE)
        return responses.decode_result(envelope)

    async def who_am_i(self) -> str:
        self.send(Extended(messages.WHO_AM_I))
        result = await self.result()
        assert result.code == 0, result
        return (result.value or b"").decode()

    async def search(self, base: str) -> tuple[int, int]:
        """How many entries, and the result's code."""
        self.send(Search(base.encode(), Scope.SUBTREE, Present("objectClass")))
        entries = 0
        while True:
            envelope = await self.next()
            if envelope.tag == messages.SEARCH_DONE:
                return entries, responses.decode_result(envelope).code
            entries += 1


async def notice_and_end(client: WireClient) -> Result:
    """The notice of disconnection that must come next, and nothing after it."""
    envelope = await client.next()
    assert (envelope.message_id, envelope.tag) == (0, messages.EXTENDED_RESPONSE)
    await client.gone()
    assert client.heard == []
    result = responses.decode_result(envelope)
    assert result.name == messages.NOTICE_OF_DISCONNECTION
    return result
