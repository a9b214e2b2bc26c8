"""Authenticator apps in the portal: renamed, and deleted when they are lost."""

from __future__ import annotations

from starlette.responses import Response

from authproxy.secondfactor.own_devices import delete_own_app, rename_own_app
from authproxy.web.portal.visit import PortalVisit


async def rename(visit: PortalVisit) -> Response:
    app_id, name = str(visit.request.path_params["id"]), visit.form.get("name")
    await visit.change(lambda connection: rename_own_app(connection, visit.who, app_id, name))
    return visit.home(visit.gettext("Saved"))


async def delete(visit: PortalVisit) -> Response:
    app_id = str(visit.request.path_params["id"])
    await visit.change(lambda connection: delete_own_app(connection, visit.who, app_id))
    return visit.home(visit.gettext("The authenticator app was deleted"))
