"""Whose login an upstream server has accepted, when the user's device spoke with it by EAP or MS-CHAP. Pure.

Inside a tunnel (PEAP, TTLS, FAST, TEAP), and with certificates, the User-Name of the request is what the device
calls itself on the outside, at its choice. Taken at its word, Bob's name outside and Alice's stolen password
inside would ask Bob's phone and let Alice in. So there the name in the Access-Accept counts, and not even that
if it only says the outer name again: FreeRADIUS adds the outer name by itself to an accept that has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from authproxy.config.settings import EapIdentity
from authproxy.model import Conversation, Denied, Reason
from authproxy.radius.request import decode_username

_HOW = "let the upstream server return the User-Name of the inner tunnel (docs/radius-upstream.md)"


@dataclass(frozen=True, slots=True)
class Name:
    """``doubt``: why somebody else's password may have been checked; empty when it can't."""

    text: str
    doubt: str = ""


def verified_name(
    conversation: Conversation, outer: str, told: Sequence[bytes], rule: EapIdentity
) -> Name | Denied:
    """``outer``: the request's User-Name. ``told``: the values of User-Name in the Access-Accept."""
    is_eap = conversation.method == "EAP"
    if is_eap and rule is EapIdentity.OUTER:
        return Name(outer)
    names = [decode_username(value) for value in told]
    if "" in names:
        return Denied(Reason.UNSUPPORTED, "the upstream server's accept has a User-Name that can't be read")
    others = {name for name in names if _account(name) != _account(outer)}
    if len(others) > 1:
        return Denied(Reason.UNSUPPORTED, f"the upstream server's accept has several User-Names; {_HOW}")
    if others:
        return Name(others.pop())
    if not is_eap or (conversation.eap_types and conversation.is_name_bound):
        return Name(names[0] if names else outer)
    return _only_outer(outer, names, rule)


def _only_outer(outer: str, names: Sequence[str], rule: EapIdentity) -> Name | Denied:
    if names and _is_anonymous(outer):
        return Denied(
            Reason.UNSUPPORTED, f"the upstream server's accept only repeats the outer name {outer}; {_HOW}"
        )
    if names and rule is EapIdentity.REPLY:
        return Name(names[0])
    if names:
        why = (
            f"the upstream server's accept repeats the outer name {outer}, as FreeRADIUS does whoever is inside;"
            f" {_HOW}, then set eap_identity=reply"
        )
    else:
        why = f"the upstream server's accept does not say who was inside the tunnel; {_HOW}"
    if rule is EapIdentity.AUTO and not _is_anonymous(outer):
        return Name(names[0] if names else outer, doubt=why)
    return Denied(Reason.UNSUPPORTED, why)


def _account(name: str) -> str:
    """Without case, realm (``@example.com``) and domain (``EXAMPLE\\``): which some servers drop on the way."""
    return name.rpartition("\\")[2].partition("@")[0].casefold()


def _is_anonymous(name: str) -> bool:
    """RFC 4282 2.4: nothing before the realm; or, as many devices have it, a word that begins with "anon"."""
    account = _account(name)
    return not account or account.startswith("anon")
