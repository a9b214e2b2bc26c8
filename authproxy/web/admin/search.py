"""The search box on every page: what is meant by a name, a mail address, a number, a serial or a login ID."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.login_search import LoginFilter, search_logins
from authproxy.secondfactor.phone_search import search_phones
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.token_search import search_tokens
from authproxy.secondfactor.user_search import UserFilter, search_users
from authproxy.secondfactor.users import find_user
from authproxy.web.admin.login_log import HOME as LOGINS
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit

_FEW: Final = Window(20)
_LONGEST: Final = 200


async def search(visit: Visit) -> Response:
    """Straight to the one thing that is meant; a list if there are several."""
    text = visit.query.get("q", "").strip()[:_LONGEST]
    mode = visit.rooms.settings.username_normalization

    def look(connection: sa.Connection) -> Response:
        if not text:
            return visit.go("/admin/users")
        if visit.may(Permission.VIEW_LOGS) and search_logins(connection, LoginFilter(login_id=text), 1).rows:
            return visit.go(f"{LOGINS}/{text.upper()}")
        by_mail = search_users(connection, UserFilter(email=text), _FEW) if "@" in text else None
        if by_mail is not None and by_mail.total == 1:
            return visit.go(f"/admin/users/{by_mail.rows[0].id}")
        try:
            return visit.go(f"/admin/users/{find_user(connection, text, mode).id}")
        except NotFound:
            pass
        users = search_users(connection, UserFilter(text=text), _FEW)
        phones, tokens = search_phones(connection, _FEW, text), search_tokens(connection, _FEW, text)
        if users.total == 1:
            return visit.go(f"/admin/users/{users.rows[0].id}")
        if not users.total and phones.total + tokens.total == 1:
            found = f"phones/{phones.rows[0].id}" if phones.total else f"tokens/{tokens.rows[0].id}"
            return visit.go(f"/admin/{found}")
        return visit.render(
            "admin/search.html",
            text=text,
            users=users,
            phones=phones,
            tokens=tokens,
            more=f"/admin/users?{urlencode({'text': text})}",
        )

    return await visit.read(look)


PAGES: Final = (Page("GET", "/admin/search", Permission.VIEW, search),)
