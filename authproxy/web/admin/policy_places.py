"""Where policies are assigned, and what applies to whom."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor import policies, policy_view
from authproxy.secondfactor.applications import list_applications
from authproxy.secondfactor.groups import Group, list_groups
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.policy_set import Link, Policy
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.users import find_user
from authproxy.web.admin.page import Page
from authproxy.web.admin.policy_form import TITLES
from authproxy.web.admin.visit import Visit

HOME: Final = "/admin/policies"
_GROUPS_SHOWN: Final = Window(500)


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
            titles=TITLES,
            problem=problem,
        )

    return await visit.read(work)


PAGES: Final[tuple[Page, ...]] = (
    Page("GET", f"{HOME}/assigned", Permission.VIEW, show_assigned),
    Page("POST", f"{HOME}/assigned", Permission.MODIFY_APPLICATIONS, assign),
    Page("POST", f"{HOME}/order", Permission.MODIFY_APPLICATIONS, move_up),
    Page("GET", f"{HOME}/effective", Permission.VIEW, show_effective),
)
