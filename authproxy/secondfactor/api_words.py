"""A verdict in the words of the Auth API: result, status and a text for the user. Pure."""

from __future__ import annotations

from typing import Final

from authproxy.model import Allowed, Factor, Reason, Refused
from authproxy.secondfactor.admission import NOT_ASKED
from authproxy.secondfactor.authapi import Progress
from authproxy.secondfactor.gateways import CallStage
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.wording import said

ACTIVE: Final = "Account is active"
ENROLL: Final = "Enroll an authentication device to proceed"
NO_FACTOR: Final = said("Your account is not enabled for this login. Ask your help desk.")
_DENIED = said("Access denied.")
_ALLOWED = "Success. Logging you in..."
_STATUS = {
    Reason.PUSH_FRAUD: "fraud",
    Reason.CALL_FRAUD: "fraud",
    Reason.TIMED_OUT: "timeout",
    Reason.USER_LOCKED_OUT: "locked_out",
    Reason.SMS_SENT: "sent",
}
_TEXT = {
    Reason.PUSH_DENIED: said("Login request denied."),
    Reason.PUSH_FRAUD: said("Login request reported as fraud."),
    Reason.CALL_FRAUD: said("Login request reported as fraud."),
    Reason.TIMED_OUT: said("Login timed out."),
    Reason.CALL_DENIED: said("No keypress detected. Please try again."),
    Reason.USER_LOCKED_OUT: said("Your account is locked out. Ask your help desk."),
    Reason.USER_DISABLED: NO_FACTOR,
    Reason.NOT_ENROLLED: NO_FACTOR,
    Reason.POLICY_DENIED: NO_FACTOR,
    Reason.NOT_IN_GROUP: NO_FACTOR,
    Reason.LOCATION_DENIED: said("Logins from where you are are not allowed. Ask your help desk."),
    Reason.SMS_SENT: said("New SMS passcodes sent."),
    Reason.BAD_PASSCODE: said("Incorrect passcode. Please try again."),
    Reason.REUSED_PASSCODE: said("This passcode was already used. Please try the next one."),
    Reason.NO_PASSCODE: said("Neither a passcode nor an option of the list. Please try again."),
    Reason.FACTOR_NOT_ALLOWED: said("This way to log in is not allowed here. Please choose another."),
    Reason.FACTOR_NOT_AVAILABLE: said("None of your devices can be reached that way. Please choose another."),
    Reason.TOO_MANY_PUSHES: said("Too many login requests were sent to you lately. Use a passcode, or try later."),
    Reason.TOO_MANY_MESSAGES: said(
        "Too many messages and calls were asked for lately. Log in another way, or try again in a few minutes."
    ),
}


def final(verdict: Allowed | Refused, has_locked: bool = False) -> Progress:
    """``has_locked``: the attempt locked the user out, whatever else was wrong with it."""
    match verdict:
        case Allowed(factor) if factor in NOT_ASKED:
            return Progress("allow", "bypass", _ALLOWED)
        case Allowed():
            return Progress("allow", "allow", _ALLOWED)
        case Refused(reason):
            reason = Reason.USER_LOCKED_OUT if has_locked else reason
            return Progress("deny", _STATUS.get(reason, "deny"), _TEXT.get(reason, _DENIED))


def pushed(label: str, code: str = "") -> Progress:
    """``code``: to be typed on the phone."""
    text = f"Enter {code} on {label} to log in..." if code else f"Pushed a login request to {label}..."
    return Progress("waiting", "pushed", text)


def calling(stage: CallStage, phone: Phone) -> Progress:
    is_answered = stage is CallStage.ANSWERED
    text = "Answered. Press a key on your phone to log in." if is_answered else f"Calling {phone.label}..."
    return Progress("waiting", str(stage), text)


def word(factor: Factor, number: int, is_verified: bool = False) -> str:
    """``push1``, ``phone2`` ...: what answers a text prompt."""
    return f"{'verified_' if is_verified and factor is Factor.PUSH else ''}{factor}{number}"
