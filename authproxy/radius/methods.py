"""How a request proves who it is for, other than by User-Password, and how such a method says no. Pure.

An upstream server can be left to speak CHAP's Microsoft relatives (RFC 2548 2) and EAP (RFC 3579) with the user's
device: what they exchange is bound to no shared secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from authproxy.radius import eap
from authproxy.radius.attributes import MICROSOFT, key_of, split_vendor, value_of
from authproxy.radius.definitions import Key
from authproxy.radius.packet import CHAP_PASSWORD, EAP_MESSAGE, VENDOR_SPECIFIC, Packet, vendor_attribute

_MS_CHAP_ERROR: Final = (MICROSOFT, 2)
_MICROSOFT_HEAD = MICROSOFT.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Method:
    """``carriers`` are the attributes it is spoken in, both ways; without any it can't be relayed."""

    name: str
    carriers: frozenset[Key] = frozenset()


# Responses, challenge, password changes, error, domain and success; not the keys, which are hidden for each hop.
_MS_CHAP_CARRIERS: Final = frozenset((MICROSOFT, type_) for type_ in (1, 2, 3, 4, 5, 6, 10, 11, 25, 26, 27))

CHAP: Final = Method("CHAP")
EAP: Final = Method("EAP", frozenset({(0, EAP_MESSAGE)}))
MS_CHAP: Final = Method("MS-CHAP", _MS_CHAP_CARRIERS)
MS_CHAP_V2: Final = Method("MS-CHAPv2", _MS_CHAP_CARRIERS)

# MS-CHAP-Response, -CPW-1, -CPW-2, MS-CHAP2-Response, -CPW: the method, where the client's Ident is in the value,
# how long a challenge is, and the version of the error's text (RFC 2433 5, RFC 2759 6)
_PROOFS: Final = {
    1: (MS_CHAP, 0, 8, 2),
    3: (MS_CHAP, 1, 8, 2),
    4: (MS_CHAP, 1, 8, 2),
    25: (MS_CHAP_V2, 0, 16, 3),
    27: (MS_CHAP_V2, 1, 16, 3),
}


def method_of(raw: bytes) -> Method | None:
    """The method that an attribute belongs to, if the attribute proves something."""
    if raw[0] == CHAP_PASSWORD:
        return CHAP
    if raw[0] == EAP_MESSAGE:
        return EAP
    proof = _proof_in(raw)
    return None if proof is None else _PROOFS[key_of(proof)[1]][0]


def _proof_in(raw: bytes) -> bytes | None:
    if raw[0] != VENDOR_SPECIFIC or raw[2:6] != _MICROSOFT_HEAD:
        return None
    return next((part for part in split_vendor(raw) if _is_proof(key_of(part))), None)


def _is_proof(key: Key) -> bool:
    return key[0] == MICROSOFT and key[1] in _PROOFS


def refusal(method: Method | None, request: Packet, said: Iterable[bytes]) -> tuple[bytes, ...]:
    """What a reject has to say in the method's own words; nothing when the upstream server has ``said`` it."""
    if method is EAP:
        return () if any(raw[0] == EAP_MESSAGE for raw in said) else _eap_failure(request)
    if method in (MS_CHAP, MS_CHAP_V2):
        has_error = any(key_of(part) == _MS_CHAP_ERROR for raw in said for part in split_vendor(raw))
        return () if has_error else _ms_chap_error(request)
    return ()


def _eap_failure(request: Packet) -> tuple[bytes, ...]:
    response = eap.read_response(request.attributes)
    return () if response is None else (eap.failure(response.identifier),)


def _ms_chap_error(request: Packet) -> tuple[bytes, ...]:
    """E=691: authentication failed; R=0: not to be tried again with this challenge, so any will do as the next."""
    proof = next((found for raw in request.attributes if (found := _proof_in(raw)) is not None), None)
    if proof is None:
        return ()
    _method, ident_at, challenge_size, version = _PROOFS[key_of(proof)[1]]
    ident = value_of(proof)[ident_at : ident_at + 1] or b"\0"
    challenge = request.authenticator[:challenge_size].hex().upper()
    text = f"E=691 R=0 C={challenge} V={version}" + (" M=Access denied" if version == 3 else "")
    return (vendor_attribute(*_MS_CHAP_ERROR, ident + text.encode()),)
