"""Every setting of the account: its name (the Admin API's), what it may be, what it is for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.setting_kinds import Amount, Flag, Kind, Line, Mails, Value, Whole, Word, Zone

CODES: Final = "{codes}"


@dataclass(frozen=True, slots=True)
class Setting:
    """``default``: None where the configuration has it. ``is_kept_only``: clients of the Admin API may store and
    read it; nothing here goes by it."""

    name: str
    kind: Kind
    default: Value | None
    about: str
    is_kept_only: bool = False


def _kept(name: str, kind: Kind, default: Value) -> Setting:
    return Setting(name, kind, default, "kept for clients of the Admin API", is_kept_only=True)


SETTINGS: Final = (
    Setting("name", Line(100), "", "who mails say they are from"),
    Setting(
        "language",
        Word(("EN", "DE", "FR")),
        "EN",
        "of mails and of users' pages; until it is set these follow the browser",
    ),
    Setting(
        "lockout_threshold", Whole(1, 9999, (0,)), None, "wrong passcodes in a row that lock a user out; 0: never"
    ),
    Setting(
        "lockout_expire_duration",
        Whole(5, 30_000, (0,)),
        None,
        "minutes that a lockout lasts; 0: until an administrator unlocks",
    ),
    Setting("log_retention_days", Whole(1, 3650, (0,)), None, "days that logins are kept; 0: for ever"),
    Setting(
        "message_retention_days",
        Whole(1, 36_500, (0,)),
        None,
        "days that mails and text messages are kept; 0: for ever",
    ),
    Setting(
        "telephony_retention_days",
        Whole(1, 36_500, (0,)),
        None,
        "days that what text messages and calls have cost is kept; 0: for ever",
    ),
    Setting(
        "audit_retention_days",
        Whole(1, 36_500, (0,)),
        None,
        "days that what administrators did is kept; 0: for ever",
    ),
    Setting("sms_batch", Whole(1, 10), None, "passcodes in one text message"),
    Setting(
        "sms_expiration", Whole(1, 525_600, (0,)), None, "minutes that they are valid; 0: until the next message"
    ),
    Setting("sms_message", Line(160), None, f"their text; {CODES} stands for the passcodes"),
    Setting("fraud_email_enabled", Flag(), True, "whether a fraud report or a lockout is mailed"),
    Setting("fraud_email", Mails(), "", "to whom; empty: to the administrators who may change settings"),
    Setting("telephony_warning_min", Amount(), None, "credits below which administrators are told"),
    Setting("user_telephony_cost_max", Amount(), None, "credits that one user may cost in 30 days; 0: any number"),
    Setting(
        "telephony_at_zero",
        Word(("send", "stop")),
        "send",
        "what happens when the credits are used up: messages and calls go on, or stop",
    ),
    Setting("minimum_password_length", Whole(12, 100), 12, "of administrators' passwords, in characters"),
    Setting("password_requires_upper_alpha", Flag(), False, "administrators' passwords: a capital letter"),
    Setting("password_requires_lower_alpha", Flag(), False, "administrators' passwords: a small letter"),
    Setting("password_requires_numeric", Flag(), False, "administrators' passwords: a digit"),
    Setting("password_requires_special", Flag(), False, "administrators' passwords: a special character"),
    Setting(
        "helpdesk_bypass",
        Word(("allow", "limit", "deny")),
        "allow",
        "whether the help desk may make bypass codes; limit: only such that expire by themselves",
    ),
    Setting("helpdesk_bypass_expiration", Whole(5, 525_600, (0,)), 0, "at most so many minutes, with limit"),
    Setting("helpdesk_message", Line(200, has_lines=True), "", "shown to users who need help"),
    Setting("helpdesk_can_send_enroll_email", Flag(), False, "whether the help desk may send enrollment mails"),
    Setting(
        "user_managers_can_put_users_in_bypass",
        Flag(),
        True,
        "whether user managers may exempt users from factors",
    ),
    Setting(
        "inactive_user_expiration",
        Whole(30, 365, (0,)),
        0,
        "days without a login after which users come into the trash; 0: never",
    ),
    Setting("pending_deletion_days", Whole(1, 30), 7, "days in the trash until users are deleted for good"),
    Setting("push_enabled", Flag(), True, "whether pushes count, where no policy decides which factors do"),
    Setting("voice_enabled", Flag(), True, "whether phone calls count, likewise"),
    Setting("sms_enabled", Flag(), True, "whether SMS passcodes count, likewise"),
    Setting("mobile_otp_enabled", Flag(), True, "whether codes of apps count, likewise"),
    _kept("timezone", Zone(), "UTC"),
    _kept("sms_refresh", Flag(), False),
    _kept("keypress_confirm", Line(1), "#"),
    _kept("keypress_fraud", Line(1), "*"),
    _kept("caller_id", Line(20), ""),
    _kept("u2f_enabled", Flag(), True),
    _kept("reactivation_url", Line(500), ""),
    _kept("reactivation_integration_key", Line(20), ""),
    _kept("security_checkup_enabled", Flag(), True),
    _kept("email_activity_notification_enabled", Flag(), False),
    _kept("push_activity_notification_enabled", Flag(), False),
    _kept("unenrolled_user_lockout_threshold", Whole(10, 1000, (0,)), 0),
    _kept("enrollment_universal_prompt_enabled", Flag(), True),
    _kept("global_ssp_policy_enforced", Flag(), True),
    _kept("duo_mobile_otp_type", Word(("hotp", "totp")), "totp"),
)
BY_NAME: Final[Mapping[str, Setting]] = MappingProxyType({each.name: each for each in SETTINGS})


def setting_named(name: str) -> Setting:
    """Raises BadValue."""
    found = BY_NAME.get(name)
    if found is None:
        raise BadValue(f"there is no setting {name!r}")
    return found


def read_value(name: str, given: object) -> Value:
    """A value as it was typed. Raises BadValue."""
    setting = setting_named(name)
    try:
        value = setting.kind.read(given)
    except BadValue as error:
        raise BadValue(f"{name}: {str(given)[:100]!r} can't be; wanted {error}") from None
    if name == "sms_message" and CODES not in str(value):
        return f"{value} {CODES}".strip()  # as the API means it: what stands before the passcodes
    return value
