"""One request to the Admin Panel, as its pages see it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from authproxy.model import JsonValue
from authproxy.secondfactor.admin_login import HALFWAY
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.lost_update import check_unchanged
from authproxy.secondfactor.office import Work
from authproxy.secondfactor.roles import Permission, Role, may
from authproxy.secondfactor.sessions import Session
from authproxy.web.admin.navigation import menu
from authproxy.web.admin.rooms import AdminRooms
from authproxy.web.pages import cookies
from authproxy.web.pages.catalogue import catalogue
from authproxy.web.pages.form import Form
from authproxy.web.pages.templates import render

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """``who`` and ``session`` are None before anybody has logged in. ``address``: the browser's."""

    request: Request
    rooms: AdminRooms
    address: str
    language: str
    who: Administrator | None = None
    session: Session | None = None
    form: Form = field(default_factory=Form)

    # ------------------------------------------------------------ what was asked

    @property
    def admin(self) -> Administrator:
        assert self.who is not None
        return self.who

    @property
    def actor(self) -> str:
        """As the administrators' log names it."""
        return f"admin:{self.admin.email}"

    @property
    def path(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.request.path_params
        return found

    @property
    def query(self) -> QueryParams:
        return self.request.query_params

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.form.files

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers

    @property
    def is_in(self) -> bool:
        """Whether the login is complete."""
        return self.who is not None and self.session is not None and not self.session.data.get(HALFWAY)

    def may(self, permission: Permission) -> bool:
        return self.is_in and may(Role(self.admin.role), permission)

    # ------------------------------------------------------------ working on the database

    def read(self, work: Work[T]) -> Awaitable[T]:
        return self.rooms.office.read(work)

    def change(self, work: Work[T]) -> Awaitable[T]:
        return self.rooms.office.change(work)

    def note(
        self,
        connection: sa.Connection,
        action: str,
        about: str,
        after: Mapping[str, JsonValue] | None = None,
        before: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """A line of the administrators' log, in the transaction of what it tells."""
        note(connection, self.actor, action, about, after, before=before, address=self.address)

    def check_unchanged(self, now: Mapping[str, JsonValue], page: str = "") -> None:
        """Whether the form was filled in on what is there ``now``. ``page``: has the form, if another than it is
        sent to. Raises ChangedMeanwhile, BadValue."""
        check_unchanged(self.form.raw("shown"), now, page)

    # ------------------------------------------------------------ answering

    def gettext(self, text: str) -> str:
        return catalogue(self.language).gettext(text)

    def render(self, template: str, status: int = 200, **shown: object) -> Response:
        """``template``: a path below ``web/templates``."""
        text = render(
            self.language,
            template,
            visit=self,
            menu=menu(self),
            told=cookies.told(self.request),
            csrf=self.session.csrf if self.session is not None else "",
            Permission=Permission,
            **shown,
        )
        response = HTMLResponse(text, status)
        cookies.forget_told(self.request, response)
        return response

    def go(self, path: str, message: str = "") -> Response:
        """To a page of the panel, which shows ``message``."""
        to = urlsplit(path)
        assert not to.scheme and not to.netloc and path.startswith("/")
        response = RedirectResponse(path, 303)
        if message:
            cookies.tell(response, message)
        return response
