"""BER as LDAP uses it (RFC 4511 5.1): definite lengths, one-byte tags, bounds on everything.

Whatever a peer sends, only :class:`BerError` or :class:`Incomplete` comes out.
"""

from __future__ import annotations

from authproxy.errors import AuthproxyError

BOOLEAN = 0x01
INTEGER = 0x02
OCTETS = 0x04
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31

REQUEST_LIMIT = 1 << 20  # bytes of one message that a client may send us
RESPONSE_LIMIT = 16 << 20  # bytes of one message that a directory may send us
MAX_DEPTH = 20

_SHORT = [bytes((length,)) for length in range(128)]


class BerError(AuthproxyError):
    """The bytes are not the BER or LDAP that was expected; the connection can't be trusted any more."""


class Incomplete(Exception):
    """More bytes are needed; ``wanted`` is how many the buffer must hold before another look is worth it."""

    def __init__(self, wanted: int) -> None:
        super().__init__(f"{wanted} bytes are needed")
        self.wanted = wanted


# ---------------------------------------------------------------- writing


def length(size: int) -> bytes:
    """The length octets of a value of ``size`` bytes."""
    if size < 128:
        return _SHORT[size]
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, value: bytes) -> bytes:
    """One element."""
    return bytes((tag,)) + length(len(value)) + value


def integer(number: int, tag: int = INTEGER) -> bytes:
    """A signed integer or, with another tag, an enumeration."""
    bits = number.bit_length() if number >= 0 else (~number).bit_length()
    return tlv(tag, number.to_bytes(bits // 8 + 1, "big", signed=True))


def boolean(truth: bool) -> bytes:
    return b"\x01\x01\xff" if truth else b"\x01\x01\x00"


# ---------------------------------------------------------------- reading


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """``(tag, start, stop)`` of the element at ``at``; its value is ``data[start:stop]``, never beyond ``end``."""
    start = at + 2
    if start > end:
        raise BerError("an element is cut off")
    tag = data[at]
    size = data[at + 1]
    if size >= 128:
        count = size & 0x7F
        start += count
        if not 1 <= count <= 4:
            raise BerError("a length is indefinite or has more than four bytes")
        if start > end:
            raise BerError("a length is cut off")
        size = int.from_bytes(data[at + 2 : start], "big")
    if tag & 0x1F == 0x1F:
        raise BerError("a tag has more than one byte")
    stop = start + size
    if stop > end:
        raise BerError("an element runs past the end of what holds it")
    return tag, start, stop


def expect(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """``(start, stop)`` of the element at ``at``, which must have this tag."""
    found, start, stop = header(data, at, end)
    if found != tag:
        raise BerError(f"found tag 0x{found:02x} where 0x{tag:02x} belongs")
    return start, stop


def number(data: bytes, start: int, stop: int) -> int:
    """The integer in ``data[start:stop]``, of one to eight bytes."""
    if not 1 <= stop - start <= 8:
        raise BerError("an integer has no byte or more than eight")
    return int.from_bytes(data[start:stop], "big", signed=True)


def truth(data: bytes, start: int, stop: int) -> bool:
    if stop - start != 1:
        raise BerError("a boolean is not one byte")
    return data[start] != 0


def frame_end(data: bytes | bytearray, at: int, limit: int) -> int:
    """Where the LDAP message that begins at ``at`` ends. Raises Incomplete, or BerError if it isn't one."""
    have = len(data) - at
    if have < 2:
        if have == 1 and data[at] != SEQUENCE:
            raise BerError("not an LDAP message")
        raise Incomplete(at + 2)
    if data[at] != SEQUENCE:
        raise BerError("not an LDAP message")
    size = data[at + 1]
    start = at + 2
    if size >= 128:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise BerError("a length is indefinite or has more than four bytes")
        start += count
        if len(data) < start:
            raise Incomplete(start)
        size = int.from_bytes(data[at + 2 : start], "big")
    if size > limit:
        raise BerError(f"a message of {size} bytes is over the limit of {limit}")
    if len(data) < start + size:
        raise Incomplete(start + size)
    return start + size


class Framer:
    """Cuts a stream into whole messages. Holds at most one message of ``limit`` bytes and what came behind it."""

    __slots__ = ("_buffer", "_wanted", "failure", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.failure: BerError | None = None
        self._buffer = bytearray()
        self._wanted = 0

    @property
    def pending(self) -> int:
        """How many bytes of a message that is not complete are held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now. What can't be a message is noted in ``failure``, once those
        before it are returned; nothing more is taken then."""
        if self.failure is not None:
            return []
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return []
            buffer = self._buffer
        frames: list[bytes] = []
        at, end = 0, len(buffer)
        try:
            while at < end:
                stop = frame_end(buffer, at, self.limit)
                frames.append(bytes(buffer[at:stop]))
                at = stop
        except Incomplete as missing:
            self._wanted = missing.wanted - at
        except BerError as error:
            self.failure, at = error, end
        if at < end or buffer is self._buffer:
            self._buffer = bytearray(buffer[at:])
        return frames
