"""Policies: what is asked of whom. Sections are this service's; two have other names here, which clients know."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import policies as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.api_policy import own_layer
from authproxy.secondfactor.applications import find_application
from authproxy.secondfactor.belongings import belongings
from authproxy.secondfactor.policy_merge import Effective
from authproxy.secondfactor.policy_set import Policy
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.rulebook import read_rules
from authproxy.secondfactor.users import user_by_id
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import FLAG, FREE, TEXT, many, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, Refusal

POLICY = record(policy_key=TEXT, policy_name=TEXT, is_global_policy=FLAG, sections=FREE)
_MOST_AT_ONCE = 100
_THEIRS = {"authentication": "authentication_policy"}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}
_FIELDS = {"new_user": "new_user_behavior", "authentication": "user_auth_behavior"}
_WORDS = {"allow": "no-mfa"}
_GIVEN = {theirs: ours for ours, theirs in _WORDS.items()}


def _list(connection: sa.Connection, asked: Asked) -> Part:
    return asked.part(domain.list_policies(connection), _shown)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(_policy(connection, asked.ids["policy_key"]))


def _global(connection: sa.Connection, asked: Asked) -> JsonValue:
    found = domain.global_policy(connection)
    if found is None:
        raise NotFound("there is no global policy")
    return _shown(found)


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    sections = _sections(asked.parameters.mapping("sections"))
    name = asked.parameters.required("policy_name")
    policy = domain.add_policy(connection, asked.actor, name, sections, address=asked.address)
    _apply(connection, asked, policy)
    return _shown(policy)


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    """Sections that are not named stay; those to be deleted decide nothing any more."""
    given, policy = asked.parameters, _policy(connection, asked.ids["policy_key"])
    name = given.text("policy_name") or None
    changed = _changed(policy, given.mapping("sections"), given.texts("sections_to_delete"))
    after = domain.change_policy(
        connection, asked.actor, policy, name=name, sections=changed, address=asked.address
    )
    _apply(connection, asked, after)
    return _shown(after)


def _apply(connection: sa.Connection, asked: Asked, policy: Policy) -> None:
    """To applications, by their keys."""
    if asked.parameters.is_given("apply_to_groups_in_apps"):
        raise Refusal(INVALID_PARAMETERS, "apply_to_groups_in_apps")
    for ikey in asked.parameters.texts("apply_to_apps"):
        try:
            application = find_application(connection, ikey)
        except NotFound:
            raise Refusal(INVALID_PARAMETERS, "apply_to_apps") from None
        domain.assign(connection, asked.actor, application.name, policy, address=asked.address)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        policy = _policy(connection, asked.ids["policy_key"])
    except NotFound:
        return ""
    if policy.is_global:
        raise Refusal(INVALID_PARAMETERS, "the global policy can't be deleted")
    domain.delete_policy(connection, asked.actor, policy, asked.address)
    return ""


def _copy(connection: sa.Connection, asked: Asked) -> JsonValue:
    policy = asked.given("policy_key", lambda key: _policy(connection, key))
    names = asked.parameters.texts("new_policy_names_list", _MOST_AT_ONCE)
    if not names:
        raise Refusal(INVALID_PARAMETERS, "new_policy_names_list")
    made = [
        domain.add_policy(connection, asked.actor, name, policy.sections, address=asked.address) for name in names
    ]
    return [_shown(each) for each in made]


def _change_many(connection: sa.Connection, asked: Asked) -> JsonValue:
    which = asked.with_parameters(dict(asked.parameters.mapping("policies_to_update"))).parameters
    changes = asked.with_parameters(dict(asked.parameters.mapping("policy_changes"))).parameters
    if which.flag("edit_all_policies"):
        wanted = domain.list_policies(connection)
    else:
        keys = which.texts("edit_list", _MOST_AT_ONCE)
        wanted = [_named(connection, key) for key in keys]
    if not wanted:
        raise Refusal(INVALID_PARAMETERS, "edit_list")
    after = []
    for policy in wanted:
        sections = _changed(policy, changes.mapping("sections"), changes.texts("sections_to_delete"))
        after.append(
            domain.change_policy(connection, asked.actor, policy, sections=sections, address=asked.address)
        )
    return [_shown(each) for each in after]


def _summary(connection: sa.Connection, asked: Asked) -> JsonValue:
    links = domain.list_links(connection)
    policies = domain.list_policies(connection)
    return {
        "policies": [
            {
                **_brief(policy),
                "apps": [
                    {"app_name": link.application, "group_key": link.group_id or None, "group_name": link.group}
                    for link in links
                    if link.policy_id == policy.id
                ],
            }
            for policy in policies
        ],
        "policy_count": len(policies),
    }


def _calculate(connection: sa.Connection, asked: Asked) -> JsonValue:
    """What applies to a user at an application, and who decided it."""
    application = asked.given("integration_key", lambda key: find_application(connection, key))
    user = asked.given("user_id", lambda user_id: user_by_id(connection, user_id))
    groups = frozenset(group.id for group in belongings(connection, [user.id])[user.id].groups)
    rules = read_rules(connection, asked.rooms.defaults)
    effective = rules.effective(application.name, groups, own_layer(application.name, application.policy))
    return {"policy_elements": _elements(effective), "sections": _their_sections(effective.values)}


def _elements(effective: Effective) -> list[JsonValue]:
    return [
        {
            "section": _THEIRS.get(name, name),
            "policy_key": layer.policy_id or None,
            "policy_name": layer.policy or None,
            "decided_by": layer.title,
        }
        for name, layer in effective.decided.items()
    ]


def _policy(connection: sa.Connection, key: str) -> Policy:
    """By key alone. Raises NotFound."""
    policy = domain.find_policy(connection, key)
    if policy.id != key:
        raise NotFound(f"there is no policy {key!r}")
    return policy


def _named(connection: sa.Connection, key: str) -> Policy:
    try:
        return _policy(connection, key)
    except NotFound:
        raise Refusal(INVALID_PARAMETERS, "edit_list") from None


# ---------------------------------------------------------------- their words and ours


def _changed(policy: Policy, given: Mapping[str, JsonValue], gone: list[str]) -> domain.Given:
    kept = {name: section for name, section in policy.sections.items() if _THEIRS.get(name, name) not in gone}
    return {**kept, **_sections(given)}


def _sections(given: Mapping[str, JsonValue]) -> dict[str, dict[str, object]]:
    return {_OURS.get(name, name): _section(_OURS.get(name, name), fields) for name, fields in given.items()}


def _section(name: str, fields: JsonValue) -> dict[str, object]:
    if not isinstance(fields, dict):
        raise Refusal(INVALID_PARAMETERS, name)
    theirs = _FIELDS.get(name)
    if theirs is None or theirs not in fields:
        return dict(fields)
    word = fields[theirs]
    return {"behavior": _GIVEN.get(str(word), word)}


def _their_sections(sections: Mapping[str, Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    return {_THEIRS.get(name, name): _their_section(name, fields) for name, fields in sections.items()}


def _their_section(name: str, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    if name not in _FIELDS:
        return dict(fields)
    word = str(fields["behavior"])
    return {_FIELDS[name]: _WORDS.get(word, word)}


def _brief(policy: Policy) -> dict[str, JsonValue]:
    return {"policy_key": policy.id, "policy_name": policy.name, "is_global_policy": policy.is_global}


def _shown(policy: Policy) -> JsonValue:
    return {**_brief(policy), "sections": _their_sections(policy.sections)}


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
_ALL = "/v2/policies"
_ONE = "/v2/policies/{policy_key}"
_CONTENT = "sections:object apply_to_apps:list"
OPERATIONS = (
    _op("GET", _ALL, _list, "Policies, the global one first", gives=many(POLICY), is_list=True),
    _op("POST", _ALL, _add, "Add a policy", f"policy_name! {_CONTENT}", POLICY),
    _op("GET", f"{_ALL}/global", _global, "The global policy", gives=POLICY),
    _op("GET", f"{_ALL}/summary", _summary, "Policies and where they are assigned",
        gives=record(policies=many(FREE), policy_count={"type": "integer"})),
    _op("GET", f"{_ALL}/calculate", _calculate, "What applies to a user at an application",
        "integration_key! user_id!", record(policy_elements=many(FREE), sections=FREE)),
    _op("POST", f"{_ALL}/copy", _copy, "Copy a policy under other names",
        "policy_key! new_policy_names_list:list!", many(POLICY)),
    _op("PUT", f"{_ALL}/update", _change_many, "Change several policies",
        "policies_to_update:object! policy_changes:object!", many(POLICY)),
    _op("GET", _ONE, _get, "One policy", gives=POLICY),
    _op("PUT", _ONE, _change, "Change a policy", f"policy_name sections_to_delete:list {_CONTENT}", POLICY),
    _op("DELETE", _ONE, _delete, "Delete a policy; where it was assigned nothing takes its place"),
)  # fmt: skip
