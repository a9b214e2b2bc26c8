"""Policies: the list, one of them as a form, where they are assigned, and what applies to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import policies, policy_view
from authproxy.secondfactor.applications import list_applications
from authproxy.secondfactor.groups import Group, list_groups
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.lost_update import ChangedMeanwhile, seal
from authproxy.secondfactor.policies import Given
from authproxy.secondfactor.policy_sections import SECTIONS, Sections
from authproxy.secondfactor.policy_set import Link, Policy
from authproxy.secondfactor.refusals import BadValue, NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import find_user
from authproxy.web.admin.controls import Control, control, given
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.catalogue import _
from authproxy.web.pages.form import Form

HOME: Final = "/admin/policies"
_GROUPS_SHOWN: Final = Window(500)


_NAMED: Final = {
    "new_user": _("New users"),
    "authentication": _("Authentication"),
    "factors": _("Factors"),
    "verified_push": _("Verified push"),
    "remembered_devices": _("Remembered devices"),
    "trusted_networks": _("Trusted networks"),
    "user_location": _("Countries"),
    "security_keys": _("Security keys"),
    "self_service": _("Self-service"),
    "lockout": _("Lockout"),
}
_TITLES: Final = {name: _NAMED.get(name, name.replace("_", " ").capitalize()) for name in SECTIONS}


@dataclass(frozen=True, slots=True)
class SectionForm:
    """``is_decided``: whether the policy has it."""

    name: str
    title: str
    is_decided: bool
    controls: tuple[Control, ...]


# ---------------------------------------------------------------- looking


async def show_all(visit: Visit) -> Response:
    def work(connection: sa.Connection) -> tuple[list[Policy], list[Link]]:
        return policies.list_policies(connection), policies.list_links(connection)

    found, links = await visit.read(work)
    return visit.render(
        "admin/policies/list.html",
        policies=found,
        places={each.id: [link.where for link in links if link.policy_id == each.id] for each in found},
        titles=_TITLES,
        has_global=any(each.is_global for each in found),
    )


async def show(visit: Visit) -> Response:
    policy, links = await visit.read(lambda connection: _found(connection, visit))
    return _card(visit, policy, links)


def _card(
    visit: Visit, policy: Policy, links: list[Link], form: Form | None = None, problem: str = "", sealed: str = ""
) -> Response:
    """``sealed``: what the form was filled in on; empty: what is there now."""
    return visit.render(
        "admin/policies/show.html",
        400 if problem else 200,
        policy=policy,
        title=form.get("name") if form else policy.name,
        sections=_sections(policy.sections) if form is None else _typed_sections(form),
        links=links,
        problem=problem,
        sealed=sealed or seal(_told(policy)),
    )


def _told(policy: Policy) -> dict[str, JsonValue]:
    return {"name": policy.name, **{name: dict(fields) for name, fields in policy.sections.items()}}


def _found(connection: sa.Connection, visit: Visit) -> tuple[Policy, list[Link]]:
    policy = policies.find_policy(connection, visit.path["policy"])
    return policy, [link for link in policies.list_links(connection) if link.policy_id == policy.id]


def _sections(decided: Sections) -> list[SectionForm]:
    found = []
    for name, fields in SECTIONS.items():
        section = decided.get(name, {})
        controls = (
            control(
                f"{name}.{key}", key.replace("_", " "), field.kind, section.get(key, field.default), field.about
            )
            for key, field in fields.items()
        )
        found.append(SectionForm(name, _TITLES[name], name in decided, tuple(controls)))
    return found


# ---------------------------------------------------------------- changing


async def ask_new(visit: Visit) -> Response:
    is_global = visit.query.get("kind") == "global"
    return visit.render(
        "admin/policies/add.html", title=policies.GLOBAL if is_global else "", is_global=is_global, problem=""
    )


async def add(visit: Visit) -> Response:
    name, is_global = visit.form.get("name"), visit.form.has("is_global")

    def work(connection: sa.Connection) -> Policy:
        return policies.add_policy(connection, visit.actor, name, {}, is_global=is_global, address=visit.address)

    try:
        made = await visit.change(work)
    except NotDone as error:
        return visit.render("admin/policies/add.html", 400, title=name, is_global=is_global, problem=str(error))
    return visit.go(f"{HOME}/{made.id}", visit.gettext("Added. It decides nothing yet: choose what it shall."))


async def change(visit: Visit) -> Response:
    wanted = _wanted(visit.form)

    def work(connection: sa.Connection) -> Policy:
        before, _ = _found(connection, visit)
        visit.check_unchanged(_told(before))
        return policies.change_policy(
            connection, visit.actor, before, name=visit.form.get("name"), sections=wanted, address=visit.address
        )

    try:
        policy = await visit.change(work)
    except NotFound:
        raise
    except ChangedMeanwhile:
        policy, links = await visit.read(lambda connection: _found(connection, visit))
        told = visit.gettext("Somebody else has changed this policy meanwhile: look at it again.")
        return _card(visit, policy, links, visit.form, told)
    except NotDone as error:
        policy, links = await visit.read(lambda connection: _found(connection, visit))
        return _card(visit, policy, links, visit.form, str(error), visit.form.raw("shown"))
    return visit.go(f"{HOME}/{policy.id}", visit.gettext("Saved. It counts from the next login on."))


def _wanted(form: Form) -> Given:
    return {
        name: {key: given(form, f"{name}.{key}", field.kind) for key, field in fields.items()}
        for name, fields in SECTIONS.items()
        if form.has(f"has.{name}")
    }


def _typed_sections(form: Form) -> list[SectionForm]:
    """What was typed, though it can't be."""
    found = []
    for name, fields in SECTIONS.items():
        controls = []
        for key, field in fields.items():
            path = f"{name}.{key}"
            typed = given(form, path, field.kind)
            value = list(typed) if isinstance(typed, list) else typed if isinstance(typed, bool) else str(typed)
            controls.append(control(path, key.replace("_", " "), field.kind, value, field.about))
        found.append(SectionForm(name, _TITLES[name], form.has(f"has.{name}"), tuple(controls)))
    return found


async def delete(visit: Visit) -> Response:
    def work(connection: sa.Connection) -> str:
        policy, _ = _found(connection, visit)
        policies.delete_policy(connection, visit.actor, policy, visit.address)
        return policy.name

    name = await visit.change(work)
    return visit.go(HOME, visit.gettext("Deleted: %(name)s") % {"name": name})


# ---------------------------------------------------------------- assigning


async def show_assigned(visit: Visit) -> Response:
    application = visit.query.get("application", "")

    def work(connection: sa.Connection) -> tuple[list[str], list[Policy], list[Link], tuple[Group, ...]]:
        return (
            _applications(connection, visit),
            [each for each in policies.list_policies(connection) if not each.is_global],
            policies.list_links(connection, application),
            list_groups(connection, _GROUPS_SHOWN).rows,
        )

    names, found, links, groups = await visit.read(work)
    return visit.render(
        "admin/policies/assign.html",
        application=application,
        applications=[(name, name) for name in names],
        policies=[(each.id, each.name) for each in found],
        names={each.id: each.name for each in found},
        own=next((link.policy_id for link in links if not link.group_id), ""),
        links=[link for link in links if link.group_id],
        groups=[(each.id, each.name) for each in groups],
    )


def _applications(connection: sa.Connection, visit: Visit) -> list[str]:
    return sorted({*visit.rooms.sections, *(each.name for each in list_applications(connection))})


async def assign(visit: Visit) -> Response:
    form, application = visit.form, visit.form.get("application")

    def work(connection: sa.Connection) -> None:
        if application not in _applications(connection, visit):
            raise BadValue(visit.gettext("there is no such application"))
        if form.get("is_group") and not form.get("group"):
            raise BadValue(visit.gettext("a group is wanted"))
        policy = policies.find_policy(connection, form.get("policy")) if form.get("policy") else None
        policies.assign(connection, visit.actor, application, policy, form.get("group"), visit.address)

    await visit.change(work)
    return visit.go(_assigned(application), visit.gettext("Saved. It counts from the next login on."))


async def move_up(visit: Visit) -> Response:
    """One group, before the one that it stands behind."""
    application, group = visit.form.get("application"), visit.form.get("group")

    def work(connection: sa.Connection) -> None:
        ids = [link.group_id for link in policies.list_links(connection, application) if link.group_id]
        if group not in ids:
            raise NotFound(visit.gettext("the group has no policy there"))
        at = ids.index(group)
        if at:
            ids[at - 1], ids[at] = ids[at], ids[at - 1]
        policies.order_groups(connection, visit.actor, application, ids, visit.address)

    await visit.change(work)
    return visit.go(_assigned(application), visit.gettext("Saved. It counts from the next login on."))


def _assigned(application: str) -> str:
    return f"{HOME}/assigned?application={quote(application, safe='')}"


# ---------------------------------------------------------------- what applies


async def show_effective(visit: Visit) -> Response:
    application, name = visit.query.get("application", ""), visit.query.get("user", "").strip()

    def work(connection: sa.Connection) -> Response:
        seen, problem, mode = None, "", visit.rooms.settings.username_normalization
        try:
            user_id = find_user(connection, name, mode).id if name else None
            if application:
                seen = policy_view.view(connection, visit.rooms.defaults, application, user_id)
        except NotFound as error:
            problem = str(error)
        return visit.render(
            "admin/policies/effective.html",
            applications=[(each, each) for each in _applications(connection, visit)],
            application=application,
            user=name,
            seen=seen,
            titles=_TITLES,
            problem=problem,
        )

    return await visit.read(work)


_VIEW, _EDIT, _ASSIGN = Permission.VIEW, Permission.MODIFY_SETTINGS, Permission.MODIFY_APPLICATIONS
PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, _VIEW, show_all),
    Page("GET", f"{HOME}/add", _EDIT, ask_new),
    Page("POST", f"{HOME}/add", _EDIT, add),
    Page("GET", f"{HOME}/assigned", _VIEW, show_assigned),
    Page("POST", f"{HOME}/assigned", _ASSIGN, assign),
    Page("POST", f"{HOME}/order", _ASSIGN, move_up),
    Page("GET", f"{HOME}/effective", _VIEW, show_effective),
    Page("GET", f"{HOME}/{{policy}}", _VIEW, show),
    Page("POST", f"{HOME}/{{policy}}", _EDIT, change),
    Page("POST", f"{HOME}/{{policy}}/delete", _EDIT, delete),
)
