"""Integrations: the applications that have keys."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import applications as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.api_policy import NEW_USER_POLICIES, NORMALIZATIONS
from authproxy.secondfactor.applications import ApplicationRow
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.web.api.admin.operation import Answer, Asked, Operation, Part, listed, table
from authproxy.web.api.admin.shapes import ANYTHING, FREE, TEXT, WHOLE, many, record
from authproxy.web.api.envelope import FORBIDDEN, INVALID_PARAMETERS, Refusal

_ACCESS = ("ALL_USERS", "PERMITTED_GROUPS", "NO_USERS")
_NOBODY = "NO_USERS"
_REFUSES = "authentication"  # the section of a policy that says so
_LONGEST_NOTES = 4096
_KEPT: Mapping[str, JsonValue] = {
    "greeting": "",
    "visual_style": "default",
    "trusted_device_days": 0,
    "ip_whitelist": [],
    "ip_whitelist_enroll_policy": None,
    "networks_for_api_access": "",
    "frameless_auth_prompt_enabled": 1,
    "prompt_v4_enabled": 1,
    "missing_web_referer_policy": "deny",
    "web_referers_enabled": 0,
    "sso": {},
    "policy_key": None,
}
_KEPT_TEXTS = (
    "greeting",
    "visual_style",
    "ip_whitelist_enroll_policy",
    "networks_for_api_access",
    "missing_web_referer_policy",
)
_KEPT_FLAGS = ("frameless_auth_prompt_enabled", "prompt_v4_enabled", "web_referers_enabled")
INTEGRATION = record(
    integration_key=TEXT,
    secret_key=TEXT,
    name=TEXT,
    type=TEXT,
    notes=TEXT,
    enroll_policy=TEXT,
    username_normalization_policy=TEXT,
    groups_allowed=many(TEXT),
    user_access=TEXT,
    self_service_allowed=WHOLE,
    **{name: ANYTHING for name in _KEPT if name != "sso"},
    sso=FREE,
    **{str(permission): WHOLE for permission in ApiPermission},
)


def _list(connection: sa.Connection, asked: Asked) -> Part:
    window = asked.window()
    listing = domain.list_some_applications(connection, window)
    return listed(listing, window, lambda row: _shown(connection, asked, row))


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(connection, asked, _row(connection, asked))


def _secret(connection: sa.Connection, asked: Asked) -> JsonValue:
    row = _row(connection, asked)
    _check_reach(asked, row)
    return {"secret_key": domain.secret_key(connection, asked.rooms.seeds, row)}


def _is_in_reach(asked: Asked, row: ApplicationRow) -> bool:
    """Whether with that application's keys the caller could do no more than it may do itself."""
    return asked.may(ApiPermission.SET_PERMISSIONS) or {*row.permissions} <= {*asked.app.permissions}


def _check_reach(asked: Asked, row: ApplicationRow) -> None:
    """Raises Refusal."""
    if not _is_in_reach(asked, row):
        raise Refusal(FORBIDDEN, "The integration may do what the application may not.")


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    given = asked.parameters
    name, type_ = given.required("name"), given.required("type")
    _check_permissions(asked)
    keys = domain.add_application(connection, asked.rooms.seeds, name, type_)
    row = domain.find_application(connection, keys.ikey)
    domain.change_application(connection, row, _changes(asked, row))
    after = domain.find_application(connection, keys.ikey)
    asked.note(connection, "application add", after.name, _told(after))
    return _shown(connection, asked, after)


def _change(connection: sa.Connection, asked: Asked) -> str:
    """The ikey of what was changed. What gains permissions gets a new secret key: the one it had may be known to
    callers who were not to have these."""
    row = _row(connection, asked)
    _check_permissions(asked)
    _check_reach(asked, row)
    resets = asked.parameters.is_given("reset_secret_key")
    if resets and row.ikey == asked.app.ikey:
        raise Refusal(FORBIDDEN, "An application can't change its own secret key.")
    domain.change_application(connection, row, _changes(asked, row))
    after = domain.find_application(connection, row.ikey)
    asked.note(connection, "application set", after.name, _told(after), _told(row))
    gained = sorted({*after.permissions} - {*row.permissions})
    if gained and row.ikey == asked.app.ikey:
        raise Refusal(FORBIDDEN, "An application can't give itself permissions.")
    if resets or gained:
        domain.rotate_key(connection, asked.rooms.seeds, after)
        asked.note(connection, "application rotate", after.name, {"ikey": after.ikey, "gained": [*gained]})
    return row.ikey


async def _changed(asked: Asked, ikey: str) -> Answer:
    asked.rooms.forget(ikey)

    def shown(connection: sa.Connection) -> JsonValue:
        return _shown(connection, asked, domain.find_application(connection, ikey))

    return await asked.rooms.office.read(shown)


def _delete(connection: sa.Connection, asked: Asked) -> str:
    row = _row(connection, asked)
    if row.ikey == asked.app.ikey:
        raise Refusal(FORBIDDEN, "An application can't delete itself.")
    _check_reach(asked, row)
    domain.delete_application(connection, row)
    asked.note(connection, "application delete", row.name, _told(row))
    return row.ikey


async def _deleted(asked: Asked, ikey: str) -> Response | JsonValue:
    asked.rooms.forget(ikey)
    return ""


def _row(connection: sa.Connection, asked: Asked) -> ApplicationRow:
    """By key alone. Raises NotFound."""
    row = domain.find_application(connection, asked.ids["integration_key"])
    if row.ikey != asked.ids["integration_key"]:
        raise NotFound("there is no such integration")
    return row


# ---------------------------------------------------------------- what is written


def _check_permissions(asked: Asked) -> None:
    """Raises Refusal: nobody gives what is not theirs to give."""
    if any(asked.parameters.is_given(name) for name in ApiPermission) and not asked.may(
        ApiPermission.SET_PERMISSIONS
    ):
        raise Refusal(FORBIDDEN, f"The application has no permission {ApiPermission.SET_PERMISSIONS}.")


def _changes(asked: Asked, row: ApplicationRow) -> dict[str, JsonValue]:
    given = asked.parameters
    changes: dict[str, JsonValue] = {}
    if given.is_given("name"):
        changes["name"] = given.required("name")
    if given.is_given("notes"):
        changes["notes"] = given.text("notes", _LONGEST_NOTES)
    if given.is_given("self_service_allowed"):
        changes["self_service"] = given.flag("self_service_allowed")
    if given.is_given("groups_allowed"):
        changes["groups_allowed"] = [*given.texts("groups_allowed")]
    match _access(asked):
        case "ALL_USERS":
            changes["groups_allowed"] = []
        case "PERMITTED_GROUPS" if not changes.get("groups_allowed", list(row.groups_allowed)):
            raise Refusal(INVALID_PARAMETERS, "groups_allowed")
    permissions = {name: given.flag(name) for name in ApiPermission if given.is_given(name)}
    if permissions:
        if row.type != "adminapi":
            raise BadValue("only an adminapi has permissions")
        kept = {name for name in row.permissions if permissions.get(ApiPermission(name), True)}
        changes["permissions"] = [*kept, *(name for name, is_on in permissions.items() if is_on)]
    return {**changes, "policy": _policy(asked, row), "extras": _extras(asked, row)}


def _policy(asked: Asked, row: ApplicationRow) -> dict[str, JsonValue]:
    policy = dict(row.policy)
    for name, key, words in (
        ("enroll_policy", "new_user_policy", NEW_USER_POLICIES),
        ("username_normalization_policy", "username_normalization", NORMALIZATIONS),
    ):
        if asked.parameters.is_given(name):
            word = asked.parameters.text(name).lower()
            if word not in words:
                raise Refusal(INVALID_PARAMETERS, name)
            policy[key] = word
    if access := _access(asked):
        policy.pop(_REFUSES, None)
        if access == _NOBODY:
            policy[_REFUSES] = {"behavior": "deny"}
    return policy


def _extras(asked: Asked, row: ApplicationRow) -> dict[str, JsonValue]:
    given, extras = asked.parameters, dict(row.extras)
    extras |= {name: given.text(name) for name in _KEPT_TEXTS if given.is_given(name)}
    extras |= {name: int(given.flag(name)) for name in _KEPT_FLAGS if given.is_given(name)}
    if given.is_given("trusted_device_days"):
        extras["trusted_device_days"] = given.integer("trusted_device_days", 0, 365, 0)
    if given.is_given("ip_whitelist"):
        extras["ip_whitelist"] = [*given.texts("ip_whitelist")]
    if given.is_given("sso"):
        extras["sso"] = dict(given.mapping("sso"))
    return extras


def _access(asked: Asked) -> str:
    """Empty if not given. Raises Refusal."""
    word = asked.parameters.text("user_access").upper()
    if word and word not in _ACCESS:
        raise Refusal(INVALID_PARAMETERS, "user_access")
    return word


# ---------------------------------------------------------------- what is read


def _shown(connection: sa.Connection, asked: Asked, row: ApplicationRow) -> JsonValue:
    defaults = asked.rooms.defaults.service
    access = "PERMITTED_GROUPS" if row.groups_allowed else "ALL_USERS"
    is_in_reach = _is_in_reach(asked, row)
    return {
        "integration_key": row.ikey,
        "secret_key": domain.secret_key(connection, asked.rooms.seeds, row) if is_in_reach else "",
        "name": row.name,
        "type": row.type,
        "notes": row.notes,
        "enroll_policy": row.policy.get("new_user_policy") or defaults.new_user_policy,
        "username_normalization_policy": row.policy.get("username_normalization") or asked.rooms.mode,
        "groups_allowed": list(row.groups_allowed),
        "user_access": _NOBODY if row.policy.get(_REFUSES) == {"behavior": "deny"} else access,
        "self_service_allowed": int(row.self_service),
        **{name: row.extras.get(name, default) for name, default in _KEPT.items()},
        **{str(each): int(each in row.permissions) for each in ApiPermission},
    }


def _told(row: ApplicationRow) -> dict[str, JsonValue]:
    return {
        "ikey": row.ikey,
        "name": row.name,
        "type": row.type,
        "notes": row.notes,
        "policy": dict(row.policy),
        "permissions": list(row.permissions),
        "groups_allowed": list(row.groups_allowed),
        "self_service": row.self_service,
    }


_PERMISSIONS = " ".join(f"{permission}:boolean" for permission in ApiPermission)
_DETAILS = (
    "notes greeting visual_style enroll_policy username_normalization_policy trusted_device_days:integer "
    "ip_whitelist:list ip_whitelist_enroll_policy networks_for_api_access groups_allowed:list user_access "
    f"self_service_allowed:boolean sso:object {_PERMISSIONS}"
)
_op = table((ApiPermission.INTEGRATIONS,), (ApiPermission.INTEGRATIONS,))


def _versions(version: int) -> tuple[Operation, ...]:
    base = f"/v{version}/integrations"
    one = f"{base}/{{integration_key}}"
    return (
        _op("GET", base, _list, "Applications", gives=many(INTEGRATION), is_list=True),
        _op("POST", base, _add, "Add an application", f"name! type! {_DETAILS}", INTEGRATION),
        _op("GET", one, _get, "One application", gives=INTEGRATION),
        _op("POST", one, _change, "Change an application", f"name reset_secret_key {_DETAILS}", INTEGRATION,
            then=_changed),
        _op("DELETE", one, _delete, "Delete an application: it is refused from now on", then=_deleted),
    )  # fmt: skip


OPERATIONS = (
    *_versions(1),
    *_versions(2),
    *_versions(3),
    _op(
        "GET",
        "/v1/integrations/{integration_key}/skey",
        _secret,
        "Its secret key",
        gives=record(secret_key=TEXT),
    ),
)
