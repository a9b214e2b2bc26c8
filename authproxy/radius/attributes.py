"""Names and printable values of attributes, for logs and for options that name attributes. Pure.

Nothing secret is ever printable: passwords, keys, challenges and State show as their length only, and so does
every attribute that no dictionary knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from authproxy.radius.definitions import Definition, Key, decode_value, encode_value, load_definitions
from authproxy.radius.packet import (
    CHAP_PASSWORD,
    EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
    STATE,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
    PacketError,
    attribute,
    vendor_attribute,
)

MICROSOFT: Final = 311
# MS-CHAP responses, password changes and keys (RFC 2548)
MS_CHAP: Final = frozenset((MICROSOFT, type_) for type_ in (1, 2, 3, 4, 5, 6, 10, 11, 12, 16, 17, 25, 26, 27))
_ARAP_PASSWORD = 70
_MASKED: Final = MS_CHAP | {
    (0, type_)
    for type_ in (USER_PASSWORD, CHAP_PASSWORD, STATE, EAP_MESSAGE, MESSAGE_AUTHENTICATOR, _ARAP_PASSWORD)
}
_SECRET_WORDS = ("password", "passwd", "secret", "psk", "key", "pin", "token")
_MOST_SHOWN = 64


class Dictionary:
    """Every attribute known here, by number and by name (names are compared without case)."""

    def __init__(self, definitions: Iterable[Definition], warnings: Iterable[str] = ()) -> None:
        self.warnings = tuple(warnings)
        self._by_key: dict[Key, Definition] = {}
        self._by_name: dict[str, Definition] = {}
        for definition in definitions:
            self._by_key[definition.key] = definition
            self._by_name[definition.name.lower()] = definition

    @classmethod
    def load(cls, extra: Path | None = None) -> Dictionary:
        """The built-in dictionary and a site's directory; see ``load_definitions``. Raises ConfigError."""
        loaded = load_definitions(extra)
        return cls(loaded.definitions, loaded.warnings)

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, key: Key) -> Definition | None:
        return self._by_key.get(key)

    def keys_for(self, name: str) -> frozenset[Key]:
        """The keys that a name stands for; empty when it is unknown.

        Besides the names of the dictionaries: ``Attr-25`` and ``Attr-26.9.1`` for what they don't know.
        """
        definition = self._by_name.get(name.strip().lower())
        key = _numbered(name.strip().lower()) if definition is None else definition.key
        return frozenset() if key is None else frozenset((key,))

    @property
    def encrypted(self) -> frozenset[Key]:
        """What is encrypted with the shared secret: useless, or dangerous, under another secret."""
        return frozenset(key for key, definition in self._by_key.items() if definition.encryption)

    def name(self, raw: bytes) -> str:
        """The name of a raw attribute; a Vendor-Specific one goes by its first sub-attribute."""
        key = key_of(raw)
        definition = self._by_key.get(key)
        return _unknown_name(key) if definition is None else definition.name

    def describe(self, raw: bytes) -> tuple[str, str]:
        """Name and printable value of a raw attribute (of one vendor's single sub-attribute), secrets masked."""
        key = key_of(raw)
        value = value_of(raw)
        definition = self._by_key.get(key)
        if definition is None:
            return _unknown_name(key), _masked(value)
        if key in _MASKED or definition.encryption or _sounds_secret(definition.name):
            return definition.name, _masked(value)
        name = definition.name
        if definition.is_tagged and value and value[0] <= 0x1F:
            name = f"{name}:{value[0]}"
            value = value[1:] if definition.kind == "string" else b"\0" + value[1:]
        return name, _printable(definition, value)

    def text(self, raw: bytes) -> str:
        """A raw attribute's value as text, by its type; not for logs."""
        definition = self._by_key.get(key_of(raw))
        value = value_of(raw)
        return _text(decode_value("string" if definition is None else definition.kind, value))

    def encode(self, name: str, text: str) -> bytes:
        """``name`` and ``text`` as a raw attribute. Raises ValueError when either can't be understood."""
        definition = self._by_name.get(name.strip().lower())
        if definition is None:
            raise ValueError(f"no attribute is named {name!r}")
        value = encode_value(definition, text)
        vendor, type_ = definition.key
        try:
            return vendor_attribute(vendor, type_, value) if vendor else attribute(type_, value)
        except PacketError as error:
            raise ValueError(f"{definition.name}: {error}") from error


def key_of(raw: bytes) -> Key:
    """Vendor and type of a raw attribute; (0, 26) for a Vendor-Specific one that has no usual sub-attribute."""
    if raw[0] == VENDOR_SPECIFIC and len(raw) >= 8 and 2 <= raw[7] <= len(raw) - 6:
        return int.from_bytes(raw[2:6], "big"), raw[6]
    return 0, raw[0]


def value_of(raw: bytes) -> bytes:
    """The value of a raw attribute; of its first sub-attribute when it is Vendor-Specific."""
    if raw[0] == VENDOR_SPECIFIC and len(raw) >= 8 and 2 <= raw[7] <= len(raw) - 6:
        return raw[8 : 6 + raw[7]]
    return raw[2:]


def split_vendor(raw: bytes) -> tuple[bytes, ...]:
    """A Vendor-Specific attribute as raw attributes of one sub-attribute each; itself when it is another
    attribute, has only one, or ``is_odd``."""
    if raw[0] != VENDOR_SPECIFIC or len(raw) < 8 or raw[7] == len(raw) - 6:
        return (raw,)
    return _parts(raw) or (raw,)


def is_odd(raw: bytes) -> bool:
    """A Vendor-Specific attribute that is not made in the usual way: some vendors have longer headers."""
    if len(raw) >= 8 and raw[7] == len(raw) - 6:
        return False
    return raw[0] == VENDOR_SPECIFIC and not _parts(raw)


def _parts(raw: bytes) -> tuple[bytes, ...]:
    """Empty when the sub-attributes don't fill the attribute exactly."""
    parts = []
    size = len(raw)
    at = 6
    while at + 2 <= size:
        length = raw[at + 1]
        if length < 2 or at + length > size:
            return ()
        parts.append(bytes((VENDOR_SPECIFIC, 6 + length)) + raw[2:6] + raw[at : at + length])
        at += length
    return tuple(parts) if at == size else ()


def _numbered(name: str) -> Key | None:
    numbers = name.removeprefix("attr-").split(".") if name.startswith("attr-") else []
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return None
    match [int(number) for number in numbers]:
        case [type_] if 0 < type_ < 256:
            return 0, type_
        case [26, vendor, type_] if vendor < 2**32 and type_ < 256:
            return vendor, type_
    return None


def _unknown_name(key: Key) -> str:
    return f"Attr-26.{key[0]}.{key[1]}" if key[0] else f"Attr-{key[1]}"


def _sounds_secret(name: str) -> bool:
    return (
        any(word in _SECRET_WORDS for word in name.lower().replace("_", "-").split("-")) or "psk" in name.lower()
    )


def _masked(value: bytes) -> str:
    return f"<{len(value)} octets>"


def _text(decoded: str | int | bytes) -> str:
    return decoded.decode("latin-1") if isinstance(decoded, bytes) else str(decoded)


def _printable(definition: Definition, value: bytes) -> str:
    known = definition.names.get(value)
    if known is not None:
        return known
    if definition.kind == "octets":
        return _hexadecimal(value)
    decoded = decode_value(definition.kind, value)
    if isinstance(decoded, bytes):
        return _hexadecimal(decoded)
    text = str(decoded)
    label, found, rest = text.partition("=")  # Cisco-AVPair and its kin
    if found and _sounds_secret(label.rpartition(":")[2]):
        return f"{label}={_masked(rest.encode())}"
    return text


def _hexadecimal(value: bytes) -> str:
    return f"0x{value[:_MOST_SHOWN].hex()}" + ("..." if len(value) > _MOST_SHOWN else "")
