"""Directories that users come from: their settings, their syncs, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.secondfactor import directories, sync_runs
from authproxy.secondfactor.directories import Directory
from authproxy.secondfactor.listing import Listing, Window
from authproxy.secondfactor.lost_update import ChangedMeanwhile, seal
from authproxy.secondfactor.refusals import BadValue, NotDone, NotFound
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.roster import DEFAULT_ATTRIBUTES, FIELDS, Kind
from authproxy.secondfactor.sync_desk import SyncDesk
from authproxy.secondfactor.sync_order import Order
from authproxy.secondfactor.sync_runs import Mode, Run
from authproxy.web.admin.lists import pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.form import Form

HOME: Final = "/admin/directories"
ONE: Final = f"{HOME}/{{directory}}"
_MINUTE: Final = 60
_KINDS: Final = [(str(Kind.ACTIVE_DIRECTORY), "Active Directory"), (str(Kind.OPENLDAP), "OpenLDAP")]
_MODES: Final = {str(mode): mode for mode in (Mode.INCREMENTAL, Mode.FULL, Mode.DRY)}


@dataclass(frozen=True, slots=True)
class Card:
    """A directory in a list. ``users``: how many it lists now."""

    directory: Directory
    users: int
    last: Run | None

    @property
    def is_running(self) -> bool:
        return self.last is not None and self.last.status == "running"


# ---------------------------------------------------------------- looking


async def show_all(visit: Visit) -> Response:
    cards = await visit.read(lambda c: [_card(c, each) for each in directories.list_directories(c)])
    return visit.render("admin/directories/list.html", cards=cards)


async def show(visit: Visit) -> Response:
    window = window_of(visit)

    def work(connection: sa.Connection) -> tuple[Card, Listing[Run]]:
        card = _card(connection, _find(connection, visit))
        return card, sync_runs.list_runs(connection, card.directory.id, window)

    card, runs = await visit.read(work)
    return visit.render(
        "admin/directories/show.html",
        card=card,
        runs=runs.rows,
        pages=pager(visit, runs, window),
        fields=[(field, card.directory.attribute_of(field)) for field in FIELDS],
        has_begun="begun" in visit.query,
    )


async def show_runs(visit: Visit) -> Response:
    """The last ones alone, for a page that looks again and again while one is running."""

    def work(connection: sa.Connection) -> tuple[Card, Listing[Run]]:
        card = _card(connection, _find(connection, visit))
        return card, sync_runs.list_runs(connection, card.directory.id, Window())

    card, runs = await visit.read(work)
    return visit.render("admin/directories/runs.html", card=card, runs=runs.rows, has_begun=False)


async def show_run(visit: Visit) -> Response:
    number = visit.path["run"]

    def work(connection: sa.Connection) -> tuple[Directory, Run]:
        directory = _find(connection, visit)
        wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 18 else 0
        run = sync_runs.find_run(connection, directory.id, wanted)
        if run is None:
            raise NotFound(f"{directory.name} has no sync {number}")
        return directory, run

    directory, run = await visit.read(work)
    return visit.render("admin/directories/run.html", directory=directory, run=run, most=sync_runs.MOST_LINES)


def _card(connection: sa.Connection, directory: Directory) -> Card:
    users = directories.users_of(connection, directory)
    return Card(directory, users, sync_runs.last_run(connection, directory.id))


def _find(connection: sa.Connection, visit: Visit) -> Directory:
    return directories.find_directory(connection, visit.path["directory"])


# ---------------------------------------------------------------- settings


async def ask_new(visit: Visit) -> Response:
    return _form(visit, "admin/directories/add.html", Directory(""))


async def add(visit: Visit) -> Response:
    wanted = _read(visit.form, Directory(""))

    def work(connection: sa.Connection) -> Directory:
        _check_client(visit, wanted)
        added = directories.add_directory(connection, wanted)
        visit.note(connection, "directory add", added.name, added.settings())
        return added

    try:
        added = await visit.change(work)
    except NotDone as error:
        return _form(visit, "admin/directories/add.html", wanted, str(error))
    return visit.go(f"{HOME}/{added.id}", visit.gettext("Added. Try it: a dry run changes nothing."))


async def ask_change(visit: Visit) -> Response:
    directory = await visit.read(lambda connection: _find(connection, visit))
    return _form(visit, "admin/directories/edit.html", directory, sealed=seal(directory.settings()))


async def change(visit: Visit) -> Response:
    old = await visit.read(lambda connection: _find(connection, visit))
    wanted = _read(visit.form, old)

    def work(connection: sa.Connection) -> None:
        _check_client(visit, wanted)
        now = _find(connection, visit)
        visit.check_unchanged(now.settings())
        new = directories.change_directory(connection, now, wanted)
        before, after = old.settings(), new.settings()
        differing = [key for key in after if before[key] != after[key]]
        was = {key: before[key] for key in differing}
        visit.note(connection, "directory set", new.name, {key: after[key] for key in differing}, was)

    try:
        await visit.change(work)
    except ChangedMeanwhile:
        raise
    except NotDone as error:
        return _form(visit, "admin/directories/edit.html", wanted, str(error), visit.form.raw("shown"))
    return visit.go(f"{HOME}/{old.id}", visit.gettext("Saved"))


async def ask_delete(visit: Visit) -> Response:
    card = await visit.read(lambda connection: _card(connection, _find(connection, visit)))
    return visit.render("admin/directories/delete.html", card=card)


async def delete(visit: Visit) -> Response:
    def work(connection: sa.Connection) -> str:
        directory = _find(connection, visit)
        directories.delete_directory(connection, directory)
        visit.note(connection, "directory delete", directory.name)
        return directory.name

    name = await visit.change(work)
    return visit.go(HOME, visit.gettext("%(name)s was removed; its users stay") % {"name": name})


def _form(visit: Visit, template: str, directory: Directory, problem: str = "", sealed: str = "") -> Response:
    return visit.render(
        template,
        400 if problem else 200,
        directory=directory,
        problem=problem,
        sealed=sealed,
        kinds=_KINDS,
        clients=[(name, name) for name in _desk(visit).sections()],
        fields=[(field, directory.attributes.get(field, "")) for field in FIELDS],
        defaults=DEFAULT_ATTRIBUTES,
        minutes=directory.interval // _MINUTE,
    )


def _read(form: Form, old: Directory) -> Directory:
    """What was filled in; checked when it is stored. An attribute that stays empty is the kind's own; ``-`` means
    that the field is not taken over."""
    attributes = {name: form.get(f"attribute_{name}") for name in FIELDS}
    return replace(
        old,
        name=form.get("name"),
        kind=form.get("kind"),
        client=form.get("client"),
        base_dn=form.get("base_dn"),
        group_dns=tuple(line for line in map(str.strip, form.raw("group_dns").splitlines()) if line),
        filter=form.get("filter"),
        attributes={name: "" if text == "-" else text for name, text in attributes.items() if text},
        region=form.get("region").upper(),
        adopts=form.has("adopts"),
        is_enabled=form.has("is_enabled"),
        interval=_number(form.get("minutes")) * _MINUTE,
        sends_invitations=form.has("sends_invitations"),
        shrink_limit=_number(form.get("shrink_limit")),
    )


def _number(text: str) -> int:
    """-1, which nothing may be, if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1


def _check_client(visit: Visit, directory: Directory) -> None:
    if directory.client not in _desk(visit).sections():
        raise BadValue(f"the configuration has no section [{directory.client}] that is an ad_client")


# ---------------------------------------------------------------- syncing


async def run(visit: Visit) -> Response:
    """Begins one; the page shows what becomes of it."""
    mode = _MODES.get(visit.form.get("mode"))
    if mode is None:
        raise BadValue("a sync is incremental, full or dry")
    return await _begin(visit, mode)


async def run_accepting(visit: Visit) -> Response:
    """A full one, whoever has left."""
    return await _begin(visit, Mode.FULL, accepts_shrink=True)


async def _begin(visit: Visit, mode: Mode, *, accepts_shrink: bool = False) -> Response:
    card = await visit.read(lambda connection: _card(connection, _find(connection, visit)))
    path = f"{HOME}/{card.directory.id}"
    if card.is_running:
        return visit.go(path, visit.gettext("A sync is running already"))
    _desk(visit).begin(Order(card.directory.id, mode, visit.actor, accepts_shrink=accepts_shrink))
    return visit.go(f"{path}?begun=1", visit.gettext("The sync has begun"))


async def run_one(visit: Visit) -> Response:
    """One user, now."""
    name = visit.form.get("username")
    if not name:
        raise BadValue("whom? A user name is needed")
    directory = await visit.read(lambda connection: _find(connection, visit))
    done = await _desk(visit).sync_user(directory.id, name, visit.actor)
    if done.status != "done":
        raise BadValue(done.problem)
    return visit.go(f"{HOME}/{directory.id}", f"{name}: {done.counts.sentence()}")


def _desk(visit: Visit) -> SyncDesk:
    desk = visit.rooms.syncs
    assert desk is not None
    return desk


PAGES: Final = (
    Page("GET", HOME, Permission.VIEW, show_all),
    Page("GET", f"{HOME}/add", Permission.MODIFY_SETTINGS, ask_new),
    Page("POST", f"{HOME}/add", Permission.MODIFY_SETTINGS, add),
    Page("GET", ONE, Permission.VIEW, show),
    Page("GET", f"{ONE}/edit", Permission.MODIFY_SETTINGS, ask_change),
    Page("POST", f"{ONE}/edit", Permission.MODIFY_SETTINGS, change),
    Page("GET", f"{ONE}/delete", Permission.MODIFY_SETTINGS, ask_delete),
    Page("POST", f"{ONE}/delete", Permission.MODIFY_SETTINGS, delete, is_dangerous=True),
    Page("GET", f"{ONE}/runs", Permission.VIEW, show_runs),
    Page("GET", f"{ONE}/runs/{{run}}", Permission.VIEW, show_run),
    Page("POST", f"{ONE}/run", Permission.MODIFY_USERS, run),
    Page("POST", f"{ONE}/run-accepting", Permission.MODIFY_USERS, run_accepting, is_dangerous=True),
    Page("POST", f"{ONE}/user", Permission.MODIFY_USERS, run_one),
)
