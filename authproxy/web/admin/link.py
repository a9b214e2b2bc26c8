"""Where a one-time link leads: an administrator chooses a password and, at an activation, a second factor."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup
from starlette.responses import JSONResponse, Response

from authproxy.secondfactor import admin_activation, admin_links, admin_passwords, admin_totp
from authproxy.secondfactor.admin_activation import Enrolls, NotProved
from authproxy.secondfactor.admin_links import Link
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.web.admin.login import credential_of, may_try, place_of
from authproxy.web.admin.page import Entry, Page
from authproxy.web.admin.visit import Visit
from authproxy.web.enroll import pictures

PATH: Final = "/admin/link/{token}"


async def show(visit: Visit) -> Response:
    return await _page(visit, await _link(visit))


async def take_code(visit: Visit) -> Response:
    """Of the authenticator app; or only a password."""
    enrolls = admin_activation.app_of(visit.rooms.seeds, visit.path["token"], visit.form.get("code"))
    return await _finish(
        visit, enrolls, visit.gettext("That was not the code which the app shows now. Try again.")
    )


async def take_key(visit: Visit) -> Response:
    session, name = visit.path["token"], visit.form.get("name")
    enrolls = admin_activation.key_of(visit.rooms.keys, session, credential_of(visit), name)
    return await _finish(visit, enrolls, visit.gettext("The security key could not be registered. Try again."))


async def begin_key(visit: Visit) -> Response:
    link = await _link(visit)
    owner = admin_activation.owner_of(link.admin)
    session = visit.path["token"]
    return JSONResponse(await visit.change(lambda c: visit.rooms.keys.begin_registration(c, owner, session)))


async def _finish(visit: Visit, enrolls: Enrolls, unproved: str) -> Response:
    link = await _link(visit)
    if not may_try(visit):
        return await _page(visit, link, 429, visit.gettext("Too many attempts from your address. Wait a moment."))
    password = visit.form.raw("password")
    try:
        check_password(visit, link, password)
    except BadValue as error:
        return await _page(visit, link, 400, visit.gettext(str(error)))
    hashed = await visit.rooms.office.aside(lambda: admin_passwords.hashed(password))
    seeds, token, place = visit.rooms.seeds, visit.path["token"], place_of(visit)
    done = await visit.change(lambda c: admin_activation.finish(c, seeds, token, hashed, enrolls, place))
    if isinstance(done, NotProved):
        return await _page(visit, link, 400, unproved)
    return visit.render("admin/login/done.html", admin=done.admin, codes=done.codes)


def check_password(visit: Visit, link: Link, password: str) -> None:
    """Raises BadValue."""
    if password != visit.form.raw("again"):
        raise BadValue(visit.gettext("the two passwords are not the same"))
    admin_passwords.check_choice(password, link.admin)


async def _link(visit: Visit) -> Link:
    """Raises NotFound."""
    token, now = visit.path["token"], visit.rooms.now()
    link = await visit.read(lambda connection: admin_links.find_link(connection, token, now))
    if link is None:
        raise NotFound(visit.gettext(admin_activation.NO_LINK))
    return link


async def _page(visit: Visit, link: Link, status: int = 200, problem: str = "") -> Response:
    with_key = visit.query.get("with") == "key" or visit.request.url.path.endswith("/key")
    offer = admin_totp.offer(visit.rooms.seeds, link.admin, visit.path["token"])
    title = visit.gettext("QR code for your authenticator app")
    picture = await visit.rooms.office.aside(lambda: pictures.inline(offer.uri, title))
    return visit.render(
        "admin/login/link.html",
        status,
        admin=link.admin,
        link=link,
        path=PATH.format(token=visit.path["token"]),
        with_key=with_key,
        secret=offer.secret,
        picture=Markup(picture),  # noqa: S704  ours, with an escaped title
        problem=problem,
        shortest=admin_passwords.SHORTEST,
    )


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", PATH, Entry.ANYBODY, show),
    Page("POST", PATH, Entry.ANYBODY, take_code),
    Page("POST", f"{PATH}/key", Entry.ANYBODY, take_key),
    Page("POST", f"{PATH}/key/begin", Entry.ANYBODY, begin_key),
)
