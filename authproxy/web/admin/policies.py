"""Policies: the list, and one of them as a form."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import policies
from authproxy.secondfactor.lost_update import ChangedMeanwhile, seal
from authproxy.secondfactor.policy_set import Link, Policy
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.page import Page
from authproxy.web.admin.policy_form import TITLES, sections_of, sections_typed, wanted_by
from authproxy.web.admin.policy_places import HOME
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.form import Form

# ---------------------------------------------------------------- looking


async def show_all(visit: Visit) -> Response:
    def work(connection: sa.Connection) -> tuple[list[Policy], list[Link]]:
        return policies.list_policies(connection), policies.list_links(connection)

    found, links = await visit.read(work)
    return visit.render(
        "admin/policies/list.html",
        policies=found,
        places={each.id: [link.where for link in links if link.policy_id == each.id] for each in found},
        titles=TITLES,
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
        sections=sections_of(policy.sections) if form is None else sections_typed(form),
        links=links,
        problem=problem,
        sealed=sealed or seal(_told(policy)),
    )


def _told(policy: Policy) -> dict[str, JsonValue]:
    return {"name": policy.name, **{name: dict(fields) for name, fields in policy.sections.items()}}


def _found(connection: sa.Connection, visit: Visit) -> tuple[Policy, list[Link]]:
    policy = policies.find_policy(connection, visit.path["policy"])
    return policy, [link for link in policies.list_links(connection) if link.policy_id == policy.id]


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
    wanted = wanted_by(visit.form)

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


async def delete(visit: Visit) -> Response:
    def work(connection: sa.Connection) -> str:
        policy, _ = _found(connection, visit)
        policies.delete_policy(connection, visit.actor, policy, visit.address)
        return policy.name

    name = await visit.change(work)
    return visit.go(HOME, visit.gettext("Deleted: %(name)s") % {"name": name})


_VIEW, _EDIT = Permission.VIEW, Permission.MODIFY_SETTINGS
PAGES: Final[tuple[Page, ...]] = (
    Page("GET", HOME, _VIEW, show_all),
    Page("GET", f"{HOME}/add", _EDIT, ask_new),
    Page("POST", f"{HOME}/add", _EDIT, add),
    Page("GET", f"{HOME}/{{policy}}", _VIEW, show),
    Page("POST", f"{HOME}/{{policy}}", _EDIT, change),
    Page("POST", f"{HOME}/{{policy}}/delete", _EDIT, delete),
)
