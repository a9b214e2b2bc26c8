"""``authproxy phone``: phones of users, and what activates them."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import sqlalchemy as sa

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.qr import print_qr, write_qr
from authproxy.model import JsonValue
from authproxy.secondfactor import phones
from authproxy.secondfactor.activations import DEFAULT_SECONDS, NewActivation, activate_phone
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.phone_history import push_stories
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.pipush_enrollment import NewPipush, enroll_pipush
from authproxy.secondfactor.refusals import NotDone, NotFound
from authproxy.secondfactor.users import User, find_user

_MARK = "DP"


@click.group("phone")
def command() -> None:
    """Phones of users: for pushes, calls, text messages and the codes of an app."""


@command.command("add")
@click.argument("user")
@click.option("--number", default="", help="international: +15555550100; none for a tablet")
@click.option("--name", default="", help="how the phone is called in lists")
@click.option("--type", "type_", type=click.Choice(phones.TYPES), default="mobile", show_default=True)
@click.option("--platform", default="", help="such as 'apple ios' or 'google android'")
@click.option("--extension", default="", help="digits to dial when a call is taken")
@service_command
def add(shell: Shell, user: str, number: str, name: str, type_: str, platform: str, extension: str) -> None:
    """Add a phone as the user's last. `authproxy phone activate` makes it take pushes."""
    with shell.writing() as connection:
        owner = find_user(connection, user, shell.mode)
        phone = phones.add_phone(connection, owner, number, name, type_, platform, extension)
        note(connection, shell_actor(), "phone add", owner.username, {"phone": phone.id, "type": phone.type})
    shell.show(as_json(phone), f"added {_called(phone)} ({phone.id}) of {owner.username}")


@command.command("list")
@click.argument("user", required=False)
@service_command
def list_(shell: Shell, user: str | None) -> None:
    """List a user's phones in order (push2 is the second that takes pushes), or everybody's."""
    with shell.reading() as connection:
        owner = find_user(connection, user, shell.mode) if user is not None else None
        rows = [as_json(phone) for phone in phones.list_phones(connection, owner)]
    columns = ["phone_id", "users", "number", "name", "type", "platform", "activated", "last_contact"]
    shell.show_list("phones", rows, columns, "no phones")


@command.command("show")
@click.argument("phone_id")
@service_command
def show(shell: Shell, phone_id: str) -> None:
    """Show one phone."""
    with shell.reading() as connection:
        phone = phones.find_phone(connection, phone_id)
    shell.show_fields(as_json(phone))


@command.command("pushes")
@click.argument("phone_id")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
@service_command
def pushes(shell: Shell, phone_id: str, limit: int) -> None:
    """What became of the last pushes to a phone: sent, delivered, opened, answered."""
    with shell.reading() as connection:
        phone = phones.find_phone(connection, phone_id)
        stories = push_stories(connection, phone.id, limit)
    rows: list[Shown] = [
        {
            "id": story.id,
            "username": story.username,
            "application": story.application,
            "created": iso(story.created),
            "sent": iso(story.sent_at),
            "delivered": iso(story.delivered_at),
            "opened": iso(story.opened_at),
            "status": story.status,
            "decided": iso(story.decided_at),
            "decided_by": story.decided_by,
        }
        for story in stories
    ]
    columns = ["created", "application", "sent", "delivered", "opened", "status", "decided"]
    shell.show_list("pushes", rows, columns, f"{_called(phone)} was not sent any push")


@command.command("delete")
@click.argument("phone_id")
@service_command
def delete(shell: Shell, phone_id: str) -> None:
    """Delete a phone: lost, stolen, replaced. Pushes that wait for it end, and its codes are refused."""
    with shell.writing() as connection:
        phone = phones.find_phone(connection, phone_id)
        phones.delete_phone(connection, phone)
        note(connection, shell_actor(), "phone delete", phone.id, {"users": list[JsonValue](phone.usernames)})
    shown: Shown = {"deleted": phone.id, "users": list[JsonValue](phone.usernames)}
    shell.show(shown, f"deleted {_called(phone)}")


@command.command("activate")
@click.argument("user_or_phone", metavar="USER-OR-PHONE")
@click.option(
    "--app",
    type=click.Choice(["web", "pipush"]),
    default="web",
    show_default=True,
    help="pipush: the privacyIDEA Authenticator",
)
@click.option("--valid", "seconds", type=int, default=DEFAULT_SECONDS, show_default=True)
@click.option("--qr", is_flag=True, help="print the QR code, also when the output is no terminal")
@click.option("--qr-svg", type=click.Path(path_type=Path), help="write the QR code to this SVG file")
@click.option("--qr-png", type=click.Path(path_type=Path), help="write the QR code to this PNG file")
@service_command
def activate(
    shell: Shell, user_or_phone: str, app: str, seconds: int, qr: bool, qr_svg: Path | None, qr_png: Path | None
) -> None:
    """Show the link that makes a phone take pushes. It can be used once; another one replaces it. With
    --app pipush it is for the privacyIDEA Authenticator to scan.

    For a user without a phone one is added.
    """
    base_url = _base_url(shell)
    with shell.writing() as connection:
        owner, phone = _find(shell, connection, user_or_phone)
        made = _activation(connection, app, owner, phone, base_url, seconds)
        note(connection, shell_actor(), "phone activate", owner.username, {"phone": phone.id})
        write_qr(made.url, qr_svg, qr_png)
    shown: Shown = {
        "phone_id": phone.id,
        "username": owner.username,
        "url": made.url,
        "code": made.code,
        "expires": iso(made.expires),
    }
    use = "scanned with" if app == "pipush" else "opened on"
    shell.show(shown, f"to be {use} {_called(phone)} of {owner.username} until {iso(made.expires)}\n{made.url}")
    if not shell.as_json and (qr or sys.stdout.isatty()):
        print_qr(made.url)


def _activation(
    connection: sa.Connection, app: str, owner: User, phone: PhoneRow, base_url: str, seconds: int
) -> NewActivation | NewPipush:
    if app == "pipush":
        return enroll_pipush(connection, owner, phone.id, base_url, seconds)
    return activate_phone(connection, owner.id, phone.id, base_url, seconds)


def _base_url(shell: Shell) -> str:
    web = shell.opened.settings.service.web
    if web is None:
        raise NotDone("phones are activated in the browser: set base_url in [service] to have the web side")
    return web.base_url


def _find(shell: Shell, connection: sa.Connection, text: str) -> tuple[User, PhoneRow]:
    """A phone by ID with its user, or a user with the only phone."""
    if text.strip().upper().startswith(_MARK):
        try:
            phone = phones.find_phone(connection, text)
        except NotFound:
            pass  # a user may be called so
        else:
            return _only_user(shell, connection, phone), phone
    owner = find_user(connection, text, shell.mode)
    own = phones.list_phones(connection, owner)
    if len(own) > 1:
        listed = ", ".join(f"{phone.id} ({_called(phone)})" for phone in own)
        raise NotDone(f"{owner.username} has several phones, say which: {listed}")
    return owner, own[0] if own else phones.add_phone(connection, owner)


def _only_user(shell: Shell, connection: sa.Connection, phone: PhoneRow) -> User:
    if not phone.usernames:
        raise NotDone(f"{phone.id} is nobody's")
    if len(phone.usernames) > 1:
        raise NotDone(f"{phone.id} has several users: {', '.join(phone.usernames)}")
    return find_user(connection, phone.usernames[0], shell.mode)


def _called(phone: PhoneRow) -> str:
    return phone.name or phone.number or "a phone"


def as_json(phone: PhoneRow) -> Shown:
    """The keys are an interface. ``activated`` is how it takes pushes."""
    return {
        "phone_id": phone.id,
        "users": list[JsonValue](phone.usernames),
        "number": phone.number,
        "extension": phone.extension,
        "name": phone.name,
        "type": phone.type,
        "platform": phone.platform,
        "activated": phone.app or None,
        "activated_at": iso(phone.app_since),
        "last_contact": iso(phone.last_contact),
        "clock_offset": phone.clock_offset,
        "notifications": phone.permission or None,
        "created": iso(phone.created),
    }
