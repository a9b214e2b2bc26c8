"""``/rest/v1``: what ``login_duo`` and ``pam_duo`` before 2.2, and other old clients, speak. Answers are BSON with
``.bson``, JSON with ``.json`` or without a suffix.

A wrong passcode, an unknown word or a locked user is an answer, never an error: on an error these clients give up,
or let the user in without a second factor.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import AuthCall, Who
from authproxy.web.api.auth_v2 import pushinfo, shown, whence
from authproxy.web.api.caller import Call
from authproxy.web.api.endpoint import Answer, Endpoint, OpenEndpoint
from authproxy.web.api.envelope import INVALID_PARAMETERS, NOT_FOUND, Refusal
from authproxy.web.api.parameters import Parameters
from authproxy.web.site import Site

_SUFFIXES = ("", ".json", ".bson")
_BY_PHONE = ("push", "phone", "sms")


def routes(site: Site) -> list[Route]:
    api = RestV1(site)
    answers: list[tuple[str, str, Answer]] = [
        ("GET", "check", api.check),
        ("GET", "logo", api.logo),
        ("POST", "preauth", api.preauth),
        ("POST", "auth", api.auth),
        ("GET", "status", api.status),
    ]
    found = [
        Route(f"/rest/v1/{name}{suffix}", Endpoint(site, answer, as_bson=suffix == ".bson"), methods=[method])
        for method, name, answer in answers
        for suffix in _SUFFIXES
    ]
    for suffix in _SUFFIXES:
        ping = OpenEndpoint(api.ping, as_bson=suffix == ".bson")
        found.append(Route(f"/rest/v1/ping{suffix}", ping, methods=["GET"]))
    return found


class RestV1:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def ping(self) -> JsonValue:
        return "pong"

    async def check(self, _call: Call) -> JsonValue:
        return "valid"

    async def logo(self, _call: Call) -> Response:
        picture = await self._site.logo()
        if picture is None:
            raise Refusal(NOT_FOUND)
        return Response(picture, media_type="image/png")

    async def preauth(self, call: Call) -> JsonValue:
        given = call.parameters
        who = Who(given.required("user"))
        asked = AuthCall("auto", ip_address=whence(given), hostname=given.text("hostname"))
        preauth = await self._site.auth.preauth(call.app, who, asked, text_prompt=True)
        if preauth.result != "auth":
            return {"result": preauth.result, "status": shown(preauth) or preauth.message}
        return {"result": "auth", "prompt": shown(preauth), "factors": dict(preauth.words)}

    async def auth(self, call: Call) -> JsonValue:
        given = call.parameters
        who, asked = Who(given.required("user")), _call(given)
        if given.flag("async"):
            return {"txid": await self._site.auth.begin(call.app, who, asked)}
        progress = await self._site.auth.auth(call.app, who, asked)
        return {"result": progress.result, "status": progress.message}

    async def status(self, call: Call) -> JsonValue:
        """``result`` comes with the end: its absence says that there is none yet."""
        progress = await self._site.auth.progress(call.app, call.parameters.required("txid"))
        if progress.result == "waiting":
            return {"status": progress.message}
        return {"status": progress.message, "result": progress.result}


def _call(given: Parameters) -> AuthCall:
    factor, word = _factor_and_word(given)
    return AuthCall(
        factor,
        passcode=given.required("code") if factor == "passcode" else "",
        word=word,
        ip_address=whence(given),
        hostname=given.text("hostname"),
        pushinfo=pushinfo(given),
    )


def _factor_and_word(given: Parameters) -> tuple[str, str]:
    """``factor=push`` with ``phone=phone2`` is the word ``push2``."""
    factor = given.required("factor").lower()
    if factor == "auto":
        return "prompt", given.typed("auto")
    if factor == "passcode":
        return factor, ""
    number = given.text("phone").lower().removeprefix("phone")
    if factor not in _BY_PHONE or not ((number.isascii() and number.isdigit()) or not number):
        raise Refusal(INVALID_PARAMETERS, "phone" if factor in _BY_PHONE else "factor")
    return "prompt", f"{factor}{number}"
