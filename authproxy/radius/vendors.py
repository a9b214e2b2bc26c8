"""What is particular to vendors, as data: where they put the user's address, what they wrap passwords in. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from authproxy.config.settings import RadiusServerSettings, ServerMode
from authproxy.radius.attributes import Dictionary, key_of, split_vendor, value_of
from authproxy.radius.definitions import Key
from authproxy.radius.packet import VENDOR_SPECIFIC

# ``client_ip_attr`` values that stand for an attribute
CLIENT_IP_ROWS: Final = {"paloalto": "PaloAlto-Client-Source-IP"}
_CISCO_AVPAIR: Final = (9, 1)
_CISCO_SOURCE_IP = b"ip:source-ip="
_BINARY_KINDS = frozenset(("ipaddr", "ipv6addr", "octets"))
_EUI64_LENGTH = 23  # aa:bb:cc:dd:ee:ff:00:11


class ClientAddress:
    """Finds the user's IP address in a request, in the attribute that ``client_ip_attr`` names.

    Appliances put many things there: an address, ``address:port``, a MAC address, a phone number. What is no IP
    address counts as nothing. ``Cisco-AVPair`` means the pair ``ip:source-ip=``.
    """

    __slots__ = ("_is_binary", "_type")

    def __init__(self, dictionary: Dictionary, attribute_name: str) -> None:
        name = CLIENT_IP_ROWS.get(attribute_name.strip().lower(), attribute_name)
        self._is_binary: dict[Key, bool] = {}
        self._type = 0
        for key in dictionary.keys_for(name):
            definition = dictionary.find(key)
            self._is_binary[key] = definition is not None and definition.kind in _BINARY_KINDS
            self._type = VENDOR_SPECIFIC if key[0] else key[1]

    @property
    def is_known(self) -> bool:
        """A dictionary has the attribute."""
        return bool(self._is_binary)

    def find(self, attributes: Iterable[bytes]) -> str | None:
        """The address in its usual spelling; None when there is none."""
        for whole in attributes:
            if whole[0] == self._type:
                for raw in split_vendor(whole):
                    found = self._read(key_of(raw), value_of(raw))
                    if found is not None:
                        return found
        return None

    def _read(self, key: Key, value: bytes) -> str | None:
        is_binary = self._is_binary.get(key)
        if is_binary is None:
            return None
        if key == _CISCO_AVPAIR:
            if not value.startswith(_CISCO_SOURCE_IP):
                return None
            value = value[len(_CISCO_SOURCE_IP) :]
        if is_binary and len(value) in (4, 16):
            return _spelled(value)
        return read_address(value.decode("latin-1"))


def read_address(text: str) -> str | None:
    """``192.0.2.1``, ``192.0.2.1:4500``, ``2001:db8::1`` or ``[2001:db8::1]:4500`` as an address."""
    if _is_plain_ipv4(text):
        return text
    if ":" not in text and "." not in text:
        return None  # 00-11-22-33-44-55, a telephone number
    text = text.strip("\0 ")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if len(text) == _EUI64_LENGTH and all(len(group) == 2 for group in text.split(":")):
        return None  # reads as IPv6, is a MAC address of eight octets
    return _spelled(text)


def _is_plain_ipv4(text: str) -> bool:
    """The usual case, told without building an address object; a yes is right, a no may be wrong."""
    octets = text.split(".")
    if len(octets) != 4 or not text.isascii():
        return False
    for octet in octets:
        if not octet.isdigit() or len(octet) > 3 or int(octet) > 255 or (octet[0] == "0" and octet != "0"):
            return False
    return text != "0.0.0.0"  # noqa: S104


def _spelled(address: str | bytes) -> str | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return None if found.is_unspecified else str(found)


def unwrap_static_challenge(password: bytes, settings: RadiusServerSettings) -> bytes:
    """OpenVPN's static challenge, ``SCRV1:base64(password):base64(code)``, as the section's mode reads it:
    ``password,code``, or the code alone where the appliance has checked the password.

    Whatever would not be read back as exactly these two stays as it is.
    """
    if not password.startswith(b"SCRV1:") or password.count(b":") != 2:
        return password
    try:
        typed, code = (base64.b64decode(part, validate=True) for part in password.split(b":")[1:])
    except binascii.Error:
        return password
    if settings.mode is ServerMode.DUO_ONLY:
        return code or typed
    if not code:
        return typed
    delimiter = settings.delimiter.encode("utf-8")
    is_split = settings.mode is not ServerMode.CHALLENGE and settings.allow_concat
    if not is_split or settings.delimited_password_length or not delimiter or delimiter in code:
        return password
    return typed + delimiter + code
