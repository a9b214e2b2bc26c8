"""Security keys in the portal: only their owner can add them."""

from __future__ import annotations

import json

from starlette.responses import JSONResponse, Response

from authproxy.model import JsonValue
from authproxy.secondfactor.own_devices import delete_own_key
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.security_keys import own_key, rename_key
from authproxy.secondfactor.webauthn import NotProven, Registered
from authproxy.web.portal.visit import PortalVisit


async def begin(visit: PortalVisit) -> Response:
    """Options for the browser's ``navigator.credentials.create``."""
    ceremonies, session = visit.rooms.ceremonies, _session(visit)
    options = await visit.change(
        lambda connection: ceremonies.begin_registration(connection, visit.owner, session)
    )
    return JSONResponse(options)


async def add(visit: PortalVisit) -> Response:
    ceremonies, session, form = visit.rooms.ceremonies, _session(visit), visit.form
    answer = _answer(form.raw("credential"))
    outcome = await visit.change(
        lambda connection: ceremonies.finish_registration(
            connection, visit.owner, session, answer, form.get("name"), visit.actor, visit.address
        )
    )
    match outcome:
        case Registered():
            return visit.home(visit.gettext("The security key was added"))
        case NotProven(why):
            raise BadValue(visit.gettext(why.sentence))


async def rename(visit: PortalVisit) -> Response:
    key_id, name = str(visit.request.path_params["id"]), visit.form.get("name")

    await visit.change(
        lambda connection: rename_key(
            connection, visit.owner, own_key(connection, visit.owner, key_id), name, visit.actor, visit.address
        )
    )
    return visit.home(visit.gettext("Saved"))


async def delete(visit: PortalVisit) -> Response:
    key_id = str(visit.request.path_params["id"])
    await visit.change(lambda connection: delete_own_key(connection, visit.who, key_id))
    return visit.home(visit.gettext("The security key was deleted"))


def _session(visit: PortalVisit) -> str:
    assert visit.session is not None
    return visit.session.id


def _answer(text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
