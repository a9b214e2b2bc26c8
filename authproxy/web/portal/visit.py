"""One request to the self-service portal, as its pages see it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from authproxy.secondfactor.office import Work
from authproxy.secondfactor.own_devices import Who
from authproxy.secondfactor.security_keys import Owner, user_owner
from authproxy.secondfactor.sessions import Session
from authproxy.secondfactor.users import User
from authproxy.web.pages import cookies
from authproxy.web.pages.catalogue import catalogue
from authproxy.web.pages.form import Form
from authproxy.web.pages.templates import render
from authproxy.web.portal.rooms import PortalRooms

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PortalVisit:
    """``user`` and ``session`` are None on the page where one logs in. ``address``: the browser's."""

    request: Request
    rooms: PortalRooms
    address: str
    language: str
    form: Form = field(default_factory=Form)
    user: User | None = None
    session: Session | None = None

    @property
    def who(self) -> Who:
        assert self.user is not None
        return Who(self.user.id, self.address)

    @property
    def owner(self) -> Owner:
        """Of security keys."""
        assert self.user is not None
        return user_owner(self.user.id, self.user.username, self.user.display_name)

    @property
    def actor(self) -> str:
        assert self.user is not None
        return f"user:{self.user.username}"

    def read(self, work: Work[T]) -> Awaitable[T]:
        return self.rooms.office.glance(work)

    def change(self, work: Work[T]) -> Awaitable[T]:
        return self.rooms.office.change(work)

    def gettext(self, text: str) -> str:
        return catalogue(self.language).gettext(text)

    def render(self, template: str, status: int = 200, **shown: object) -> Response:
        text = render(
            self.language,
            template,
            visit=self,
            told=cookies.told(self.request),
            csrf=self.session.csrf if self.session is not None else "",
            **shown,
        )
        response = HTMLResponse(text, status)
        cookies.forget_told(self.request, response)
        return response

    def home(self, message: str = "") -> Response:
        """The first page, which shows ``message``."""
        response = RedirectResponse("/portal/", 303)
        if message:
            cookies.tell(response, message)
        return response
