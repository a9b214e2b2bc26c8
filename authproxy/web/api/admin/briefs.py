"""What stands inside other objects: a user without devices, a device without users. And how times are written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from authproxy.model import JsonValue
from authproxy.secondfactor.groups import Group
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.tokens import Token
from authproxy.secondfactor.users import User
from authproxy.web.api.admin import platforms
from authproxy.web.api.admin.shapes import FLAG, FREE, TEXT, WHOLE, many, maybe, record

SHOWN_ALIASES: Final = 4
MOST_ALIASES: Final = 8

_USER: Final = {
    "user_id": TEXT,
    "username": TEXT,
    "realname": TEXT,
    "firstname": TEXT,
    "lastname": TEXT,
    "email": TEXT,
    "status": TEXT,
    "notes": TEXT,
    "created": WHOLE,
    "last_login": maybe(WHOLE),
    "last_directory_sync": maybe(WHOLE),
    "is_enrolled": FLAG,
    "lockout_reason": maybe(TEXT),
    "enable_auto_prompt": FLAG,
    "custom_attributes": FREE,
    "alias1": maybe(TEXT),
    "alias2": maybe(TEXT),
    "alias3": maybe(TEXT),
    "alias4": maybe(TEXT),
    "aliases": FREE,
}
USER_BRIEF: Final = record(**_USER)
GROUP: Final = record(
    group_id=TEXT,
    name=TEXT,
    desc=TEXT,
    status=TEXT,
    push_enabled=FLAG,
    sms_enabled=FLAG,
    voice_enabled=FLAG,
    mobile_otp_enabled=FLAG,
)
_PHONE: Final = {
    "phone_id": TEXT,
    "number": TEXT,
    "extension": TEXT,
    "name": TEXT,
    "type": TEXT,
    "platform": TEXT,
    "model": TEXT,
    "activated": FLAG,
    "capabilities": many(TEXT),
    "sms_passcodes_sent": FLAG,
    "last_seen": TEXT,
    "predelay": maybe(WHOLE),
    "postdelay": maybe(WHOLE),
    "encrypted": TEXT,
    "fingerprint": TEXT,
    "screenlock": TEXT,
    "tampered": TEXT,
}
PHONE_BRIEF: Final = record(**_PHONE)
PHONE: Final = record(**_PHONE, users=many(USER_BRIEF))
_TOKEN: Final = {"token_id": TEXT, "type": TEXT, "serial": TEXT, "totp_step": maybe(WHOLE)}
TOKEN_BRIEF: Final = record(**_TOKEN)
TOKEN: Final = record(**_TOKEN, users=many(USER_BRIEF), admins=many(FREE))
WEBAUTHN_BRIEF: Final = record(
    webauthnkey=TEXT, credential_name=TEXT, date_added=WHOLE, label=TEXT, uv_capable=FLAG, transports=many(TEXT)
)
USER: Final = record(
    **_USER,
    groups=many(GROUP),
    phones=many(PHONE_BRIEF),
    tokens=many(TOKEN_BRIEF),
    u2ftokens=many(FREE),
    webauthncredentials=many(WEBAUTHN_BRIEF),
    desktop_authenticators=many(FREE),
)


def whole(at: float | None) -> int | None:
    """Seconds since the epoch."""
    return None if at is None else int(at)


def isotime(at: float) -> str:
    """With microseconds, always: parsers want them."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def status_of(user: User) -> str:
    is_locked = user.status == "active" and user.is_locked_out(time.time())
    return "locked out" if is_locked else user.shown_status


def user_brief(user: User, aliases: Mapping[int, str]) -> dict[str, JsonValue]:
    status = status_of(user)
    return {
        "user_id": user.id,
        "username": user.username,
        "realname": user.realname,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "email": user.email,
        "status": status,
        "notes": user.notes,
        "created": int(user.created),
        "last_login": whole(user.last_login),
        "last_directory_sync": whole(user.last_sync),
        "is_enrolled": user.is_enrolled,
        "lockout_reason": "Failed Attempts" if status == "locked out" else None,
        "enable_auto_prompt": True,
        "custom_attributes": dict(user.custom),
        **{f"alias{place}": aliases.get(place) for place in range(1, SHOWN_ALIASES + 1)},
        "aliases": {f"alias{place}": name for place, name in sorted(aliases.items())},
    }


def group_brief(group: Group) -> dict[str, JsonValue]:
    """Factors are no matter of groups, but of policies."""
    return {
        "group_id": group.id,
        "name": group.name,
        "desc": group.notes,
        "status": group.status.capitalize(),
        "push_enabled": False,
        "sms_enabled": False,
        "voice_enabled": False,
        "mobile_otp_enabled": False,
    }


def phone_brief(phone: PhoneRow, capabilities: Iterable[str], has_passcodes: bool) -> dict[str, JsonValue]:
    """``has_passcodes``: by SMS."""
    seen = phone.last_contact
    return {
        "phone_id": phone.id,
        "number": phone.number,
        "extension": phone.extension,
        "name": phone.name,
        "type": phone.type.capitalize(),
        "platform": platforms.shown(phone.platform),
        "model": "",
        "activated": bool(phone.app),
        "capabilities": list(capabilities),
        "sms_passcodes_sent": has_passcodes,
        "last_seen": "" if seen is None else datetime.fromtimestamp(seen, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "predelay": phone.predelay,
        "postdelay": phone.postdelay,
        "encrypted": "",
        "fingerprint": "",
        "screenlock": "",
        "tampered": "",
    }


def token_brief(token: Token) -> dict[str, JsonValue]:
    """Never with its secret."""
    return {
        "token_id": token.id,
        "type": token.type,
        "serial": token.serial,
        "totp_step": token.step if token.kind == "totp" else None,
    }
