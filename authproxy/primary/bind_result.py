"""What a directory's answer to a user's bind means (RFC 4511 4.2.2; Active Directory's sub-codes;
draft-behera-ldap-password-policy 6.2)."""

from __future__ import annotations

from authproxy.errors import AuthproxyError
from authproxy.ldap import ber, logon_failure, messages
from authproxy.ldap.ber import BerError
from authproxy.ldap.logon_failure import LogonFailure
from authproxy.ldap.responses import Code, Result
from authproxy.model import Denied, Reason

POLICY_OID = b"1.3.6.1.4.1.42.2.27.8.5.1"
_EXPIRED_OID = b"2.16.840.1.113730.3.4.4"  # 389 Directory Server and its kin

ASK_FOR_POLICY = messages.encode_controls(messages.Control(POLICY_OID, False, None))

_AD_REASONS = {
    LogonFailure.NO_SUCH_USER: Reason.UNKNOWN_USER,
    LogonFailure.LOGON_FAILURE: Reason.BAD_PASSWORD,
    LogonFailure.ACCOUNT_RESTRICTION: Reason.LOGON_RESTRICTED,
    LogonFailure.INVALID_LOGON_HOURS: Reason.LOGON_HOURS,
    LogonFailure.INVALID_WORKSTATION: Reason.LOGON_RESTRICTED,
    LogonFailure.PASSWORD_EXPIRED: Reason.PASSWORD_EXPIRED,
    LogonFailure.ACCOUNT_DISABLED: Reason.ACCOUNT_DISABLED,
    LogonFailure.LOGON_NOT_GRANTED: Reason.LOGON_RESTRICTED,
    LogonFailure.TOO_MANY_CONTEXT_IDS: Reason.LOGON_RESTRICTED,
    LogonFailure.ACCOUNT_EXPIRED: Reason.ACCOUNT_EXPIRED,
    LogonFailure.PASSWORD_MUST_CHANGE: Reason.PASSWORD_MUST_CHANGE,
    LogonFailure.ACCOUNT_LOCKED_OUT: Reason.ACCOUNT_LOCKED,
}
_POLICY_REASONS = {0: Reason.PASSWORD_EXPIRED, 1: Reason.ACCOUNT_LOCKED, 2: Reason.PASSWORD_MUST_CHANGE}
_POLICY_WORDS = {
    Reason.PASSWORD_EXPIRED: "the password has expired: it has to be changed first, or set anew by the help desk",
    Reason.ACCOUNT_LOCKED: "locked by the directory's password policy, after too many wrong passwords or for good",
    Reason.PASSWORD_MUST_CHANGE: "the password was reset (pwdReset) and must be changed by its owner first",
}
_POLICY_MAY_EXPLAIN = (
    Code.SUCCESS,  # let in for changing the password only
    Code.INVALID_CREDENTIALS,
    Code.CONSTRAINT_VIOLATION,
    Code.UNWILLING_TO_PERFORM,
)
_MESSAGE_MAY_EXPLAIN = (Code.INVALID_CREDENTIALS, Code.UNWILLING_TO_PERFORM)


class NotJudged(AuthproxyError):
    """The directory answered, but not the question. ``is_busy``: it can't answer anybody at the moment."""

    def __init__(self, text: str, is_busy: bool = False) -> None:
        super().__init__(text)
        self.is_busy = is_busy


def judge(result: Result) -> Denied | None:
    """None: the password was right. Raises NotJudged."""
    policy = _policy_reason(result.controls)
    failure = logon_failure.find(result.message)
    in_words = _reason_in_words(result.message) if result.code == Code.UNWILLING_TO_PERFORM else None
    if in_words is not None:
        return Denied(in_words, result.explain())
    if policy is not None and result.code in _POLICY_MAY_EXPLAIN:
        return Denied(policy, f"{_POLICY_WORDS[policy]} ({result.explain()})")
    if failure is not None and result.code in _MESSAGE_MAY_EXPLAIN:
        return Denied(_AD_REASONS[failure], f"{failure.words} ({result.explain()})")
    match result.code:
        case Code.SUCCESS:
            return None
        case Code.INVALID_CREDENTIALS:
            return Denied(Reason.BAD_PASSWORD, result.explain())
        case Code.NO_SUCH_OBJECT:
            return Denied(Reason.UNKNOWN_USER, result.explain())
        case Code.INAPPROPRIATE_AUTHENTICATION:
            return Denied(Reason.BAD_PASSWORD, f"the entry has no password: {result.explain()}")
        case Code.CONSTRAINT_VIOLATION:
            return Denied(Reason.ACCOUNT_LOCKED, result.explain())
    raise not_judged(result, "the user's bind")


def not_judged(result: Result, what: str) -> NotJudged:
    """For a result that says nothing about the user."""
    text = f"{what} gave {result.explain()}{logon_failure.remedy(result)}"
    return NotJudged(text, result.code in (Code.BUSY, Code.UNAVAILABLE))


def _reason_in_words(message: str) -> Reason | None:
    """389 Directory Server and FreeIPA say best in words why they are unwilling: to their control, an account that
    was disabled is locked."""
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
