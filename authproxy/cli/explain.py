"""``authproxy explain``: why logins ended as they did, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
import sqlalchemy as sa

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.log_text import printable
from authproxy.model import LoginRecord
from authproxy.secondfactor.login_story import login_facts, story_of
from authproxy.secondfactor.refusals import NotFound
from authproxy.store.journal import find_logins

_MOST = 10_000


@click.command("explain")
@click.argument("about", metavar="[USER or ID]", required=False)
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="how many logins at most"
)
@service_command
def command(shell: Shell, about: str | None, limit: int) -> None:
    """Show recent logins step by step, the newest first: all, a user's, or the one that has an ID.

    A user is found as the name was typed at the login, or without its domain.
    """
    with shell.reading() as connection:
        logins = _find(connection, about, limit)
    text = "\n\n".join("\n".join(_lines(login)) for login in logins)
    shell.show({"logins": [as_json(login) for login in logins]}, text or "no logins")


def _find(connection: sa.Connection, about: str | None, limit: int) -> Sequence[LoginRecord]:
    if about is None:
        return find_logins(connection, limit=limit)
    found = find_logins(connection, login_id=about, limit=limit) or find_logins(
        connection, username=about, limit=limit
    )
    if not found:
        raise NotFound(f"no login has the user name or the ID {about!r}; `authproxy explain` shows all")
    return found


def as_json(login: LoginRecord) -> Shown:
    """The keys are an interface."""
    facts = login_facts(login)
    return {"login_id": facts.pop("login_id"), "time": iso(login.at), **facts}


def _lines(login: LoginRecord) -> Iterator[str]:
    """What came from the network is shown without control characters."""
    story = story_of(login)
    through = f" from {login.nas}" if login.nas else ""  # a browser comes through no appliance
    source = f" for {login.client_ip}" if login.client_ip else ""
    yield f"{login.login_id}  {iso(login.at)}  {printable(login.username)}{through}{source}"
    yield f"  [{login.section}] {story.outcome} after {story.elapsed:.1f} ms"
    width = max((len(step.stage) for step in story.steps), default=0)
    for step in story.steps:
        yield f"  {step.at:10.1f} ms  {step.stage:{width}}  {step.what}"
