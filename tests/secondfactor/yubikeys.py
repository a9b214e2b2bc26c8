"""A YubiKey in software, written from Yubico's description of the format and sharing no code with the product."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LETTERS = "cbdefghijklnrtuv"


@dataclass
class Key:
    private_id: bytes = bytes.fromhex("87924fd9a1b2")
    aes_key: bytes = bytes.fromhex("ecde18dbe76fbd0c33330f1c354871db")
    public_id: bytes = b"\x01\x02\x03\x04\x05\x06"
    session: int = field(default=1)
    uses: int = field(default=0)

    @property
    def seed(self) -> bytes:
        return self.private_id + self.aes_key

    def plug_in(self) -> None:
        self.session, self.uses = self.session + 1, 0

    def touch(self, damage: int = 0) -> str:
        """``damage``: a bit pattern to spoil the checksum with."""
        body = (
            self.private_id
            + self.session.to_bytes(2, "little")
            + os.urandom(3)
            + bytes([self.uses])
            + os.urandom(2)
        )
        self.uses += 1
        block = body + ((checksum(body) ^ damage) & 0xFFFF).to_bytes(2, "little")
        cipher = Cipher(algorithms.AES(self.aes_key), modes.ECB()).encryptor()
        return modhex(self.public_id + cipher.update(block) + cipher.finalize())


def modhex(data: bytes) -> str:
    return "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in data)


def checksum(data: bytes) -> int:
    """CRC-16 of ISO 13239: reflected polynomial, all ones at first, complemented at the end."""
    crc = 0xFFFF
    for byte in data:
        for bit in range(8):
            crc = (crc >> 1) ^ (0x8408 if (crc ^ (byte >> bit)) & 1 else 0)
    return crc ^ 0xFFFF
