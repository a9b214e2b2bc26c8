"""What administrators look after themselves: password, second factors, recovery codes, language, sessions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from babel import Locale
from markupsafe import Markup
from starlette.responses import JSONResponse, Response

from authproxy.secondfactor import admin_account, admin_passwords, admin_totp, recovery_codes
from authproxy.secondfactor.account_settings import account_id
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.security_keys import SecurityKey, keys_of
from authproxy.secondfactor.sessions import Session
from authproxy.secondfactor.webauthn import NotProven
from authproxy.web.admin.login import credential_of, owner_of, place_of, session_of
from authproxy.web.admin.page import Entry, Page
from authproxy.web.admin.visit import Visit
from authproxy.web.enroll import pictures
from authproxy.web.pages.catalogue import languages

HOME: Final = "/admin/account"


@dataclass(frozen=True, slots=True)
class Holdings:
    """``codes``: how many recovery codes are left. ``account``: the ID of the whole account."""

    account: str
    keys: list[SecurityKey]
    codes: int
    sessions: list[Session]


async def show(visit: Visit) -> Response:
    now = visit.rooms.now()

    def work(connection: sa.Connection) -> Holdings:
        return Holdings(
            account_id(connection),
            keys_of(connection, owner_of(visit)),
            recovery_codes.count_left(connection, visit.admin),
            admin_account.own_sessions(connection, visit.admin, now),
        )

    spoken = [("", visit.gettext("The browser's"))]
    spoken += [(language, Locale.parse(language).get_display_name() or language) for language in languages()]
    return visit.render("admin/account/show.html", holdings=await visit.read(work), languages=spoken)


# ---------------------------------------------------------------- password


async def ask_password(visit: Visit) -> Response:
    return visit.render("admin/account/password.html", problem="", shortest=admin_passwords.SHORTEST)


async def change_password(visit: Visit) -> Response:
    password = visit.form.raw("password")
    try:
        if password != visit.form.raw("again"):
            raise BadValue(visit.gettext("the two passwords are not the same"))
        admin_passwords.check_choice(password, visit.admin)
    except BadValue as error:
        shortest = admin_passwords.SHORTEST
        return visit.render(
            "admin/account/password.html", 400, problem=visit.gettext(str(error)), shortest=shortest
        )
    hashed = await visit.rooms.office.aside(lambda: admin_passwords.hashed(password))
    session, place = session_of(visit), place_of(visit)
    await visit.change(lambda c: admin_account.change_password(c, visit.admin, hashed, session, place))
    return visit.go(HOME, visit.gettext("Your password is changed. Your other sessions have ended."))


# ---------------------------------------------------------------- authenticator app


async def ask_app(visit: Visit) -> Response:
    return await _app_page(visit, secrets.token_urlsafe(16))


async def set_app(visit: Visit) -> Response:
    mark, code, place = visit.form.get("mark"), visit.form.get("code"), place_of(visit)
    seeds = visit.rooms.seeds
    try:
        await visit.change(lambda c: admin_account.replace_app(c, seeds, visit.admin, mark, code, place))
    except BadValue as error:
        return await _app_page(visit, mark, 400, str(error))
    return visit.go(HOME, visit.gettext("Your authenticator app is set up."))


async def _app_page(visit: Visit, mark: str, status: int = 200, problem: str = "") -> Response:
    offer = admin_totp.offer(visit.rooms.seeds, visit.admin, mark)
    title = visit.gettext("QR code for your authenticator app")
    picture = await visit.rooms.office.aside(lambda: pictures.inline(offer.uri, title))
    return visit.render(
        "admin/account/app.html",
        status,
        problem=problem,
        mark=mark,
        secret=offer.secret,
        picture=Markup(picture),  # noqa: S704  ours, with an escaped title
    )


async def forget_app(visit: Visit) -> Response:
    await visit.change(lambda c: admin_account.forget_app(c, visit.admin, place_of(visit)))
    return visit.go(HOME, visit.gettext("Your authenticator app is forgotten."))


# ---------------------------------------------------------------- security keys


async def ask_key(visit: Visit) -> Response:
    return visit.render("admin/account/key.html", problem="")


async def begin_key(visit: Visit) -> Response:
    owner, session = owner_of(visit), session_of(visit)
    return JSONResponse(await visit.change(lambda c: visit.rooms.keys.begin_registration(c, owner, session.id)))


async def add_key(visit: Visit) -> Response:
    owner, session, answer = owner_of(visit), session_of(visit), credential_of(visit)
    name, keys = visit.form.get("name"), visit.rooms.keys
    found = await visit.change(
        lambda c: keys.finish_registration(c, owner, session.id, answer, name, visit.actor, visit.address)
    )
    if isinstance(found, NotProven):
        return visit.render("admin/account/key.html", 400, problem=visit.gettext(found.why.sentence))
    return visit.go(HOME, visit.gettext("Your security key is registered."))


async def forget_key(visit: Visit) -> Response:
    key_id = visit.path["key"]
    await visit.change(lambda c: admin_account.forget_key(c, visit.admin, key_id, place_of(visit)))
    return visit.go(HOME, visit.gettext("The security key is forgotten."))


# ---------------------------------------------------------------- codes, language, sessions


async def new_codes(visit: Visit) -> Response:
    seeds, place = visit.rooms.seeds, place_of(visit)
    codes = await visit.change(lambda c: admin_account.new_codes(c, seeds, visit.admin, place))
    return visit.render("admin/account/codes.html", codes=codes)


async def change_language(visit: Visit) -> Response:
    language = visit.form.get("language")
    if language and language not in languages():
        raise BadValue(f"there is no language {language!r}")
    await visit.change(lambda c: admin_account.change_language(c, visit.admin, language, place_of(visit)))
    return visit.go(HOME)


async def end_session(visit: Visit) -> Response:
    session_id, admin = visit.path["session"], visit.admin
    await visit.change(lambda c: admin_account.end_session(c, admin, session_id, visit.actor, visit.address))
    return visit.go(HOME, visit.gettext("The session has ended."))


async def end_others(visit: Visit) -> Response:
    admin, own = visit.admin, session_of(visit)
    await visit.change(lambda c: admin_account.end_sessions(c, admin, visit.actor, visit.address, own))
    return visit.go(HOME, visit.gettext("Your other sessions have ended."))


_ALL = Entry.ADMINISTRATOR
PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, _ALL, show),
    Page("GET", f"{HOME}/password", _ALL, ask_password, is_dangerous=True),
    Page("POST", f"{HOME}/password", _ALL, change_password, is_dangerous=True),
    Page("GET", f"{HOME}/app", _ALL, ask_app, is_dangerous=True),
    Page("POST", f"{HOME}/app", _ALL, set_app, is_dangerous=True),
    Page("POST", f"{HOME}/app/forget", _ALL, forget_app, is_dangerous=True),
    Page("GET", f"{HOME}/keys/add", _ALL, ask_key, is_dangerous=True),
    Page("POST", f"{HOME}/keys/add", _ALL, add_key, is_dangerous=True),
    Page("POST", f"{HOME}/keys/begin", _ALL, begin_key, is_dangerous=True),
    Page("POST", f"{HOME}/keys/{{key}}/forget", _ALL, forget_key, is_dangerous=True),
    Page("POST", f"{HOME}/codes", _ALL, new_codes, is_dangerous=True),
    Page("POST", f"{HOME}/language", _ALL, change_language),
    Page("POST", f"{HOME}/sessions/{{session}}/end", _ALL, end_session),
    Page("POST", f"{HOME}/sessions/end", _ALL, end_others),
)
