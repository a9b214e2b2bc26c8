"""Administrators of the panel."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import administrators as domain
from authproxy.secondfactor.admin_links import NewLink, new_link
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.kept_choices import admin_methods, change_admin_methods
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.roles import Role
from authproxy.web.api.admin.briefs import whole
from authproxy.web.api.admin.operation import Asked, Part, listed, table
from authproxy.web.api.admin.shapes import FLAG, FREE, TEXT, WHOLE, many, maybe, record

_DAY = 86_400
_STATUSES = {"pending": "Pending Activation", "active": "Active", "disabled": "Disabled"}
ADMIN = record(
    admin_id=TEXT,
    name=TEXT,
    email=TEXT,
    phone=TEXT,
    role=TEXT,
    status=TEXT,
    last_login=maybe(WHOLE),
    created=WHOLE,
    password_change_required=FLAG,
    restricted_by_admin_units=FLAG,
    admin_units=many(FREE),
    hardtoken=maybe(FREE),
)
_PASSWORD = record(admin_id=TEXT, has_external_password_mgmt=FLAG)
_ACTIVATION = record(
    admin_activation_id=TEXT,
    admin_role=TEXT,
    code=TEXT,
    email=TEXT,
    email_sent=FLAG,
    expires=WHOLE,
    link=TEXT,
    message=TEXT,
    subject=TEXT,
    valid_days=WHOLE,
)
_FLAGS = (
    "push_enabled",
    "sms_enabled",
    "voice_enabled",
    "mobile_otp_enabled",
    "yubikey_enabled",
    "hardware_token_enabled",
    "verified_push_enabled",
)
_LENGTH = "verified_push_length"
_METHODS = record(**dict.fromkeys(_FLAGS, FLAG), **{_LENGTH: maybe(WHOLE)})


def _list(connection: sa.Connection, asked: Asked) -> Part:
    window = asked.window()
    return listed(domain.list_administrators(connection, window=window), window, _shown)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(_admin(connection, asked))


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    given = asked.parameters
    role = given.text("role") or Role.OWNER
    admin = domain.add_administrator(
        connection, given.required("email"), given.required("name"), role, given.text("phone")
    )
    asked.note(connection, "administrator add", admin.email, admin.told())
    return _shown(admin)


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    before, given = _admin(connection, asked), asked.parameters
    changes = {name: given.text(name) for name in ("name", "phone", "role", "status") if given.is_given(name)}
    if changes.get("status", "").lower() == "disabled" and before.role == Role.OWNER:
        raise BadValue("an Owner can't be disabled: give another role first")
    after = domain.change_administrator(connection, before, changes) if changes else before
    asked.note(connection, "administrator set", after.email, after.told(), before.told())
    return _shown(after)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        admin = _admin(connection, asked)
    except NotFound:
        return ""
    domain.delete_administrator(connection, admin)
    asked.note(connection, "administrator delete", admin.email, admin.told())
    return ""


def _unlock(connection: sa.Connection, asked: Asked) -> JsonValue:
    admin = _admin(connection, asked)
    domain.unlock_administrator(connection, admin)
    asked.note(connection, "administrator unlock", admin.email)
    return _shown(domain.find_administrator(connection, admin.id))


def _admin(connection: sa.Connection, asked: Asked) -> Administrator:
    """By ID alone. Raises NotFound."""
    admin = domain.find_administrator(connection, asked.ids["admin_id"])
    if admin.id != asked.ids["admin_id"]:
        raise NotFound("there is no such administrator")
    return admin


def _activate(connection: sa.Connection, asked: Asked) -> JsonValue:
    """A one-time link for somebody who is made an administrator, unless they are one who is pending."""
    given = asked.parameters
    email, days = given.required("email"), given.integer("valid_days", 1, 31, 7)
    if given.flag("send_email"):
        raise BadValue("send_email: the link is to be handed over by who asks for it")
    try:
        admin = domain.find_administrator(connection, email)
    except NotFound:
        role = given.text("admin_role") or Role.READ_ONLY
        admin = domain.add_administrator(connection, email, given.text("name") or email, role)
        asked.note(connection, "administrator add", admin.email, admin.told())
    if admin.status != "pending":
        raise BadValue(f"{admin.email} is active already")
    link = new_link(connection, admin, "activation", asked.rooms.now(), days * _DAY)
    asked.note(connection, "administrator link", admin.email, {"kind": link.kind, "expires": link.expires})
    return _activation(asked, admin, link, days)


def _activation(asked: Asked, admin: Administrator, link: NewLink, days: int) -> JsonValue:
    url = link.url(asked.rooms.base_url)
    return {
        "admin_activation_id": admin.id,
        "admin_role": admin.role,
        "code": link.token,
        "email": admin.email,
        "email_sent": False,
        "expires": int(link.expires),
        "link": url,
        "message": f"Open {url} to set your password and your second factor.",
        "subject": "Become an administrator",
        "valid_days": days,
    }


def _passwords(connection: sa.Connection, asked: Asked) -> Part:
    window = asked.window()
    return listed(domain.list_administrators(connection, window=window), window, _password_of)


def _password(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _password_of(_admin(connection, asked))


def _change_password(connection: sa.Connection, asked: Asked) -> JsonValue:
    """Nobody but administrators themselves sets their passwords."""
    admin = _admin(connection, asked)
    if asked.parameters.is_given("password") or asked.parameters.flag("has_external_password_mgmt"):
        raise BadValue("passwords of administrators can't be set by an application")
    return _password_of(admin)


def _password_of(admin: Administrator) -> JsonValue:
    return {"admin_id": admin.id, "has_external_password_mgmt": False}


def _methods(connection: sa.Connection, asked: Asked) -> JsonValue:
    return admin_methods(connection)


def _change_methods(connection: sa.Connection, asked: Asked) -> JsonValue:
    given, before = asked.parameters, admin_methods(connection)
    changes: dict[str, JsonValue] = {name: given.flag(name) for name in _FLAGS if given.is_given(name)}
    if changes.get("verified_push_enabled") or given.is_given(_LENGTH):
        changes[_LENGTH] = given.integer(_LENGTH, 3, 6, 3)
    elif changes.get("verified_push_enabled") is False:
        changes[_LENGTH] = None
    after = change_admin_methods(connection, changes)
    asked.note(connection, "administrator methods", "", after, before)
    return after


def _shown(admin: Administrator) -> JsonValue:
    return {
        "admin_id": admin.id,
        "name": admin.name,
        "email": admin.email,
        "phone": admin.phone,
        "role": admin.role,
        "status": _STATUSES[admin.status],
        "last_login": whole(admin.last_login),
        "created": int(admin.created),
        "password_change_required": False,
        "restricted_by_admin_units": False,
        "admin_units": [],
        "hardtoken": None,
    }


_op = table((ApiPermission.ADMINS, ApiPermission.ADMINS_READ), (ApiPermission.ADMINS,))
_ONE = "/v1/admins/{admin_id}"
OPERATIONS = (
    _op("GET", "/v1/admins", _list, "Administrators", gives=many(ADMIN), is_list=True),
    _op("POST", "/v1/admins", _add, "Add an administrator, who is pending", "email! name! phone role", ADMIN),
    _op("POST", "/v1/admins/activations", _activate, "A one-time link that makes somebody an administrator",
        "email! name admin_role valid_days:integer send_email:boolean", _ACTIVATION),
    _op("GET", "/v1/admins/allowed_auth_methods", _methods, "Kept for clients; nothing goes by it",
        gives=_METHODS),
    _op("POST", "/v1/admins/allowed_auth_methods", _change_methods, "Kept for clients; nothing goes by it",
        f"{' '.join(f'{name}:boolean' for name in _FLAGS)} {_LENGTH}:integer", _METHODS),
    _op("GET", "/v1/admins/password_mgmt", _passwords, "Nobody's password is managed elsewhere",
        gives=many(_PASSWORD), is_list=True),
    _op("GET", f"{_ONE}/password_mgmt", _password, "Nobody's password is managed elsewhere", gives=_PASSWORD),
    _op("POST", f"{_ONE}/password_mgmt", _change_password, "Refused: administrators set their own passwords",
        "has_external_password_mgmt:boolean password", _PASSWORD),
    _op("GET", _ONE, _get, "One administrator", gives=ADMIN),
    _op("POST", _ONE, _change, "Change an administrator", "name phone role status", ADMIN),
    _op("DELETE", _ONE, _delete, "Delete an administrator"),
    _op("POST", f"{_ONE}/reset", _unlock, "Let an administrator try again who is locked out", gives=ADMIN),
)  # fmt: skip
