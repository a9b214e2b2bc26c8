"""Settings of the whole account, as one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor.account_settings import AccountSettings, account_id, change_settings, read_settings
from authproxy.secondfactor.lost_update import seal
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.setting_list import SETTINGS, Setting
from authproxy.web.admin.controls import Control, control, given
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.catalogue import _
from authproxy.web.pages.form import Form

HOME: Final = "/admin/settings"
_PARTS: Final = (
    (_("The account"), ("name", "language")),
    (
        _("How long records are kept"),
        ("log_retention_days", "message_retention_days", "telephony_retention_days", "audit_retention_days"),
    ),
    (_("Factors"), ("push_enabled", "voice_enabled", "sms_enabled", "mobile_otp_enabled")),
    (_("Lockout"), ("lockout_threshold", "lockout_expire_duration")),
    (_("Users nobody sees"), ("inactive_user_expiration", "pending_deletion_days")),
    (_("Text messages"), ("sms_batch", "sms_expiration", "sms_message")),
    (_("Reports of fraud"), ("fraud_email_enabled", "fraud_email")),
    (_("Telephony credits"), ("telephony_warning_min", "user_telephony_cost_max", "telephony_at_zero")),
    (
        _("Help desk"),
        (
            "helpdesk_bypass",
            "helpdesk_bypass_expiration",
            "helpdesk_message",
            "helpdesk_can_send_enroll_email",
            "user_managers_can_put_users_in_bypass",
        ),
    ),
    (
        _("Passwords of administrators"),
        (
            "minimum_password_length",
            "password_requires_upper_alpha",
            "password_requires_lower_alpha",
            "password_requires_numeric",
            "password_requires_special",
        ),
    ),
)
_NAMED: Final = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Line:
    """``is_stored``: it was changed, so that it can go back to what the configuration says."""

    control: Control
    is_stored: bool


async def show(visit: Visit) -> Response:
    def work(connection: sa.Connection) -> tuple[str, AccountSettings]:
        return account_id(connection), read_settings(connection, visit.rooms.defaults)

    account, settings = await visit.read(work)
    return _page(visit, account, settings)


def _page(
    visit: Visit, account: str, settings: AccountSettings, form: Form | None = None, problem: str = ""
) -> Response:
    parts = [
        (title, [Line(_control(_NAMED[name], settings, form), name in settings.stored) for name in names])
        for title, names in _PARTS
    ]
    return visit.render(
        "admin/settings/show.html",
        400 if problem else 200,
        parts=parts,
        account=account,
        problem=problem,
        sealed=visit.form.raw("shown") if problem else seal(_told(settings)),
    )


def _told(settings: AccountSettings) -> dict[str, JsonValue]:
    return {name: settings[name] for _title, names in _PARTS for name in names}


def _control(setting: Setting, settings: AccountSettings, form: Form | None) -> Control:
    value = settings[setting.name]
    if form is not None:
        typed = given(form, setting.name, setting.kind)
        value = typed if isinstance(typed, bool) else str(typed)
    return control(setting.name, setting.about, setting.kind, value, setting.name)


async def save(visit: Visit) -> Response:
    """What is as it was stays a default; ``reset.NAME`` makes it one again."""
    form = visit.form

    def work(connection: sa.Connection) -> None:
        before = read_settings(connection, visit.rooms.defaults)
        visit.check_unchanged(_told(before))
        changes: dict[str, object] = {}
        for _title, names in _PARTS:
            for name in names:
                kind = _NAMED[name].kind
                typed = given(form, name, kind)
                if form.has(f"reset.{name}"):
                    changes[name] = None
                elif control("", "", kind, before[name]).value != _as_shown(typed):
                    changes[name] = typed
        change_settings(connection, visit.rooms.defaults, visit.actor, changes, visit.address)

    try:
        await visit.change(work)
    except BadValue as error:
        account, settings = await visit.read(
            lambda connection: (account_id(connection), read_settings(connection, visit.rooms.defaults))
        )
        return _page(visit, account, settings, form, str(error))
    return visit.go(HOME, visit.gettext("Saved. It counts from the next login on."))


def _as_shown(typed: object) -> str:
    return ("1" if typed else "") if isinstance(typed, bool) else str(typed).replace("\r\n", "\n")


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, Permission.MODIFY_SETTINGS, show),
    Page("POST", HOME, Permission.MODIFY_SETTINGS, save),
)
