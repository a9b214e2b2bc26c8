"""``/oauth/v1``: health_check, authorize and token, for unmodified clients of the Universal Prompt.

Parameters are taken from the query and from a form: clients differ. Whether an application is unknown, is of
another type or signs with another key is never told apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from twisted.logger import Logger

from authproxy.errors import SecretError, StoreUnavailable
from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.authorization_codes import redeem_code, use_assertion
from authproxy.secondfactor.prompt_stages import Browser
from authproxy.web.oidc.assertions import (
    Assertion,
    BadAssertion,
    Claims,
    claimed_issuer,
    client_assertion,
    sign,
    signed_claims,
)
from authproxy.web.oidc.authorize import Told, asked
from authproxy.web.pages.cookies import drop_cookie, set_cookie
from authproxy.web.pages.entrance import Arrival, serve
from authproxy.web.prompt.pages import trouble
from authproxy.web.prompt.rooms import PromptRooms, cookie_name, prompt_id, prompt_path
from authproxy.web.rates import Rates
from authproxy.web.refusals import Refusals
from authproxy.web.source import bucket

HEALTH_CHECK: Final = "/oauth/v1/health_check"
AUTHORIZE: Final = "/oauth/v1/authorize"
TOKEN: Final = "/oauth/v1/token"  # noqa: S105
TYPE: Final = "websdk"
_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TOKEN_SECONDS: Final = 300
_MOST_PROMPTS: Final = 20
_NOBODYS_KEY: Final = b"\x00" * 40  # as much work as with a key
_INVALID_CLIENT: Final = "The client could not be authenticated."

_log = Logger()

Answer = Callable[[Arrival, Mapping[str, str]], Awaitable[Response]]


class OAuthError(Exception):
    """``error``: a word of RFC 6749 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


def routes(rooms: PromptRooms, rates: Rates, refusals: Refusals) -> list[Route]:
    oidc = Oidc(rooms, rates, refusals)
    return [
        Route(HEALTH_CHECK, Endpoint(oidc.health_check), methods=["POST"]),
        Route(AUTHORIZE, Endpoint(oidc.authorize), methods=["GET", "POST"]),
        Route(TOKEN, Endpoint(oidc.token), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """As Starlette calls it."""

    answer: Answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answered(arrival: Arrival) -> Response:
            return await self.answer(arrival, _parameters(arrival))

        await serve(scope, receive, send, answered)


class Oidc:
    def __init__(self, rooms: PromptRooms, rates: Rates, refusals: Refusals) -> None:
        self._rooms = rooms
        self._rates = rates
        self._refusals = refusals

    # ------------------------------------------------------------ health_check

    async def health_check(self, arrival: Arrival, given: Mapping[str, str]) -> Response:
        try:
            await self._client(arrival, given, HEALTH_CHECK)
        except OAuthError as error:
            said = {"code": 40002, "message": error.error, "message_detail": error.description}
            return JSONResponse({"stat": "FAIL", "timestamp": self._now(), **said}, 400)
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=HEALTH_CHECK, problem=str(error))
            said = {"code": 50301, "message": "Service unavailable"}
            return JSONResponse({"stat": "FAIL", "timestamp": self._now(), **said}, 503)
        return JSONResponse({"stat": "OK", "response": {"timestamp": self._now()}})

    # ------------------------------------------------------------ authorize

    async def authorize(self, arrival: Arrival, given: Mapping[str, str]) -> Response:
        """Opens a prompt, and leads there."""
        try:
            app, claims = await self._signed_request(given)
            hosts = self._hosts(arrival)
            request = asked(app.ikey, claims, given, app.redirect_uris, hosts)
        except BadAssertion as error:
            _log.info("{path}: refused: {problem}", path=AUTHORIZE, problem=str(error))
            self._refusals.note(arrival.address, "a prompt that was asked for with a bad request")
            return trouble(arrival, "bad-request", 400)
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=AUTHORIZE, problem=str(error))
            return trouble(arrival, "unavailable", 503)
        self._rates.give_back(bucket(arrival.address))
        if isinstance(request, Told):
            return RedirectResponse(request.url, 302)
        agent = arrival.request.headers.get("user-agent", "")
        try:
            opened = await self._rooms.desk.open(request, Browser(arrival.address, agent))
        except StoreUnavailable as error:
            _log.error("{path}: {problem}", path=AUTHORIZE, problem=str(error))
            return trouble(arrival, "unavailable", 503)
        prompt = prompt_id(opened.cookie)
        response = RedirectResponse(prompt_path(prompt), 303)
        _forget_many(arrival, response)
        set_cookie(response, cookie_name(prompt), opened.cookie, self._rooms.seconds, samesite="lax")
        return response

    async def _signed_request(self, given: Mapping[str, str]) -> tuple[Application, Claims]:
        app = await self._application(given.get("client_id", ""))
        key = _NOBODYS_KEY if app is None else app.skey
        claims = signed_claims(given.get("request", ""), key, self._rooms.now())
        if app is None:
            raise BadAssertion("an unknown application")
        return app, claims

    # ------------------------------------------------------------ token

    async def token(self, arrival: Arrival, given: Mapping[str, str]) -> Response:
        try:
            return JSONResponse(await self._tokens(arrival, given))
        except OAuthError as error:
            return JSONResponse({"error": error.error, "error_description": error.description}, 400)
        except (StoreUnavailable, SecretError) as error:
            _log.error("{path}: {problem}", path=TOKEN, problem=str(error))
            return JSONResponse({"error": "server_error", "error_description": "Service unavailable"}, 503)

    async def _tokens(self, arrival: Arrival, given: Mapping[str, str]) -> dict[str, JsonValue]:
        app, assertion = await self._client(arrival, given, TOKEN)
        if given.get("grant_type") != "authorization_code":
            raise OAuthError("unsupported_grant_type", "grant_type must be authorization_code")
        if given.get("client_assertion_type", _BEARER) != _BEARER:
            raise OAuthError("invalid_request", f"client_assertion_type must be {_BEARER}")
        code, uri = given.get("code", ""), given.get("redirect_uri", "")
        claims = await self._rooms.office.change(
            lambda connection: redeem_code(connection, code, app.ikey, uri, self._rooms.now())
        )
        if claims is None:
            raise OAuthError("invalid_grant", "The code is unknown, used, expired or another's.")
        now = self._now()
        whole = {
            "iss": assertion.audience,
            "aud": app.ikey,
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            **claims,
        }
        token = sign(whole, app.skey)
        return {"id_token": token, "access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS}

    # ------------------------------------------------------------ who calls

    async def _client(
        self, arrival: Arrival, given: Mapping[str, str], endpoint: str
    ) -> tuple[Application, Assertion]:
        token = given.get("client_assertion", "")
        ikey = given.get("client_id", "") or claimed_issuer(token)
        app = await self._application(ikey)
        names = [f"{host}{endpoint}" for host in self._hosts(arrival)]
        try:
            key = _NOBODYS_KEY if app is None else app.skey
            assertion = client_assertion(token, ikey, key, names, self._rooms.now())
            if app is None:
                raise BadAssertion("an unknown application")
            if not await self._is_fresh(ikey, assertion):
                raise BadAssertion("its jti was used before")
        except BadAssertion as error:
            _log.info("{path}: refused: {problem}", path=endpoint, problem=str(error))
            self._refusals.note(arrival.address, "a client's assertion that proves nothing")
            raise OAuthError("invalid_client", _INVALID_CLIENT) from None
        self._rates.give_back(bucket(arrival.address))
        return app, assertion

    async def _is_fresh(self, ikey: str, assertion: Assertion) -> bool:
        return await self._rooms.office.change(
            lambda connection: use_assertion(connection, ikey, assertion.jti, assertion.expires, self._rooms.now())
        )

    async def _application(self, ikey: str) -> Application | None:
        app = await self._rooms.applications.find(ikey)
        return app if app is not None and app.type == TYPE else None

    def _hosts(self, arrival: Arrival) -> Collection[str]:
        """What this service is called: as configured, and as this client calls it."""
        called = {self._rooms.base_url, f"https://{arrival.request.headers.get('host', '')}"}
        return called | {host.removesuffix(":443") for host in called}

    def _now(self) -> int:
        return int(self._rooms.now())


def _forget_many(arrival: Arrival, response: Response) -> None:
    """A browser with too many prompts would send more than a request may hold."""
    open_ones = [name for name in arrival.request.cookies if name.startswith(cookie_name(""))]
    if len(open_ones) >= _MOST_PROMPTS:
        for name in open_ones:
            drop_cookie(response, name)


def _parameters(arrival: Arrival) -> dict[str, str]:
    """Of the query and of a form, which counts first."""
    form = {name: values[-1] for name, values in arrival.form.fields.items() if values} if arrival.form else {}
    return {**dict(arrival.request.query_params), **form}
