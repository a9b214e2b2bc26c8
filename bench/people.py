"""The users of the benches: names, passwords, and a seed each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass

STEP = 30.0


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    password: str
    seed: bytes

    @property
    def seed_base32(self) -> str:
        return base64.b32encode(self.seed).decode()

    def code(self, step: int) -> str:
        """RFC 6238, written out: a bench trusts none of the code that it measures."""
        digest = hmac.digest(self.seed, struct.pack(">Q", step), "sha1")
        offset = digest[-1] & 15
        number = struct.unpack_from(">I", digest, offset)[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06d}"


def people(count: int) -> list[Person]:
    """The same ones every time."""
    return [
        Person(f"user{n:05d}", f"pw-{n:05d}", hashlib.sha256(f"bench {n}".encode()).digest()[:20])
        for n in range(1, count + 1)
    ]
