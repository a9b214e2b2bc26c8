"""Why Active Directory refused a bind: the Win32 code in ``..., data 52e, v4563`` at the end of its message."""

from __future__ import annotations

import re
from enum import IntEnum

from authproxy.ldap.responses import Code, Result

_NO_CHANNEL_BINDING = "80090346"  # SEC_E_BAD_BINDINGS
_DATA = re.compile(r"\bdata ([0-9a-fA-F]{1,8})\b")


class LogonFailure(IntEnum):
    """Win32 system error codes (winerror.h) that a logon ends with."""

    NO_SUCH_USER = 0x525
    LOGON_FAILURE = 0x52E
    ACCOUNT_RESTRICTION = 0x52F
    INVALID_LOGON_HOURS = 0x530
    INVALID_WORKSTATION = 0x531
    PASSWORD_EXPIRED = 0x532
    ACCOUNT_DISABLED = 0x533
    LOGON_NOT_GRANTED = 0x569
    TOO_MANY_CONTEXT_IDS = 0x568
    ACCOUNT_EXPIRED = 0x701
    PASSWORD_MUST_CHANGE = 0x773
    ACCOUNT_LOCKED_OUT = 0x775

    @property
    def words(self) -> str:
        """For the log: what it is, and what helps."""
        return _WORDS[self]


_CHANGE = "on a computer of the domain, or set anew by the help desk"
_WORDS = {
    LogonFailure.NO_SUCH_USER: "no such account",
    LogonFailure.LOGON_FAILURE: "wrong name or password",
    LogonFailure.ACCOUNT_RESTRICTION: (
        "the account is restricted: it may need a smart card, or be kept from this kind of logon"
    ),
    LogonFailure.INVALID_LOGON_HOURS: "outside the account's logon hours",
    LogonFailure.INVALID_WORKSTATION: (
        "the account may log on from the workstations in its userWorkstations only; add the domain controllers"
    ),
    LogonFailure.PASSWORD_EXPIRED: f"the password has expired and has to be changed first, {_CHANGE}",
    LogonFailure.ACCOUNT_DISABLED: "the account is disabled",
    LogonFailure.LOGON_NOT_GRANTED: "the account is not granted this kind of logon on the domain controller",
    LogonFailure.TOO_MANY_CONTEXT_IDS: "the account is in more groups than fit into an access token",
    LogonFailure.ACCOUNT_EXPIRED: "the account has expired (accountExpires)",
    LogonFailure.PASSWORD_MUST_CHANGE: f"the password must be changed at the first logon, {_CHANGE}",
    LogonFailure.ACCOUNT_LOCKED_OUT: "locked after too many wrong passwords; unlock it, or wait until that ends",
}


def find(message: str) -> LogonFailure | None:
    """The failure that a bind's diagnostic message names, if it's one of these."""
    found = _DATA.search(message) if message else None
    if found is None:
        return None
    try:
        return LogonFailure(int(found[1], 16))
    except ValueError:
        return None


def remedy(result: Result) -> str:
    """What helps against a bind that was refused for how it came; empty if that wasn't it."""
    if result.code in (Code.STRONGER_AUTH_REQUIRED, Code.CONFIDENTIALITY_REQUIRED):
        return (
            "; the server wants connections protected: by TLS (transport=ldaps or transport=starttls), or on "
            "transport=clear sealed, as Active Directory can (auth_type=ntlm2 or kerberos)"
        )
    if result.code == Code.AUTH_METHOD_NOT_SUPPORTED:
        return "; the server does not know this way to bind: set auth_type=plain, with transport=ldaps or starttls"
    if _NO_CHANNEL_BINDING in result.message:
        return "; the server requires channel binding, and did not get the one that it expects"
    failure = find(result.message)
    return f"; {failure.words}" if failure is not None else ""
