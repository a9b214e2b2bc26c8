"""Why an account may not log on, read from its entry, where the KDC tells less than a bind would.

Kerberos has one error for accounts that are disabled, locked, expired or outside their hours, one for passwords
that are expired or must be changed (RFC 4120 7.5.9).
"""

from __future__ import annotations

from dataclasses import replace

from authproxy.ldap.responses import Entry
from authproxy.model import Denied, Reason

ATTRIBUTES = (b"userAccountControl", b"accountExpires", b"lockoutTime", b"pwdLastSet")

_DISABLED = 0x2  # MS-ADTS 2.2.16
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_EPOCH = 116_444_736_000_000_000  # 1970 in units of 100 ns since 1601
_TICKS = 10_000_000  # in a second


def refine(denied: Denied, user: Entry, now: float) -> Denied:
    """``now`` in seconds since 1970."""
    match denied.reason:
        case Reason.ACCOUNT_DISABLED:
            return replace(denied, reason=_why_revoked(user, now))
        case Reason.PASSWORD_EXPIRED if _number(user, b"pwdlastset") == 0:
            return replace(denied, reason=Reason.PASSWORD_MUST_CHANGE)
    return denied


def _why_revoked(user: Entry, now: float) -> Reason:
    expires = _number(user, b"accountexpires")
    if (_number(user, b"useraccountcontrol") or 0) & _DISABLED:
        return Reason.ACCOUNT_DISABLED
    if expires is not None and expires not in _NEVER and expires <= now * _TICKS + _EPOCH:
        return Reason.ACCOUNT_EXPIRED
    return Reason.ACCOUNT_LOCKED if _number(user, b"lockouttime") else Reason.LOGON_HOURS


def _number(user: Entry, name: bytes) -> int | None:
    """None for what is absent or no number."""
    values = user.attributes.get(name, ())
    try:
        return int(values[0]) if values else None
    except ValueError:
        return None
