"""An authenticator app (TOTP) for a user: its QR code is on the page that answers, and nowhere else."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.devices import add_totp
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import user_by_id
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.enroll.pictures import inline

_HERE: Final = "/admin/users/{user}/app"
_LONGEST_NAME: Final = 100


async def ask_new(visit: Visit) -> Response:
    def look(connection: sa.Connection) -> Response:
        user = user_by_id(connection, visit.path["user"])
        return visit.render("admin/users/app.html", user=user, made=None)

    return await visit.read(look)


async def add(visit: Visit) -> Response:
    name = visit.form.get("name")[:_LONGEST_NAME]

    def change(connection: sa.Connection) -> Response:
        user = user_by_id(connection, visit.path["user"])
        made = add_totp(connection, user, visit.rooms.seeds, name)
        visit.note(connection, "device add", user.username, {"device": made.id, "kind": "totp", "name": made.name})
        picture = inline(made.uri, visit.gettext("QR code for the authenticator app"))
        return visit.render("admin/users/app.html", user=user, made=made, picture=picture)

    return await visit.change(change)


PAGES: Final = (
    Page("GET", _HERE, Permission.MODIFY_DEVICES, ask_new),
    Page("POST", _HERE, Permission.MODIFY_DEVICES, add),
)
