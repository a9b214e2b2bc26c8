"""Phones in the portal: added, activated by a picture that the phone scans, renamed, deleted."""

from __future__ import annotations

import math

import sqlalchemy as sa
from starlette.responses import JSONResponse, Response

from authproxy.secondfactor import own_devices as own
from authproxy.secondfactor.activations import NewActivation
from authproxy.secondfactor.phone_api import PhoneRefused
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.pipush_enrollment import NewPipush
from authproxy.secondfactor.refusals import NotDone
from authproxy.web.enroll.pictures import inline
from authproxy.web.portal.visit import PortalVisit


async def add(visit: PortalVisit) -> Response:
    form, base_url = visit.form, visit.rooms.base_url
    number = "" if form.get("type") == "tablet" else form.get("number")
    type_ = "landline" if form.get("type") == "landline" else "mobile"

    phone, activation = await visit.change(
        lambda connection: own.add_own_phone(connection, visit.who, number, form.get("name"), type_, base_url)
    )
    if activation is None:
        return visit.home(visit.gettext("The phone was added"))
    return _scan(visit, phone, activation)


async def activate(visit: PortalVisit) -> Response:
    phone_id, base_url = _id(visit), visit.rooms.base_url
    is_authenticator = visit.form.get("app") == "authenticator"

    def change(connection: sa.Connection) -> tuple[PhoneRow, NewActivation | NewPipush]:
        new = own.activate_anew(connection, visit.who, phone_id, base_url, is_authenticator=is_authenticator)
        return own.own_phone(connection, visit.who, phone_id), new

    return _scan(visit, *await visit.change(change), is_authenticator=is_authenticator)


async def state(visit: PortalVisit) -> Response:
    """For the page's script: since when there is an app on the phone (0: there is none), and whether it has yet to
    answer its test."""
    phone = await _phone(visit)
    return JSONResponse({"since": phone.app_since or 0, "is_untested": phone.is_untested})


async def test(visit: PortalVisit) -> Response:
    """Asks the phone once more."""
    phone = await _phone(visit)
    try:
        await visit.rooms.tests(phone.id)
    except PhoneRefused as error:
        raise NotDone(visit.gettext(str(error))) from None
    return visit.home(visit.gettext("A test was sent. Approve it on your phone."))


async def rename(visit: PortalVisit) -> Response:
    name = visit.form.get("name")
    await visit.change(lambda connection: own.rename_own_phone(connection, visit.who, _id(visit), name))
    return visit.home(visit.gettext("Saved"))


async def delete(visit: PortalVisit) -> Response:
    await visit.change(lambda connection: own.delete_own_phone(connection, visit.who, _id(visit)))
    return visit.home(visit.gettext("The phone was deleted"))


async def _phone(visit: PortalVisit) -> PhoneRow:
    return await visit.read(lambda connection: own.own_phone(connection, visit.who, _id(visit)))


def _scan(
    visit: PortalVisit, phone: PhoneRow, activation: NewActivation | NewPipush, *, is_authenticator: bool = False
) -> Response:
    minutes = max(1, math.ceil((activation.expires - visit.rooms.now()) / 60))
    return visit.render(
        "portal/activate.html",
        phone=phone,
        link=activation.url,
        is_authenticator=is_authenticator,
        minutes=minutes,
        picture=inline(activation.url, visit.gettext("QR code that sets up your phone")),
    )


def _id(visit: PortalVisit) -> str:
    return str(visit.request.path_params["id"])
