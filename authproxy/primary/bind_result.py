"""What a directory's answer to a user's bind means (RFC 4511 4.2.2; Active Directory's sub-codes;
draft-behera-ldap-password-policy 6.2)."""

from __future__ import annotations

import re

from authproxy.errors import AuthproxyError
from authproxy.ldap import ber, messages
from authproxy.ldap.ber import BerError
from authproxy.ldap.responses import Code, Result
from authproxy.model import Denied, Reason

POLICY_OID = b"1.3.6.1.4.1.42.2.27.8.5.1"
_EXPIRED_OID = b"2.16.840.1.113730.3.4.4"  # 389 Directory Server and its kin

ASK_FOR_POLICY = messages.encode_controls(messages.Control(POLICY_OID, False, None))

_AD_DATA = re.compile(r"\bdata ([0-9a-fA-F]{1,8})\b")
_AD_REASONS = {
    0x525: Reason.UNKNOWN_USER,
    0x52E: Reason.BAD_PASSWORD,
    0x52F: Reason.LOGON_HOURS,  # account restriction
    0x530: Reason.LOGON_HOURS,
    0x531: Reason.LOGON_HOURS,  # not from this workstation
    0x532: Reason.PASSWORD_EXPIRED,
    0x533: Reason.ACCOUNT_DISABLED,
    0x701: Reason.ACCOUNT_EXPIRED,
    0x773: Reason.PASSWORD_MUST_CHANGE,
    0x775: Reason.ACCOUNT_LOCKED,
}
_POLICY_REASONS = {0: Reason.PASSWORD_EXPIRED, 1: Reason.ACCOUNT_LOCKED, 2: Reason.PASSWORD_MUST_CHANGE}


class NotJudged(AuthproxyError):
    """The directory answered, but not the question. ``is_busy``: it can't answer anybody at the moment."""

    def __init__(self, text: str, is_busy: bool = False) -> None:
        super().__init__(text)
        self.is_busy = is_busy


def judge(result: Result) -> Denied | None:
    """None: the password was right. Raises NotJudged."""
    policy = _policy_reason(result.controls)
    match result.code:
        case Code.SUCCESS:
            return Denied(policy, "the directory let the user in for that only") if policy else None
        case Code.INVALID_CREDENTIALS:
            return Denied(policy or _ad_reason(result.message), result.explain())
        case Code.NO_SUCH_OBJECT:
            return Denied(Reason.UNKNOWN_USER, result.explain())
        case Code.INAPPROPRIATE_AUTHENTICATION:
            return Denied(Reason.BAD_PASSWORD, f"the entry has no password: {result.explain()}")
        case Code.CONSTRAINT_VIOLATION:
            return Denied(policy or Reason.ACCOUNT_LOCKED, result.explain())
        case Code.UNWILLING_TO_PERFORM:
            reason = policy or _ad_subcode(result.message) or _reason_in_words(result.message)
            if reason is not None:
                return Denied(reason, result.explain())
    raise not_judged(result, "the user's bind")


def not_judged(result: Result, what: str) -> NotJudged:
    """For a result that says nothing about the user."""
    hint = ""
    if result.code in (Code.STRONGER_AUTH_REQUIRED, Code.CONFIDENTIALITY_REQUIRED):
        hint = "; the server wants TLS: set transport=starttls or transport=ldaps"
    return NotJudged(f"{what} gave {result.explain()}{hint}", result.code in (Code.BUSY, Code.UNAVAILABLE))


def _ad_subcode(message: str) -> Reason | None:
    found = _AD_DATA.search(message)
    return _AD_REASONS.get(int(found[1], 16)) if found else None


def _ad_reason(message: str) -> Reason:
    return (_ad_subcode(message) if message else None) or Reason.BAD_PASSWORD


def _reason_in_words(message: str) -> Reason | None:
    """389 Directory Server and FreeIPA say only in words why they are unwilling."""
    words = message.lower()
    if "inactivated" in words or "disabled" in words:
        return Reason.ACCOUNT_DISABLED
    if "locked" in words or "too many failed" in words:
        return Reason.ACCOUNT_LOCKED
    return None


def _policy_reason(controls: bytes) -> Reason | None:
    if not controls:
        return None
    try:
        for control in messages.open_controls(controls):
            if control.oid == POLICY_OID and control.value is not None:
                return _policy_error(control.value)
            if control.oid == _EXPIRED_OID:
                return Reason.PASSWORD_EXPIRED
    except BerError as error:
        raise NotJudged(f"the directory's controls can't be read: {error}") from error
    return None


def _policy_error(value: bytes) -> Reason | None:
    at, end = ber.expect(value, 0, len(value), ber.SEQUENCE)
    while at < end:
        tag, start, at = ber.header(value, at, end)
        if tag == 0x81:
            return _POLICY_REASONS.get(ber.number(value, start, at))
    return None
