"""Which attributes may cross between the appliance and an upstream RADIUS server (``pass_through_*``). Pure.

What is encrypted or signed under one side's shared secret, or belongs to one hop, never crosses as it is:
passwords, CHAP, State, Proxy-State, Message-Authenticator. Keys and tunnel passwords in a reply are opened, to be
encrypted anew for the appliance. MS-CHAP and EAP cross only in a login by that very method.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from authproxy.model import Sealed
from authproxy.radius.attributes import MS_CHAP, Dictionary, is_odd, key_of, split_vendor, value_of
from authproxy.radius.definitions import Definition, Key
from authproxy.radius.methods import Method
from authproxy.radius.packet import (
    CHAP_PASSWORD,
    EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
    PacketError,
)
from authproxy.radius.seal import LIKE_PASSWORD, SALTED, Seal

_CHAP_CHALLENGE = 60
_NEVER: Final = MS_CHAP | {
    (0, type_)
    for type_ in (
        USER_PASSWORD,
        CHAP_PASSWORD,
        _CHAP_CHALLENGE,
        EAP_MESSAGE,
        MESSAGE_AUTHENTICATOR,
        PROXY_STATE,
        STATE,
    )
}
_ANY_VENDOR = (0, VENDOR_SPECIFIC)
_NOTHING_MORE: Final[frozenset[Key]] = frozenset()


class PassThrough:
    """``everything`` (``pass_through_all``), or the named attributes (``pass_through_attr_names``).

    ``unknown`` are the names that no dictionary has. Attributes are raw TLVs; what crosses keeps its order and
    its octets, only a Vendor-Specific attribute of which a part may not cross is rebuilt without that part.
    """

    __slots__ = ("_forbidden", "_keyed_vendors", "_named", "_sealed", "_standard", "is_everything", "unknown")

    def __init__(self, dictionary: Dictionary, everything: bool = False, names: Iterable[str] = ()) -> None:
        keys = {name: dictionary.keys_for(name) for name in names}
        self.unknown = tuple(name for name, found in keys.items() if not found)
        self.is_everything = everything
        self._sealed = {
            key: definition
            for key in dictionary.encrypted - {(0, USER_PASSWORD)}
            if (definition := dictionary.find(key)) and definition.encryption in (LIKE_PASSWORD, SALTED)
        }
        self._forbidden = _NEVER | dictionary.encrypted
        self._keyed_vendors = {vendor for vendor, _ in self._forbidden}
        self._named: frozenset[Key] = frozenset().union(*keys.values())

        self._standard: dict[frozenset[Key], frozenset[int]] = {}

    @property
    def is_nothing(self) -> bool:
        """No attribute ever crosses."""
        return not self.is_everything and not self._named

    def of_request(self, attributes: Iterable[bytes], method: Method | None = None) -> tuple[bytes, ...]:
        """What of a request the upstream server may see. User-Name is among it with a ``method`` only: whoever
        asks the upstream server about a password sends it himself."""
        if self.is_nothing:
            return ()
        if method is not None:
            return self._select(attributes, method.carriers)
        return self._select((raw for raw in attributes if raw[0] != USER_NAME), _NOTHING_MORE)

    def of_reply(self, attributes: Iterable[bytes], method: Method | None = None) -> tuple[bytes, ...]:
        """What of the upstream server's reply the appliance may see as it is."""
        if self.is_nothing:
            return ()
        return self._select(attributes, _NOTHING_MORE if method is None else method.carriers)

    def sealed_of_reply(self, attributes: Iterable[bytes], seal: Seal) -> tuple[Sealed, ...]:
        """What of the reply the appliance may see under its own secret. ``seal`` is the upstream server's. What
        can't be opened stays behind."""
        if self.is_nothing:
            return ()
        parts = (part for raw in attributes for part in split_vendor(raw))
        found = (
            _opened(part, self._sealed.get(key_of(part)), seal) for part in parts if self._wants(key_of(part))
        )
        return tuple(sealed for sealed in found if sealed is not None)

    def _select(self, attributes: Iterable[bytes], more: frozenset[Key]) -> tuple[bytes, ...]:
        standard = self._standard.get(more)
        if standard is None:
            standard = frozenset(type_ for type_ in range(256) if self._may_cross((0, type_), more))
            self._standard[more] = standard
        crossing: list[bytes] = []
        for raw in attributes:
            if raw[0] == VENDOR_SPECIFIC:
                crossing.extend(self._vendor(raw, more))
            elif raw[0] in standard:
                crossing.append(raw)
        return tuple(crossing)

    def _vendor(self, raw: bytes, more: frozenset[Key]) -> tuple[bytes, ...]:
        if is_odd(raw):  # what is in it can't be told
            is_harmless = int.from_bytes(raw[2:6], "big") not in self._keyed_vendors
            return (raw,) if is_harmless and self._may_cross(_ANY_VENDOR, more) else ()
        parts = split_vendor(raw)
        crossing = tuple(part for part in parts if self._may_cross(key_of(part), more))
        return (raw,) if len(crossing) == len(parts) else crossing

    def _may_cross(self, key: Key, more: frozenset[Key]) -> bool:
        return key in more or (key not in self._forbidden and self._wants(key))

    def _wants(self, key: Key) -> bool:
        return self.is_everything or key in self._named or (key[0] != 0 and _ANY_VENDOR in self._named)


def _opened(raw: bytes, definition: Definition | None, seal: Seal) -> Sealed | None:
    if definition is None:
        return None
    value = value_of(raw)
    tag, hidden = (value[:1], value[1:]) if definition.is_tagged else (b"", value)
    try:
        return Sealed(definition.key, definition.encryption, tag, seal.open(definition.encryption, hidden))
    except PacketError:
        return None
