"""What an application is told of a login in the prompt: the claims of an ID token, with ``auth_context``. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from authproxy.model import JsonValue, LoginRecord
from authproxy.secondfactor.admission import BYPASS_STATUS, NOT_ENROLLED
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.phone_location import Location
from authproxy.secondfactor.policy_gate import BY_POLICY, TRUSTED_NETWORK
from authproxy.secondfactor.prompt_stages import Browser, PromptRequest

SECURITY_KEY: Final = "security key"
REMEMBERED_DEVICE: Final = "remembered device"

# The words that clients know, as far as they have one for it.
_FACTORS: Final = {
    "push": ("duo_push", "user_approved"),
    "phone": ("phone_call", "user_approved"),
    "passcode": ("passcode", "valid_passcode"),
    "SMS passcode": ("sms_passcode", "valid_passcode"),
    "hardware token": ("hardware_token", "valid_passcode"),
    "bypass code": ("bypass_code", "valid_passcode"),
    SECURITY_KEY: ("security_key", "user_approved"),
    REMEMBERED_DEVICE: ("remembered_device", "remembered_device"),
    BYPASS_STATUS: ("not_available", "bypass_user"),
    NOT_ENROLLED: ("not_available", "allow_unenrolled_user"),
    TRUSTED_NETWORK: ("not_available", "trusted_network"),
    BY_POLICY: ("not_available", "bypass_user"),
}
_BROWSERS: Final = (
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/([\d.]+)")),
    ("Opera", re.compile(r"OPR/([\d.]+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/([\d.]+)")),
    ("Chrome", re.compile(r"(?:Headless)?(?:Chrome|CriOS)/([\d.]+)")),
    ("Safari", re.compile(r"Version/([\d.]+).* Safari/")),
)
_SYSTEMS: Final = (
    ("Windows", re.compile(r"Windows NT ([\d.]+)")),
    ("iOS", re.compile(r"(?:iPhone OS|CPU OS) ([\d_]+)")),
    ("Android", re.compile(r"Android ([\d.]+)")),
    ("Mac OS X", re.compile(r"Mac OS X ([\d_.]+)")),
    ("Chrome OS", re.compile(r"CrOS \S+ ([\d.]+)")),
    ("Linux", re.compile(r"Linux()")),
)


@dataclass(frozen=True, slots=True)
class Person:
    """The service's user, as far as there is one."""

    id: str = ""
    name: str = ""
    email: str = ""
    groups: Sequence[str] = ()


def claims_of(
    request: PromptRequest,
    app: Application,
    login: LoginRecord,
    person: Person,
    browser: Browser,
    location: Location,
) -> dict[str, JsonValue]:
    """But for those that the token endpoint knows (``iss``, ``aud``, ``iat``, ``exp``). ``location``: the
    browser's."""
    claims: dict[str, JsonValue] = {
        "sub": request.username,
        "preferred_username": request.username,
        "auth_time": int(login.at),
        "auth_result": {"result": "allow", "status": "allow", "status_msg": "Login Successful"},
        "auth_context": _context(app, login, person, browser, location),
    }
    if request.nonce:
        claims["nonce"] = request.nonce
    return claims


def _context(
    app: Application, login: LoginRecord, person: Person, browser: Browser, location: Location
) -> JsonValue:
    factor, reason = _FACTORS.get(login.factor, (login.factor, "user_approved"))
    return {
        "txid": login.login_id,
        "timestamp": int(login.at),
        "isotimestamp": datetime.fromtimestamp(login.at, UTC).isoformat(timespec="microseconds"),
        "user": {"name": person.name or login.username, "key": person.id, "groups": list(person.groups)},
        "application": {"key": app.ikey, "name": app.name},
        "auth_device": {"ip": None, "name": login.device or None, "location": _place(Location())},
        "access_device": _access_device(browser, location),
        "factor": factor,
        "event_type": "authentication",
        "result": "success",
        "reason": reason,
        "alias": "unknown",
        "email": person.email,
        "ood_software": None,
        "trusted_endpoint_status": "unknown",
    }


def _place(location: Location) -> JsonValue:
    """What is not known is null."""
    return {"city": location.city or None, "state": location.state or None, "country": location.country or None}


def _access_device(browser: Browser, location: Location) -> JsonValue:
    name, version = _found(_BROWSERS, browser.agent)
    system, system_version = _found(_SYSTEMS, browser.agent)
    return {
        "ip": browser.address,
        "hostname": None,
        "location": _place(location),
        "browser": name,
        "browser_version": version,
        "os": system,
        "os_version": system_version,
        "flash_version": "uninstalled",
        "java_version": "uninstalled",
        "is_encryption_enabled": "unknown",
        "is_firewall_enabled": "unknown",
        "is_password_set": "unknown",
        "epkey": None,
        "security_agents": [],
    }


def _found(patterns: Sequence[tuple[str, re.Pattern[str]]], agent: str) -> tuple[str, str]:
    """As the browser says; name and version."""
    for name, pattern in patterns:
        found = pattern.search(agent[:500])
        if found is not None:
            return name, found[1].replace("_", ".")
    return "", ""
