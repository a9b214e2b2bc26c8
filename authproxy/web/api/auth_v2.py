"""``/auth/v2``: the Auth API. Parameters in, the service's words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.routing import Route

from authproxy.model import JsonValue
from authproxy.secondfactor.authapi import ApiDevice, AuthCall, Preauth, Progress, Who
from authproxy.web.api.caller import Call
from authproxy.web.api.endpoint import Endpoint, OpenEndpoint
from authproxy.web.api.envelope import INVALID_PARAMETERS, MISSING_PARAMETERS, NOT_FOUND, Refusal
from authproxy.web.api.parameters import Parameters
from authproxy.web.site import Site

_FACTORS = ("auto", "push", "phone", "sms", "passcode", "prompt")
_LONGEST_PUSHINFO: Final = 20_000  # bytes
_MOST_PUSHINFO: Final = 100
_VERIFICATION_SECONDS: Final = 60
_DAY: Final = 86_400
_YEAR: Final = 366 * _DAY


def routes(site: Site) -> list[Route]:
    api = AuthV2(site)
    return [
        Route("/auth/v2/ping", OpenEndpoint(api.ping), methods=["GET"]),
        Route("/auth/v2/check", Endpoint(site, api.check), methods=["GET"]),
        Route("/auth/v2/logo", Endpoint(site, api.logo), methods=["GET"]),
        Route("/auth/v2/enroll", Endpoint(site, api.enroll), methods=["POST"]),
        Route("/auth/v2/enroll_status", Endpoint(site, api.enroll_status), methods=["POST"]),
        Route("/auth/v2/preauth", Endpoint(site, api.preauth), methods=["POST"]),
        Route("/auth/v2/auth", Endpoint(site, api.auth), methods=["POST"]),
        Route("/auth/v2/auth_status", Endpoint(site, api.auth_status), methods=["GET"]),
    ]


class AuthV2:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def ping(self) -> JsonValue:
        return {"time": int(self._site.now())}

    async def check(self, _call: Call) -> JsonValue:
        return {"time": int(self._site.now())}

    async def logo(self, _call: Call) -> Response:
        picture = await self._site.logo()
        if picture is None:
            raise Refusal(NOT_FOUND)
        return Response(picture, media_type="image/png")

    async def enroll(self, call: Call) -> JsonValue:
        """Without a username, the service makes one up."""
        given = call.parameters
        seconds = given.integer("valid_secs", 1, _YEAR, _DAY)
        enrollment = await self._site.auth.enroll(call.app, given.text("username"), seconds)
        return {
            "user_id": enrollment.user_id,
            "username": enrollment.username,
            "activation_code": enrollment.activation_code,
            "activation_url": enrollment.activation_url,
            "activation_barcode": enrollment.activation_barcode,
            "expiration": int(enrollment.expires),
        }

    async def enroll_status(self, call: Call) -> JsonValue:
        user_id, code = call.parameters.required("user_id"), call.parameters.required("activation_code")
        return await self._site.auth.enroll_status(call.app, user_id, code)

    async def preauth(self, call: Call) -> JsonValue:
        given = call.parameters
        has_prompt = given.flag("text_prompt")
        preauth = await self._site.auth.preauth(
            call.app,
            _who(given),
            AuthCall("auto", ip_address=whence(given), hostname=given.text("hostname")),
            text_prompt=has_prompt,
            verified_push=given.flag("client_supports_verified_push"),
        )
        return {**_preauth(preauth), **(_prompt(preauth) if has_prompt else {})}

    async def auth(self, call: Call) -> JsonValue:
        given = call.parameters
        who, asked = _who(given), _call(given)
        if given.flag("async"):
            return {"txid": await self._site.auth.begin(call.app, who, asked)}
        return _progress(await self._site.auth.auth(call.app, who, asked))

    async def auth_status(self, call: Call) -> JsonValue:
        return _progress(await self._site.auth.progress(call.app, call.parameters.required("txid")))


# ---------------------------------------------------------------- what clients send


def _who(given: Parameters) -> Who:
    username, user_id = given.text("username"), given.text("user_id")
    if username and user_id:
        raise Refusal(INVALID_PARAMETERS, "username")
    if not username and not user_id:
        raise Refusal(MISSING_PARAMETERS, "username")
    return Who(username, user_id)


def _call(given: Parameters) -> AuthCall:
    factor = given.required("factor").lower()
    if factor not in _FACTORS:
        raise Refusal(INVALID_PARAMETERS, "factor")
    return AuthCall(
        factor,
        device=given.text("device"),
        passcode=given.required("passcode") if factor == "passcode" else "",
        word=given.typed("prompt") if factor == "prompt" else "",
        txid=given.text("txid"),
        ip_address=whence(given),
        hostname=given.text("hostname"),
        type=given.text("type"),
        display_username=given.text("display_username"),
        pushinfo=pushinfo(given),
    )


def whence(given: Parameters) -> str:
    """The client's word for where the login comes from: any text, for some clients send a host's name."""
    return given.text("ipaddr")


def pushinfo(given: Parameters) -> Mapping[str, str]:
    """Decoded once: ``from=login%20portal&domain=example.com``."""
    text = given.text("pushinfo", _LONGEST_PUSHINFO)
    if len(text.encode()) > _LONGEST_PUSHINFO:
        raise Refusal(INVALID_PARAMETERS, "pushinfo")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PUSHINFO))
    except ValueError:
        raise Refusal(INVALID_PARAMETERS, "pushinfo") from None


# ---------------------------------------------------------------- what they are told


def _preauth(preauth: Preauth) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"result": preauth.result, "status_msg": preauth.message}
    if preauth.result == "auth":
        said["devices"] = [_device(device) for device in preauth.devices]
    if preauth.enroll_portal_url:
        said["enroll_portal_url"] = preauth.enroll_portal_url
    if preauth.txid:
        said["txid"] = preauth.txid
        said["verification_code"] = preauth.verification_code
        said["expiration"] = _VERIFICATION_SECONDS
    return said


def _prompt(preauth: Preauth) -> dict[str, JsonValue]:
    text = shown(preauth)
    return {"prompt": {"text": text, "factors": dict(preauth.words)}} if text else {}


def shown(preauth: Preauth) -> str:
    """What a terminal shows: the menu, with the cursor behind it, or where to enroll."""
    if preauth.menu:
        return f"{preauth.menu.rstrip(': ')}: "
    return f"{preauth.message}: {preauth.enroll_portal_url}" if preauth.enroll_portal_url else ""


def _device(device: ApiDevice) -> JsonValue:
    said: dict[str, JsonValue] = {
        "device": device.device,
        "type": device.type,
        "name": device.name,
        "display_name": device.display_name,
    }
    if device.type == "phone":
        said["number"] = device.number
        said["capabilities"] = list(device.capabilities)
    if device.sms_nextcode:
        said["sms_nextcode"] = device.sms_nextcode
    return said


def _progress(progress: Progress) -> JsonValue:
    return {"result": progress.result, "status": progress.status, "status_msg": progress.message}
