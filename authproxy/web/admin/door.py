"""What every request to the panel passes: who it is, where it was made, what the role allows. Nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.secondfactor.lost_update import ChangedMeanwhile
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.page import Entry, Page
from authproxy.web.admin.rooms import AdminRooms
from authproxy.web.admin.standing import Standing, standing_of, touch
from authproxy.web.admin.visit import Visit
from authproxy.web.pages import origin
from authproxy.web.pages.catalogue import choose
from authproxy.web.pages.entrance import Arrival, serve
from authproxy.web.pages.form import Form
from authproxy.web.rates import Rates
from authproxy.web.source import bucket

COOKIE: Final = "__Host-panel"
LOGIN: Final = "/admin/login"
CONFIRM: Final = "/admin/confirm"

_log = Logger()


@dataclass(frozen=True, slots=True)
class Door:
    """One page as Starlette calls it."""

    page: Page
    rooms: AdminRooms
    rates: Rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(scope, receive, send, self._answered)

    async def _answered(self, arrival: Arrival) -> Response:
        request = arrival.request
        language = choose("", request.headers.get("accept-language", ""))
        visit = Visit(request, self.rooms, arrival.address, language, form=arrival.form or Form())
        try:
            standing = await standing_of(visit, request.cookies.get(COOKIE, ""))
            if standing.who is not None:
                visit = _known(visit, standing)
                self.rates.give_back(bucket(visit.address))
                await touch(visit, standing)
            return self._stopped(visit, standing, arrival) or await self.page.answer(visit)
        except NotFound as error:
            return _problem(visit, 404, visit.gettext("There is no such page or thing"), visit.gettext(str(error)))
        except ChangedMeanwhile as error:
            return _overtaken(visit, error)
        except NotDone as error:
            return _problem(visit, 400, visit.gettext("That was not done"), visit.gettext(str(error)))
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=self.page.path, problem=str(error))
            return _problem(visit, 503, visit.gettext("The service can't do this right now"), "")

    def _stopped(self, visit: Visit, standing: Standing, arrival: Arrival) -> Response | None:
        """None: may pass."""
        if arrival.changes and not arrival.is_own(visit.session.csrf if visit.session is not None else None):
            return _problem(visit, 403, visit.gettext("This form is out of date. Load the page again"), "")
        if arrival.form is None:
            return _problem(visit, 400, visit.gettext("This form can't be read"), "")
        needs = self.page.needs
        if needs is Entry.ANYBODY:
            return None
        if standing.who is None or (standing.is_halfway and needs is not Entry.HALFWAY):
            return visit.go(_with_return(visit, LOGIN))
        if isinstance(needs, Permission) and not visit.may(needs):
            return _problem(visit, 403, visit.gettext("Your role does not allow this"), "")
        assert standing.session is not None
        if self.page.is_dangerous and not standing.session.is_confirmed(visit.rooms.now()):
            return visit.go(_with_return(visit, CONFIRM))
        return None


def _known(visit: Visit, standing: Standing) -> Visit:
    assert standing.who is not None
    accepted = visit.request.headers.get("accept-language", "")
    language = choose(standing.who.language, accepted)
    return replace(visit, who=standing.who, session=standing.session, language=language)


def _with_return(visit: Visit, path: str) -> str:
    """Back to a page that was asked for; a form is not sent twice."""
    is_page = visit.request.method in origin.SAFE_METHODS and not visit.is_partial
    url = visit.request.url
    here = f"{url.path}?{url.query}" if url.query else url.path
    if not is_page:
        here = url.path.rpartition("/")[0] or "/admin/"
    return f"{path}?next={quote(here, safe='')}"


def _overtaken(visit: Visit, changed: ChangedMeanwhile) -> Response:
    back = changed.page or visit.request.url.path
    return visit.render("admin/overtaken.html", 409, differences=changed.differences, back=back)


def _problem(visit: Visit, status: int, title: str, detail: str) -> Response:
    return visit.render("admin/problem.html", status, title=title, detail=detail)
