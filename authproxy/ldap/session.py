"""A client's side of one LDAP connection as a pure object: operations out as bytes, answers back by message ID."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from authproxy.ldap import ber, messages, responses
from authproxy.ldap.ber import BerError
from authproxy.ldap.messages import Envelope, open_envelope, seal
from authproxy.ldap.responses import Entry, Result

T = TypeVar("T")

_MAX_ENTRIES = 10_000  # of one search; we ask for two
_RESULTS = frozenset((messages.BIND_RESPONSE, messages.SEARCH_DONE, messages.EXTENDED_RESPONSE))


class Answer(NamedTuple):
    """Everything that came back for one operation; ``entries`` is empty for all but searches."""

    result: Result
    entries: list[Entry]


class Disconnected(BerError):
    """The server sent a Notice of Disconnection (RFC 4511 4.4.1)."""


class Outstanding(Generic[T]):
    """An operation that waits for its answer: whose it is (``waiter``), and since when."""

    __slots__ = ("entries", "expects", "since", "waiter")

    def __init__(self, waiter: T, expects: int, since: float) -> None:
        self.waiter = waiter
        self.expects = expects
        self.since = since
        self.entries: list[Entry] = []


class Session(Generic[T]):
    """Message IDs and what is outstanding, oldest first. ``T`` is the caller's name for an operation."""

    __slots__ = ("_abandoned", "_framer", "_last_id", "failure", "outstanding")

    def __init__(self, frame_limit: int = ber.RESPONSE_LIMIT) -> None:
        self.outstanding: dict[int, Outstanding[T]] = {}
        self._abandoned: set[int] = set()
        self._framer = ber.Framer(frame_limit)
        self._last_id = 0
        self.failure: BerError | None = None

    def send(self, operation: bytes, expects: int, waiter: T, since: float) -> bytes:
        """The message to write. ``expects`` is the tag of the response that ends the operation."""
        message_id = self._next_id()
        self.outstanding[message_id] = Outstanding(waiter, expects, since)
        return seal(message_id, operation)

    def _next_id(self) -> int:
        last = self._last_id
        while True:
            last = last + 1 if last < messages.MAX_MESSAGE_ID else 1
            if last not in self.outstanding and last not in self._abandoned:
                self._last_id = last
                return last

    def abandon(self, waiter: T) -> bytes:
        """The message that tells the server not to bother, or nothing if the operation has ended."""
        for message_id, operation in self.outstanding.items():
            if operation.waiter is waiter:
                del self.outstanding[message_id]
                self._abandoned.add(message_id)
                if len(self._abandoned) > 1000:  # a server need not answer what was abandoned
                    self._abandoned.discard(min(self._abandoned))
                return seal(self._next_id(), ber.integer(message_id, messages.ABANDON_REQUEST))
        return b""

    def receive(self, data: bytes) -> list[tuple[T, Answer]]:
        """The operations that ended with these bytes. When the server broke the protocol or said goodbye,
        ``failure`` is set, and the connection is of no more use."""
        ended: list[tuple[T, Answer]] = []
        try:
            for frame in self._framer.feed(data):
                self._receive_frame(frame, ended)
            self.failure = self._framer.failure
        except BerError as error:
            self.failure = error
        return ended

    def _receive_frame(self, frame: bytes, ended: list[tuple[T, Answer]]) -> None:
        envelope = open_envelope(frame)
        operation = self.outstanding.get(envelope.message_id)
        if operation is None:
            self._receive_unexpected(envelope)
        elif envelope.tag in _RESULTS:
            if envelope.tag != operation.expects:
                raise BerError("the answer is of another kind than the question")
            result = responses.decode_result(envelope)
            del self.outstanding[envelope.message_id]
            ended.append((operation.waiter, Answer(result, operation.entries)))
        else:
            _receive_part(operation, envelope)

    def _receive_unexpected(self, envelope: Envelope) -> None:
        if envelope.message_id == 0 and envelope.tag == messages.EXTENDED_RESPONSE:
            result = responses.decode_result(envelope)
            if result.name in (messages.NOTICE_OF_DISCONNECTION, b""):
                raise Disconnected(f"the server ended the connection: {result.explain()}")
        elif envelope.message_id not in self._abandoned:
            raise BerError(f"an answer to message {envelope.message_id}, which nobody asked")
        elif envelope.tag in _RESULTS:
            self._abandoned.discard(envelope.message_id)


def _receive_part(operation: Outstanding[T], envelope: Envelope) -> None:
    if envelope.tag == messages.SEARCH_ENTRY and operation.expects == messages.SEARCH_DONE:
        if len(operation.entries) >= _MAX_ENTRIES:
            raise BerError(f"a search found more than {_MAX_ENTRIES} entries")
        operation.entries.append(responses.decode_entry(envelope))
    elif envelope.tag not in (messages.SEARCH_REFERENCE, messages.INTERMEDIATE_RESPONSE):
        raise BerError(f"0x{envelope.tag:02x} is no answer")
