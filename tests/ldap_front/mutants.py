"""Broken LDAP messages, for fuzzing: flipped, cut, spliced, with lying lengths, too deep, and whole ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from authproxy.ldap import ber, messages, requests
from authproxy.ldap.filters import And, Equal, Not, Present
from authproxy.ldap.messages import Control, encode_controls, seal
from authproxy.ldap.requests import Abandon, Extended, SaslBind, Scope, Search, SimpleBind, Unbind

PEOPLE = "ou=people,dc=example,dc=test"
SERVICE = b"cn=svc,dc=example,dc=test"
_CONTROLS = (b"", b"", encode_controls(Control(b"1.2.840.113556.1.4.319", True, b"\x30\x05\x02\x01\x64\x04\x00")))
_FILTER = And((Equal("objectClass", b"person"), Not(Present("uid"))))


def mutants(chance: Random, count: int) -> Iterator[bytes]:
    """``count`` requests, a third of them whole; the same ``chance`` gives the same ones. Every bind has a
    password of its own."""
    for _ in range(count):
        frame = seal(chance.choice((1, 2, 3, 127, 128, 70_000, 2**31 - 1)), _operation(chance))
        yield frame if chance.random() < 0.35 else chance.choice(_WAYS)(chance, frame)


def _operation(chance: Random) -> bytes:
    password = b"pw-%d" % chance.randrange(2**40)
    name = f"uid=user{chance.randrange(50)},{PEOPLE}".encode()
    match chance.randrange(14):
        case 0 | 1 | 2 | 3:
            operation = requests.encode(SimpleBind(name, password))
        case 4:
            operation = requests.encode(SimpleBind(SERVICE, password))
        case 5:
            odd = chance.choice((b"", b"alice", b"x=" * 300, b"<GUID=1>", b"cn=x\\0ADEL:1,dc=test", b"uid=a\0b"))
            operation = requests.encode(SimpleBind(odd, password, chance.choice((3, 3, 2, 127))))
        case 6:
            operation = requests.encode(SaslBind(b"", chance.choice((b"PLAIN", b"GSSAPI", b"")), b"\0a\0b"))
        case 7 | 8:
            operation = requests.encode(Search(name, Scope.SUBTREE, _FILTER, (b"cn", b"mail")))
        case 9:
            operation = requests.encode(
                Extended(chance.choice((messages.WHO_AM_I, messages.START_TLS, b"1.2")), b"x")
            )
        case 10:
            operation = requests.encode(Abandon(chance.choice((1, 2, 3, 127, 128, 70_000))))
        case 11:
            operation = requests.encode(Unbind()) if chance.random() < 0.1 else ber.tlv(0x66, name)
        case 12:
            operation = ber.tlv(
                chance.choice((0x68, 0x4A, 0x6C, 0x6E, 0x61, 0x64, 0x40, 0x7E)), chance.randbytes(20)
            )
        case _:
            operation = _deep(chance.choice((10, 500)))
    return operation + chance.choice(_CONTROLS)


def _deep(levels: int) -> bytes:
    body = ber.tlv(0x87, b"a")
    for _ in range(levels):
        body = ber.tlv(0xA2, body)
    head = requests.search_head(Search(b"dc=test", Scope.BASE, Present("a")))
    return ber.tlv(messages.SEARCH_REQUEST, head + body + requests.attribute_list(()))


# ---------------------------------------------------------------- ways to break one


def _flipped(chance: Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _flipped_inside(chance: Random, frame: bytes) -> bytes:
    """Its head is right."""
    at = min(7, len(frame) - 1)
    return frame[:at] + _flipped(chance, frame[at:])


def _cut(chance: Random, frame: bytes) -> bytes:
    return frame[: chance.randrange(len(frame))]


def _with_another_length(chance: Random, frame: bytes) -> bytes:
    lies = (
        b"\x80", b"\x00", b"\x7f", b"\x84\x7f\xff\xff\xff", b"\x84\xff\xff\xff\xff", b"\x82\xff\xff",
        b"\x83\x04\x00\x00", b"\x85\x01\x01\x01\x01\x01",
    )  # fmt: skip
    at = chance.choice([at for at, byte in enumerate(frame[:-1]) if byte in (0x30, 0x60, 0x63, 0x04, 0x02, 0x80)])
    return frame[: at + 1] + chance.choice(lies) + frame[at + 2 :]


def _in_long_form(chance: Random, frame: bytes) -> bytes:
    """The same message with a length of four bytes."""
    start = 2 + (frame[1] & 0x7F if frame[1] >= 0x80 else 0)
    return b"\x30\x84" + (len(frame) - start).to_bytes(4, "big") + frame[start:]


def _spliced(chance: Random, frame: bytes) -> bytes:
    at = chance.randrange(len(frame))
    start = 2 + (frame[1] & 0x7F if frame[1] >= 0x80 else 0)
    body = (frame[:at] + chance.randbytes(chance.randrange(1, 9)) + frame[at:])[start:]
    return b"\x30" + ber.length(len(body)) + body


def _twice(chance: Random, frame: bytes) -> bytes:
    return frame * chance.randrange(2, 5)


def _random(chance: Random, _frame: bytes) -> bytes:
    return chance.choice((b"", b"\x30", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n")) + chance.randbytes(
        chance.randrange(60)
    )


_WAYS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flipped, _flipped_inside, _flipped_inside, _cut, _with_another_length, _in_long_form, _in_long_form, _spliced,
    _twice, _random,
)  # fmt: skip


def pieces(chance: Random, data: bytes) -> Iterator[bytes]:
    """As a network might cut it; now and then at every byte."""
    way = chance.randrange(10)
    size = 1 if way == 0 else chance.randrange(1, len(data) + 2) if way < 4 else len(data) or 1
    for at in range(0, len(data), size):
        yield data[at : at + size]
