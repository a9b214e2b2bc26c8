"""What every request to the portal passes: whose session it is, and where it was made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.secondfactor.portal_sessions import COOKIE, find_portal
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.sessions import touch_session
from authproxy.web.pages.catalogue import choose
from authproxy.web.pages.entrance import Arrival, serve
from authproxy.web.pages.form import Form
from authproxy.web.portal.rooms import PortalRooms
from authproxy.web.portal.visit import PortalVisit
from authproxy.web.rates import Rates
from authproxy.web.source import bucket

LOGIN = "/portal/login"
Answer = Callable[[PortalVisit], Awaitable[Response]]

_log = Logger()


@dataclass(frozen=True, slots=True)
class PortalDoor:
    """One page as Starlette calls it. ``answer``: a Twisted coroutine. ``is_open``: for people without a session
    too."""

    answer: Answer
    rooms: PortalRooms
    rates: Rates
    is_open: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(scope, receive, send, self._answered)

    async def _answered(self, arrival: Arrival) -> Response:
        request = arrival.request
        visit = PortalVisit(request, self.rooms, arrival.address, _language(request), arrival.form or Form())
        try:
            visit = await _known(visit)
            if visit.session is not None:
                self.rates.give_back(bucket(visit.address))
            return self._stopped(visit, arrival) or await self.answer(visit)
        except NotFound as error:
            return _problem(visit, 404, visit.gettext("There is no such page or thing"), visit.gettext(str(error)))
        except NotDone as error:
            return _problem(visit, 400, visit.gettext("That was not done"), visit.gettext(str(error)))
        except (StoreUnavailable, SecretError) as error:
            _log.error("portal: {problem}", problem=str(error))
            return _problem(visit, 503, visit.gettext("The service can't do this right now"), "")

    def _stopped(self, visit: PortalVisit, arrival: Arrival) -> Response | None:
        """None: may pass."""
        if arrival.changes and not arrival.is_own(visit.session.csrf if visit.session is not None else None):
            return _problem(visit, 403, visit.gettext("This form is out of date. Load the page again"), "")
        if arrival.form is None:
            return _problem(visit, 400, visit.gettext("This form can't be read"), "")
        if visit.user is None and not self.is_open:
            return RedirectResponse(LOGIN, 303)
        return None


async def _known(visit: PortalVisit) -> PortalVisit:
    cookie, now = visit.request.cookies.get(COOKIE, ""), visit.rooms.now()
    found = await visit.read(lambda connection: find_portal(connection, cookie, now)) if cookie else None
    if found is None:
        return visit
    user, session = found
    if session.is_due(now):
        await visit.change(lambda connection: touch_session(connection, session, now))
    language = _language(visit.request, visit.rooms.language())
    return replace(visit, user=user, session=session, language=language)


def _language(request: Request, chosen: str = "") -> str:
    return choose(chosen, request.headers.get("accept-language", ""))


def _problem(visit: PortalVisit, status: int, title: str, detail: str) -> Response:
    return visit.render("portal/problem.html", status, title=title, detail=detail)
