"""Telephony credits: the balance, what was bought, and what messages and calls cost."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import credits
from authproxy.secondfactor.account_settings import AccountSettings, change_settings, read_settings
from authproxy.secondfactor.lost_update import seal
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.setting_list import setting_named
from authproxy.web.admin.controls import control, given
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

HOME: Final = "/admin/billing"
_SHOWN: Final = 50
_SETTINGS: Final = ("telephony_warning_min", "telephony_at_zero", "user_telephony_cost_max")


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, problem: str = "") -> Response:
    now, month = visit.rooms.now(), visit.query.get("month", "")
    since, until = credits.month_bounds(month, now)

    def work(connection: sa.Connection) -> Response:
        settings = read_settings(connection, visit.rooms.defaults)
        controls = []
        for name in _SETTINGS:
            setting = setting_named(name)
            controls.append(control(name, setting.about, setting.kind, settings[name], name))
        months = credits.months(connection, now)
        return visit.render(
            "admin/billing/show.html",
            400 if problem else 200,
            left=credits.left(connection),
            prices=settings.prices(),
            months=months,
            month=month or months[0].name,
            users=credits.users_of(connection, since, until, _SHOWN),
            entries=credits.entries(connection, _SHOWN),
            controls=controls,
            form=visit.form,
            sealed=visit.form.raw("shown") if visit.form.has("shown") else seal(_told(settings)),
            problem=problem,
        )

    return await visit.read(work)


def _told(settings: AccountSettings) -> dict[str, JsonValue]:
    return {name: settings[name] for name in _SETTINGS}


async def enter(visit: Visit) -> Response:
    form = visit.form

    def work(connection: sa.Connection) -> float:
        try:
            amount = float(form.get("amount").replace(",", "."))
        except ValueError:
            raise BadValue(visit.gettext("the amount is a number")) from None
        kind, now = form.get("kind"), visit.rooms.now()
        return credits.enter(connection, visit.actor, kind, amount, now, form.get("note"), visit.address)

    try:
        left = await visit.change(work)
    except BadValue as error:
        return await _page(visit, str(error))
    return visit.go(HOME, visit.gettext("Entered. Credits left: %(left)s") % {"left": f"{left:g}"})


async def save(visit: Visit) -> Response:
    named = [name for name in _SETTINGS if visit.form.has(name)]
    changes = {name: given(visit.form, name, setting_named(name).kind) for name in named}

    def work(connection: sa.Connection) -> None:
        before = read_settings(connection, visit.rooms.defaults)
        visit.check_unchanged(_told(before), HOME)
        shown = {name: control("", "", setting_named(name).kind, before[name]).value for name in _SETTINGS}
        wanted = {name: typed for name, typed in changes.items() if typed != shown[name]}
        change_settings(connection, visit.rooms.defaults, visit.actor, wanted, visit.address)

    try:
        await visit.change(work)
    except BadValue as error:
        return await _page(visit, str(error))
    return visit.go(HOME, visit.gettext("Saved."))


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, Permission.BILLING, show),
    Page("POST", f"{HOME}/enter", Permission.BILLING, enter),
    Page("POST", f"{HOME}/settings", Permission.BILLING, save),
)
