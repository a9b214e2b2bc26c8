"""A small read-only LDAP server on loopback, for demonstration and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTCP
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from authproxy.ldap import ber, messages, requests, responses
from authproxy.ldap.ber import BerError
from authproxy.ldap.memory import Entries, StoredEntry
from authproxy.ldap.messages import Envelope, open_envelope, seal
from authproxy.ldap.requests import Abandon, Extended, SaslBind, Search, SimpleBind, Unbind
from authproxy.ldap.responses import Code, Result

_MAX_CONNECTIONS = 1000


class MemoryDirectory(Factory):
    """Serves entries given as ``{dn: {attribute: values}}``; ``userPassword`` values make a bind possible."""

    noisy = False

    def __init__(self, entries: Mapping[str, Mapping[str, Sequence[str | bytes]]]) -> None:
        self.entries = Entries(entries)
        self.connections: set[ServerConnection] = set()

    def listen(self, reactor: IReactorTCP, interface: str = "127.0.0.1", port: int = 0) -> IListeningPort:
        """Port 0 is any free one: see the result's ``getHost().port``."""
        return reactor.listenTCP(port, self, interface=interface)  # type: ignore[arg-type]

    def buildProtocol(self, addr: IAddress | None) -> ServerConnection | None:
        return ServerConnection(self) if len(self.connections) < _MAX_CONNECTIONS else None

    def close(self) -> None:
        """Drops every connection; the port is its owner's to close."""
        for connection in list(self.connections):
            connection.drop()


class ServerConnection(Protocol):
    """One client. Whatever it sends, it gets an answer or is disconnected with a notice."""

    def __init__(self, directory: MemoryDirectory) -> None:
        self._directory = directory
        self._framer = ber.Framer(ber.REQUEST_LIMIT)
        self._bound_as = b""

    def connectionMade(self) -> None:
        self._directory.connections.add(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._directory.connections.discard(self)

    def drop(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        try:
            answers = b"".join(map(self._answer, self._framer.feed(data)))
            if self._framer.failure is not None:
                raise self._framer.failure
        except BerError as error:
            notice = Result(Code.PROTOCOL_ERROR, message=str(error), name=messages.NOTICE_OF_DISCONNECTION)
            answers = _reply(0, messages.EXTENDED_RESPONSE, notice)
            self.drop_after(answers)
            return
        assert self.transport is not None
        self.transport.write(answers)

    def drop_after(self, answers: bytes) -> None:
        assert self.transport is not None
        self.transport.write(answers)
        self.transport.loseConnection()

    def _answer(self, frame: bytes) -> bytes:
        envelope = open_envelope(frame)
        for control in messages.open_controls(envelope.controls):
            if control.is_critical and envelope.tag in _ANSWERS:
                return _reply(envelope.message_id, _ANSWERS[envelope.tag], Result(12, message="unknown control"))
        match requests.decode(envelope):
            case SimpleBind(name, password, version):
                return _reply(envelope.message_id, messages.BIND_RESPONSE, self._bind(name, password, version))
            case SaslBind():
                refused = Result(Code.AUTH_METHOD_NOT_SUPPORTED, message="only simple binds")
                return _reply(envelope.message_id, messages.BIND_RESPONSE, refused)
            case Search() as search:
                return self._search(envelope, search)
            case Extended(name):
                return _reply(envelope.message_id, messages.EXTENDED_RESPONSE, self._extended(name))
            case Unbind():
                self.drop()
                return b""
            case Abandon():  # every answer has been sent before the next request is read
                return b""
            case None:
                return _unknown(envelope)

    def _bind(self, name: bytes, password: bytes, version: int) -> Result:
        self._bound_as = b""
        if version != 3:
            return Result(Code.PROTOCOL_ERROR, message="only LDAP version 3")
        result = self._directory.entries.bind(name, password)
        if result.code == Code.SUCCESS:
            self._bound_as = name
        return result

    def _search(self, envelope: Envelope, search: Search) -> bytes:
        if not self._bound_as:
            result, found = Result(Code.INSUFFICIENT_ACCESS, message="bind first"), list[StoredEntry]()
        else:
            result, found = self._directory.entries.find(search)
        parts = [seal(envelope.message_id, _entry(entry, search)) for entry in found]
        return b"".join(parts) + _reply(envelope.message_id, messages.SEARCH_DONE, result)

    def _extended(self, name: bytes) -> Result:
        if name == messages.WHO_AM_I:
            return Result(Code.SUCCESS, value=b"dn:" + self._bound_as if self._bound_as else b"")
        if name == messages.START_TLS:
            return Result(Code.UNAVAILABLE, message="no TLS here", name=name)
        return Result(Code.PROTOCOL_ERROR, message="unknown extended operation")


_ANSWERS = {
    messages.BIND_REQUEST: messages.BIND_RESPONSE,
    messages.SEARCH_REQUEST: messages.SEARCH_DONE,
    messages.EXTENDED_REQUEST: messages.EXTENDED_RESPONSE,
}
_WRITES = {0x66: 0x67, 0x68: 0x69, 0x4A: 0x6B, 0x6C: 0x6D, 0x6E: 0x6F}  # modify, add, delete, rename, compare


def _reply(message_id: int, tag: int, result: Result) -> bytes:
    return seal(message_id, responses.encode_result(tag, result))


def _unknown(envelope: Envelope) -> bytes:
    if envelope.tag not in _WRITES:
        raise BerError(f"0x{envelope.tag:02x} is no request")
    refused = Result(Code.UNWILLING_TO_PERFORM, message="this directory can only be read")
    return _reply(envelope.message_id, _WRITES[envelope.tag], refused)


def _entry(entry: StoredEntry, search: Search) -> bytes:
    wanted = {name.lower().decode("ascii", "replace") for name in search.attributes}
    is_all = not wanted or "*" in wanted
    attributes = {
        entry.spelled[kind]: () if search.types_only else values
        for kind, values in entry.attributes.items()
        if is_all or kind in wanted
    }
    return responses.encode_entry(entry.dn.encode("utf-8", "surrogateescape"), attributes)
