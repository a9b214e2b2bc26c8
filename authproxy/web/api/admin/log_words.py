"""How logins and changes are called in logs: our words, and those that readers of such logs know. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from authproxy.model import LoginRecord, Reason
from authproxy.secondfactor.login_search import LoginFilter

_NONE_SUCH: Final = ("\0",)

FACTORS: Final[Mapping[str, str]] = {
    "push": "duo_push",
    "phone": "phone_call",
    "sms": "sms_refresh",
    "SMS passcode": "sms_passcode",
    "passcode": "duo_mobile_passcode",
    "hardware token": "hardware_token",
    "bypass code": "bypass_code",
    "security key": "webauthn_credential",
    "remembered device": "remembered_device",
    "trusted network": "trusted_network",
}
_SHOWN_FACTORS: Final[Mapping[str, str]] = {
    "push": "Duo Push",
    "phone": "Phone Call",
    "sms": "SMS Refresh",
    "SMS passcode": "SMS Passcode",
    "passcode": "Duo Mobile Passcode",
    "hardware token": "Hardware Token",
    "bypass code": "Bypass Code",
    "security key": "Security Key",
    "remembered device": "Remembered Device",
    "trusted network": "Trusted Network",
}
_ALLOWED: Final[Mapping[str, str]] = {
    "push": "user_approved",
    "phone": "user_approved",
    "security key": "user_approved",
    "SMS passcode": "valid_passcode",
    "passcode": "valid_passcode",
    "hardware token": "valid_passcode",
    "bypass code": "valid_passcode",
    "bypass status": "bypass_user",
    "not enrolled": "allow_unenrolled_user",
    "remembered device": "remembered_device",
    "remembered bind": "remembered_device",
    "trusted network": "trusted_network",
}
_OTHER_ALLOWED: Final = "allowed_by_policy"
_DENIED: Final[Mapping[str, str]] = {
    Reason.NOT_ENROLLED: "deny_unenrolled_user",
    Reason.USER_DISABLED: "user_disabled",
    Reason.USER_LOCKED_OUT: "locked_out",
    Reason.PUSH_DENIED: "user_cancelled",
    Reason.CALL_DENIED: "no_keys_pressed",
    Reason.PUSH_FRAUD: "user_marked_fraud",
    Reason.CALL_FRAUD: "user_marked_fraud",
    Reason.BAD_PASSCODE: "invalid_passcode",
    Reason.REUSED_PASSCODE: "invalid_passcode",
    Reason.NO_PASSCODE: "invalid_passcode",
    Reason.WRONG_NUMBER: "verification_code_incorrect",
    Reason.TIMED_OUT: "no_response",
    Reason.GIVEN_UP: "no_response",
    Reason.FACTOR_NOT_ALLOWED: "factor_restricted",
    Reason.FACTOR_NOT_AVAILABLE: "invalid_device",
    Reason.SERVICE_DENIED: "denied_by_policy",
}
_OTHER_DENIED: Final = "error"
_FRAUD: Final = (Reason.PUSH_FRAUD, Reason.CALL_FRAUD)


def factor(login: LoginRecord) -> str:
    return FACTORS.get(login.factor, "not_available")


def shown_factor(login: LoginRecord) -> str:
    return _SHOWN_FACTORS.get(login.factor, "n/a")


def result(login: LoginRecord) -> str:
    if login.result == "accept":
        return "success"
    return "fraud" if login.reason in _FRAUD else "denied"


def reason(login: LoginRecord) -> str:
    if login.result == "accept":
        return _ALLOWED.get(login.factor, _OTHER_ALLOWED)
    return _DENIED.get(login.reason, _OTHER_DENIED)


# ---------------------------------------------------------------- asked for


def with_factors(words: Collection[str]) -> Collection[str]:
    """Ours that are meant; what nothing is called, if none is."""
    if "not_available" in words:
        words = [*words, ""]
    return [ours for ours, theirs in FACTORS.items() if theirs in words] or _NONE_SUCH


def with_results(words: Collection[str]) -> tuple[LoginFilter, ...]:
    ways = {
        "success": LoginFilter(results=("accept",)),
        "fraud": LoginFilter(results=("reject",), reasons=_FRAUD),
        "denied": LoginFilter(results=("reject",), reasons=[each for each in Reason if each not in _FRAUD]),
    }
    return tuple(ways[word] for word in words if word in ways) or (LoginFilter(results=_NONE_SUCH),)


def with_reasons(words: Collection[str]) -> tuple[LoginFilter, ...]:
    factors = [ours for ours, theirs in _ALLOWED.items() if theirs in words]
    reasons = [each for each in Reason if _DENIED.get(each, _OTHER_DENIED) in words]
    return (
        LoginFilter(results=("accept",), factors=factors or _NONE_SUCH),
        LoginFilter(results=("reject",), reasons=reasons or _NONE_SUCH),
    )


# ---------------------------------------------------------------- changes

_NOUNS: Final[Mapping[str, str]] = {"application": "integration", "administrator": "admin", "settings": "customer"}
_VERBS: Final[Mapping[str, str]] = {"add": "create", "set": "update", "change": "update"}


def action(written: str) -> str:
    """``user add`` as ``user_create``."""
    noun, _, verb = written.partition(" ")
    return f"{_NOUNS.get(noun, noun)}_{_VERBS.get(verb, verb)}".rstrip("_").replace(" ", "_")


def actor_name(actor: str) -> str:
    """An administrator's or user's name, ``API`` or ``System``."""
    kind, _, name = actor.partition(":")
    match kind:
        case "api":
            return "API"
        case "admin" | "user":
            return name
    return "System"


PURPOSES: Final[Mapping[str, str]] = {
    "login": "authentication",
    "passcodes": "authentication",
    "activation": "enrollment",
    "enrollment": "enrollment",
    "installation": "enrollment",
}
KINDS: Final[Mapping[str, str]] = {"sms": "sms", "call": "phone"}
