"""Broken datagrams, for fuzzing: truncated, spliced, flipped, looping, random, and well signed nonsense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from authproxy.radius.packet import ACCESS_REQUEST, STATUS_SERVER, attribute, encode_request, vendor_attribute
from tests.radius.wire import SECRET, pap, typical, unsigned_request


def mutants(chance: Random, count: int) -> Iterator[bytes]:
    """``count`` datagrams; the same ``chance`` gives the same ones but for random authenticators of the seeds."""
    seeds = [
        typical(),
        pap(is_signed=False),
        pap(more=[attribute(24, b"right-state")]),
        pap(more=[attribute(33, b"state")] * 5),
        pap(more=[attribute(26, b"\0\0\0\x09\x01\x05abc\x02\x03d"), attribute(31, b"203.0.113.9:1")]),
        encode_request(STATUS_SERVER, 1, bytes(16), [], SECRET),
        unsigned_request([attribute(1, b"alice"), attribute(3, bytes(17))]),
    ]
    for _ in range(count):
        seed = chance.choice(seeds)
        seed = seed[:1] + chance.randbytes(1) + seed[2:]  # which spoils the signature of a signed one
        yield chance.choice(_WAYS)(chance, seed)


def _flipped(chance: Random, seed: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _cut(chance: Random, seed: bytes) -> bytes:
    return seed[: chance.randrange(len(seed))]


def _cut_with_matching_length(chance: Random, seed: bytes) -> bytes:
    cut = seed[: chance.randrange(20, len(seed) + 1)]
    return cut[:2] + len(cut).to_bytes(2, "big") + cut[4:]


def _spliced(chance: Random, seed: bytes) -> bytes:
    at = chance.randrange(20, len(seed) + 1)
    joined = seed[:at] + chance.randbytes(chance.randrange(1, 40)) + seed[at:]
    return joined[:2] + len(joined).to_bytes(2, "big") + joined[4:]


def _random(chance: Random, _seed: bytes) -> bytes:
    return chance.randbytes(chance.randrange(0, 300))


def _random_with_header(chance: Random, _seed: bytes) -> bytes:
    body = chance.randbytes(chance.randrange(0, 300))
    return (
        bytes((chance.choice((1, 1, 1, 4, 12, 40)), chance.randrange(256)))
        + (20 + len(body)).to_bytes(2, "big")
        + chance.randbytes(16)
        + body
    )


def _oversized(chance: Random, seed: bytes) -> bytes:
    size = chance.randrange(4090, 9000)
    return seed[:2] + (size & 0xFFFF).to_bytes(2, "big") + seed[4:] + bytes(size - len(seed))


def _empty_attributes(chance: Random, _seed: bytes) -> bytes:
    """The kind that made parsers loop: lengths of 0, 1 and 2, inside vendor attributes too."""
    length = chance.randrange(3)
    inner = bytes((26, 8 + chance.randrange(3))) + chance.randbytes(4) + bytes((chance.randrange(256), length))
    return unsigned_request([bytes((chance.randrange(256), length)), inner] * chance.randrange(1, 140))


def _signed_nonsense(chance: Random, _seed: bytes) -> bytes:
    """Well formed and rightly signed, of arbitrary attributes: gets through to the last room."""
    attributes = []
    if chance.random() < 0.7:
        hidden = chance.randbytes(chance.choice((16, 32, 128)))
        attributes = [attribute(1, b"user%d" % chance.randrange(1000)), attribute(2, hidden)]
    kinds = (3, 18, 24, 26, 31, 33, 79) if attributes else (1, 2, 3, 24)
    for _ in range(chance.randrange(0, 12)):
        type_ = chance.choice((*kinds, chance.randrange(3, 256)))
        value = chance.randbytes(chance.choice((0, 1, 4, 5, 6, 7, 8, 16, 17, 32, chance.randrange(0, 254))))
        if type_ == 80:
            continue
        if type_ == 26 and chance.random() < 0.5:
            vendor = chance.choice((9, 311, 25461, 14988, 429, chance.randrange(2**32)))
            attributes.append(vendor_attribute(vendor, chance.randrange(256), value[:240]))
        else:
            attributes.append(attribute(type_, value))
    return encode_request(ACCESS_REQUEST, chance.randrange(256), chance.randbytes(16), attributes, SECRET)


_WAYS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flipped,
    _cut,
    _cut_with_matching_length,
    _spliced,
    _random,
    _random_with_header,
    _oversized,
    _empty_attributes,
    _signed_nonsense,
)
