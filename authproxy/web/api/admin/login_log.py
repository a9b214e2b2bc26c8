"""Logins: in the old form of the log (version 1) and the new (version 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from authproxy.model import JsonValue, LoginRecord
from authproxy.secondfactor import login_search
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.applications import list_applications
from authproxy.secondfactor.belongings import belongings, groups_of_users, users_by_id
from authproxy.secondfactor.groups import Group, group_by_id, list_members
from authproxy.secondfactor.listing import Excerpt, Total, Window
from authproxy.secondfactor.login_search import LoginFilter
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.users import User
from authproxy.web.api.admin import log_words as words
from authproxy.web.api.admin.briefs import isotime
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.shapes import FLAG, FREE, TEXT, WHOLE, many, maybe, record
from authproxy.web.api.admin.span import MOST, NOWHERE, SPAN, Span, offset, since, span
from authproxy.web.api.envelope import INVALID_PARAMETERS, Refusal

_DECIDED = ("accept", "reject")
_NOBODY = "\0"
_UNKNOWN = ("phone_numbers", "tokens", "assessment", "detections")
_MOST_MEMBERS = 200
_OLD_RESULTS = {"success": "SUCCESS", "denied": "FAILURE", "fraud": "FRAUD"}


@dataclass(frozen=True, slots=True)
class _People:
    """Who is meant by names in a log, and which keys applications have."""

    ids: Mapping[str, str]
    users: Mapping[str, User]
    groups: Mapping[str, Sequence[Group]]
    ikeys: Mapping[str, str]

    @classmethod
    def of(cls, connection: sa.Connection, asked: Asked, logins: Sequence[LoginRecord]) -> _People:
        ids = login_search.user_ids(connection, {login.username for login in logins}, asked.rooms.mode)
        found = list(dict.fromkeys(ids.values()))
        ikeys = {row.name: row.ikey for row in list_applications(connection)}
        return cls(ids, users_by_id(connection, found), groups_of_users(connection, found), ikeys)


def _logins(connection: sa.Connection, asked: Asked) -> JsonValue:
    part = span(connection, asked, login_search.place_of)
    wanted = replace(_wanted(connection, asked), since=part.since, until=part.until)
    found = login_search.search_logins(
        connection, wanted, part.limit, part.cursor, is_descending=part.is_descending
    )
    people = _People.of(connection, asked, found.rows)
    total = _total(connection, wanted, part, found)
    said: dict[str, JsonValue] = {"next_offset": _json(offset(found.next)), "total_objects": total.count}
    return {"authlogs": [_login(login, people) for login in found.rows], "metadata": said}


def _total(connection: sa.Connection, wanted: LoginFilter, part: Span, found: Excerpt[LoginRecord]) -> Total:
    """What has come whole need not be counted."""
    if part.cursor is None and found.next is None:
        return Total(len(found.rows), is_exact=True)
    return login_search.count_logins(connection, wanted)


def _wanted(connection: sa.Connection, asked: Asked) -> LoginFilter:
    given = asked.parameters
    for name in _UNKNOWN:
        if given.is_given(name):
            raise Refusal(INVALID_PARAMETERS, name)
    wanted = LoginFilter(results=_DECIDED)
    if given.is_given("event_types") and "authentication" not in given.texts("event_types"):
        return replace(wanted, results=(_NOBODY,))
    if given.is_given("factors"):
        wanted = replace(wanted, factors=words.with_factors(given.texts("factors")))
    if given.is_given("applications"):
        names = {row.ikey: row.name for row in list_applications(connection)}
        wanted = replace(wanted, applications=[names.get(each, each) for each in given.texts("applications")])
    if given.is_given("users") or given.is_given("groups"):
        wanted = replace(wanted, names=_names(connection, asked) or (_NOBODY,))
    if given.is_given("results"):
        wanted = replace(wanted, either=words.with_results(given.texts("results")))
    if given.is_given("reasons"):
        ways = words.with_reasons(given.texts("reasons"))
        wanted = replace(wanted, either=tuple(replace(way, either=wanted.either) for way in ways))
    return wanted


def _names(connection: sa.Connection, asked: Asked) -> list[str]:
    ids = asked.parameters.texts("users", _MOST_MEMBERS)
    for group_id in asked.parameters.texts("groups", _MOST_MEMBERS):
        try:
            group = group_by_id(connection, group_id)
        except NotFound:
            continue
        if group.members > _MOST_MEMBERS:
            raise Refusal(INVALID_PARAMETERS, f"groups: {group.name} has more than {_MOST_MEMBERS} members")
        ids += [user.id for user in list_members(connection, group, Window(_MOST_MEMBERS)).rows]
    found = users_by_id(connection, ids)
    theirs = belongings(connection, list(found))
    own = [user.username for user in found.values()]
    return own + [name for user_id in found for name in theirs[user_id].aliases.values()]


def _login(login: LoginRecord, people: _People) -> JsonValue:
    user_id = people.ids.get(login.username)
    user = people.users.get(user_id or "")
    groups = people.groups[user.id] if user else ()
    return {
        "access_device": {"ip": login.client_ip, "hostname": None, "location": {**NOWHERE}},
        "alias": "unknown",
        "application": {"key": people.ikeys.get(login.section, login.section), "name": login.section},
        "auth_device": {"ip": None, "key": None, "name": login.device or None, "location": {**NOWHERE}},
        "email": user.email if user else "",
        "event_type": "authentication",
        "factor": words.factor(login),
        "isotimestamp": isotime(login.at),
        "ood_software": None,
        "reason": words.reason(login),
        "result": words.result(login),
        "timestamp": int(login.at),
        "trusted_endpoint_status": "unknown",
        "txid": login.login_id,
        "user": {
            "groups": [f"{group.name} ({group.id})" for group in groups],
            "key": user_id,
            "name": login.username,
        },
    }


def _old_logins(connection: sa.Connection, asked: Asked) -> JsonValue:
    wanted = LoginFilter(since=since(asked), results=_DECIDED)
    found = login_search.search_logins(connection, wanted, MOST, is_descending=False)
    ikeys = {row.name: row.ikey for row in list_applications(connection)}
    return [_old_login(login, ikeys) for login in found.rows]


def _old_login(login: LoginRecord, ikeys: Mapping[str, str]) -> JsonValue:
    return {
        "timestamp": int(login.at),
        "isotimestamp": isotime(login.at),
        "txid": login.login_id,
        "username": login.username,
        "factor": words.shown_factor(login),
        "result": _OLD_RESULTS[words.result(login)],
        "reason": words.reason(login).replace("_", " ").capitalize(),
        "ip": login.client_ip or "",
        "integration": login.section,
        "ikey": ikeys.get(login.section, ""),
        "device": login.device,
        "new_enrollment": False,
        "location": {"city": "", "state": "", "country": ""},
    }


def _json(parts: list[str] | None) -> JsonValue:
    return None if parts is None else [*parts]


_LOGIN = record(
    access_device=FREE, alias=TEXT, application=record(key=TEXT, name=TEXT), auth_device=FREE, email=TEXT,
    event_type=TEXT, factor=TEXT, isotimestamp=TEXT, ood_software=maybe(TEXT), reason=TEXT, result=TEXT,
    timestamp=WHOLE, trusted_endpoint_status=TEXT, txid=TEXT,
    user=record(groups=many(TEXT), key=maybe(TEXT), name=TEXT),
)  # fmt: skip
_OLD_LOGIN = record(
    timestamp=WHOLE, isotimestamp=TEXT, txid=TEXT, username=TEXT, factor=TEXT, result=TEXT, reason=TEXT, ip=TEXT,
    integration=TEXT, ikey=TEXT, device=TEXT, new_enrollment=FLAG, location=FREE,
)  # fmt: skip
_FILTERS = "users:list groups:list applications:list factors:list results:list reasons:list event_types:list"
_op = table((ApiPermission.READ_LOG,), (ApiPermission.READ_LOG,))
OPERATIONS = (
    _op("GET", "/v1/logs/authentication", _old_logins, "Logins since a time, the oldest first", "mintime:integer",
        many(_OLD_LOGIN)),
    _op("GET", "/v2/logs/authentication", _logins, "Logins", f"{SPAN} {_FILTERS}",
        record(authlogs=many(_LOGIN),
               metadata=record(next_offset=maybe(many(TEXT)), total_objects=WHOLE))),
)  # fmt: skip
