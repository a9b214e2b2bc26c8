"""Which attributes may cross between the appliance and an upstream RADIUS server (``pass_through_*``). Pure.

What is encrypted or signed under one side's shared secret, or belongs to one hop, never crosses:
passwords, CHAP, MS-CHAP, EAP, keys, State, Proxy-State, Message-Authenticator.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from authproxy.radius.attributes import MS_CHAP, Dictionary, is_odd, key_of, split_vendor
from authproxy.radius.definitions import Key
from authproxy.radius.packet import (
    CHAP_PASSWORD,
    EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
)

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


class PassThrough:
    """``everything`` (``pass_through_all``), or the named attributes (``pass_through_attr_names``).

    ``unknown`` are the names that no dictionary has. Attributes are raw TLVs; what crosses keeps its order and
    its octets, only a Vendor-Specific attribute of which a part may not cross is rebuilt without that part.
    """

    __slots__ = ("_forbidden", "_is_everything", "_keyed_vendors", "_named", "unknown")

    def __init__(self, dictionary: Dictionary, everything: bool = False, names: Iterable[str] = ()) -> None:
        keys = {name: dictionary.keys_for(name) for name in names}
        self.unknown = tuple(name for name, found in keys.items() if not found)
        self._is_everything = everything
        self._forbidden = _NEVER | dictionary.encrypted
        self._keyed_vendors = {vendor for vendor, _ in self._forbidden}
        self._named: frozenset[Key] = frozenset().union(*keys.values()) - self._forbidden

    @property
    def is_nothing(self) -> bool:
        """No attribute ever crosses."""
        return not self._is_everything and not self._named

    def of_request(self, attributes: Iterable[bytes]) -> tuple[bytes, ...]:
        """What of a request the upstream server may see. User-Name is not among it: whoever asks the upstream
        server sends that itself."""
        if self.is_nothing:
            return ()
        return self._select(raw for raw in attributes if raw[0] != USER_NAME)

    def of_reply(self, attributes: Iterable[bytes]) -> tuple[bytes, ...]:
        """What of the upstream server's reply the appliance may see."""
        return () if self.is_nothing else self._select(attributes)

    def _select(self, attributes: Iterable[bytes]) -> tuple[bytes, ...]:
        crossing: list[bytes] = []
        for raw in attributes:
            if raw[0] == VENDOR_SPECIFIC:
                crossing.extend(self._vendor(raw))
            elif self._may_cross((0, raw[0])):
                crossing.append(raw)
        return tuple(crossing)

    def _vendor(self, raw: bytes) -> tuple[bytes, ...]:
        if is_odd(raw):  # what is in it can't be told
            is_harmless = int.from_bytes(raw[2:6], "big") not in self._keyed_vendors
            return (raw,) if is_harmless and self._may_cross(_ANY_VENDOR) else ()
        parts = split_vendor(raw)
        crossing = tuple(part for part in parts if self._may_cross(key_of(part)))
        return (raw,) if len(crossing) == len(parts) else crossing

    def _may_cross(self, key: Key) -> bool:
        if key in self._forbidden:
            return False
        return self._is_everything or key in self._named or (key[0] != 0 and _ANY_VENDOR in self._named)
