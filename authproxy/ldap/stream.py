"""A directory's answers on their way to a client: passed on as they come, never held, never copied; only the few
that somebody here must read are cut out whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from authproxy.ldap import ber, messages
from authproxy.ldap.ber import BerError, Incomplete
from authproxy.ldap.operations import ENDS

_KEPT_LIMIT = 1 << 20  # bytes of a bind response or a notice


class Head(NamedTuple):
    """The beginning of a message: its ID, its operation's tag, and how many bytes the whole message has."""

    message_id: int
    tag: int
    size: int


def read_head(data: bytes, at: int) -> Head:
    """Of the message that begins at ``at``, of which 20 bytes are always enough. Raises BerError, Incomplete."""
    try:
        start, size = _header(data, at, ber.SEQUENCE)
        begin, length = _header(data, start, ber.INTEGER)
        if length > 8 or begin + length >= start + size:
            raise BerError("a message without a message ID or an operation")
        tag = data[begin + length]
    except IndexError:
        raise Incomplete(len(data) + 1) from None
    return Head(ber.number(data, begin, begin + length), tag, start + size - at)


def head_of(frame: bytes) -> Head:
    """Of a whole message. Raises BerError."""
    try:
        return read_head(frame, 0)
    except Incomplete:
        raise BerError("a message that holds no operation") from None


def _header(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """``(start, size)`` of an element that need not be there in full. Raises IndexError, BerError."""
    if data[at] != tag:
        raise BerError("not an LDAP message")
    size, start = data[at + 1], at + 2
    if size >= 128:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise BerError("a length is indefinite or has more than four bytes")
        start += count
        if start > len(data):
            raise IndexError
        size = int.from_bytes(data[at + 2 : start], "big")
    return start, size


def end_of_run(data: bytes, at: int, like: bytes) -> int:
    """Where the whole messages that begin at ``at`` end, as long as each is of the message ID and tag that
    ``like`` encodes: entry after entry of one search, which is most of what a directory sends. To read each head
    would take longer than all the rest of passing it on. What isn't understood is left to :func:`read_head`."""
    end, begins = len(data), data.startswith
    while at + 6 < end and data[at] == ber.SEQUENCE:
        size = data[at + 1]
        if size < 0x80:
            start = at + 2
        elif size == 0x81:
            start, size = at + 3, data[at + 2]
        elif size == 0x82:
            start, size = at + 4, data[at + 2] << 8 | data[at + 3]
        elif size == 0x84:  # Active Directory's, whatever the size
            start, size = at + 6, int.from_bytes(data[at + 2 : at + 6], "big")
        else:
            break
        stop = start + size
        if stop > end or not begins(like, start, stop):
            break
        at = stop
    return at


class Passing(NamedTuple):
    """Bytes to pass on as they are."""

    data: bytes


class Kept(NamedTuple):
    """One whole message."""

    head: Head
    frame: bytes


class Gap(NamedTuple):
    """Here one message has ended and the next has not begun."""


class ResponseStream:
    """Follows what a directory sends. ``ended`` collects the IDs of operations whose last response has begun
    to pass by; whoever feeds it takes them out. While ``is_gap_wanted``, gaps are shown."""

    __slots__ = ("_held", "_left", "ended", "is_gap_wanted")

    def __init__(self) -> None:
        self._held = b""  # the head of a message, or a message to keep, that isn't complete
        self._left = 0  # bytes still to come of the message that is passing
        self.ended: list[int] = []
        self.is_gap_wanted = False

    @property
    def is_amid(self) -> bool:
        """Whether a part of a message has passed, and the rest has not."""
        return self._left > 0

    def feed(self, data: bytes) -> Iterator[Passing | Kept | Gap]:
        """Raises BerError when the stream makes no sense any more."""
        if self._held:
            data, self._held = self._held + data, b""
        end = len(data)
        begin, at = 0, min(self._left, end)
        self._left -= at
        while at < end:
            if self.is_gap_wanted:
                if begin < at:
                    yield Passing(data[begin:at])
                begin = at
                yield Gap()
            try:
                head = read_head(data, at)
            except Incomplete:
                break
            except BerError:
                if begin < at:  # whoever has half of a message must get the other half
                    yield Passing(data[begin:at])
                raise
            stop = at + head.size
            if head.tag == messages.BIND_RESPONSE or head.message_id == 0:
                if head.size > _KEPT_LIMIT:
                    raise BerError(f"a response of {head.size} bytes to a bind")
                if begin < at:
                    yield Passing(data[begin:at])
                begin = at
                if stop > end:
                    break
                yield Kept(head, data[at:stop])
                begin = at = stop
                continue
            if head.tag in ENDS:
                self.ended.append(head.message_id)
            self._left = max(0, stop - end)
            at = min(stop, end)
            if head.tag == messages.SEARCH_ENTRY and not self.is_gap_wanted:
                at = end_of_run(data, at, ber.integer(head.message_id) + bytes((head.tag,)))
        if begin < at:
            yield Passing(data[begin:at])  # the very same object if nothing was cut out
        self._held = data[at:]
        if self.is_gap_wanted and not self._left:
            yield Gap()
