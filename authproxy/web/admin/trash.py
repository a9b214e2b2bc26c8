"""Users who come into the trash, and out of it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor import trash
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import User, user_by_id
from authproxy.web.admin.desk_rules import may_exempt
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

Does = Callable[[sa.Connection, User, float], bool]


def send_to_trash(visit: Visit, connection: sa.Connection, user: User) -> bool:
    """Whether that is news."""
    return _done(visit, connection, user, trash.send_to_trash, "user trash")


def restore(visit: Visit, connection: sa.Connection, user: User) -> bool:
    """Whether that is news. Raises NotDone for who would be in bypass again, as ``may_exempt``."""
    return _done(visit, connection, user, trash.restore, "user restore")


def _done(visit: Visit, connection: sa.Connection, user: User, does: Does, action: str) -> bool:
    if not does(connection, user, visit.rooms.now()):
        return False
    after = user_by_id(connection, user.id)
    may_exempt(visit, connection, after.status)
    told, before = {"status": after.shown_status}, {"status": user.shown_status}
    visit.note(connection, action, user.username, told, before)
    return True


async def send_one(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        send_to_trash(visit, connection, user_by_id(connection, visit.path["user"]))

    await visit.change(change)
    return visit.go(f"/admin/users/{visit.path['user']}", visit.gettext("The user is in the trash"))


async def restore_one(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        restore(visit, connection, user_by_id(connection, visit.path["user"]))

    await visit.change(change)
    return visit.go(f"/admin/users/{visit.path['user']}", visit.gettext("The user is back"))


PAGES: Final = (
    Page("POST", "/admin/users/{user}/trash", Permission.MODIFY_USERS, send_one),
    Page("POST", "/admin/users/{user}/restore", Permission.MODIFY_USERS, restore_one),
)
