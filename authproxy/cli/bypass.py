"""``authproxy bypass``: codes for somebody without a device."""

from __future__ import annotations

import click

from authproxy.cli.amounts import counted
from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.secondfactor import bypass
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.users import find_user


@click.group("bypass")
def command() -> None:
    """Bypass codes: what the help desk gives to somebody without a device."""


@command.command("create")
@click.argument("user")
@click.option("--count", type=int, default=1, show_default=True, help="how many codes")
@click.option(
    "--uses", type=int, default=bypass.DEFAULT_USES, show_default=True, help="logins per code; 0: any number"
)
@click.option(
    "--valid", type=int, default=bypass.DEFAULT_SECONDS, show_default=True, help="seconds; 0: until used up"
)
@service_command
def create(shell: Shell, user: str, count: int, uses: int, valid: int) -> None:
    """Create bypass codes for a user. They are shown once."""
    with shell.writing() as connection:
        owner = find_user(connection, user, shell.mode)
        codes, expires = bypass.create_codes(connection, owner, shell.seeds(), count, uses, valid)
        detail: Shown = {"codes": count, "uses": uses, "valid": valid}
        note(connection, shell_actor(), "bypass create", owner.username, detail)
    shown: Shown = {
        "username": owner.username,
        "codes": list(codes),
        "uses": uses or None,
        "expires": iso(expires),
    }
    end = f"until {iso(expires)}" if expires else "until used up"
    shell.show(shown, "\n".join([*codes, f"for {owner.username}, {_logins(uses)} each, {end}"]))


def _logins(uses: int) -> str:
    return "1 login" if uses == 1 else f"{uses or 'any number of'} logins"


@command.command("list")
@click.argument("user")
@service_command
def list_(shell: Shell, user: str) -> None:
    """List what codes of a user still work (not the codes themselves)."""
    with shell.reading() as connection:
        owner = find_user(connection, user, shell.mode)
        rows: list[Shown] = [
            {"id": row.id, "uses_left": row.uses_left, "expires": iso(row.expires), "created": iso(row.created)}
            for row in bypass.list_codes(connection, owner)
        ]
    shell.show_list("bypass_codes", rows, ["id", "uses_left", "expires", "created"], "no bypass codes")


@command.command("revoke")
@click.argument("user")
@service_command
def revoke(shell: Shell, user: str) -> None:
    """Make all of a user's bypass codes worthless."""
    with shell.writing() as connection:
        owner = find_user(connection, user, shell.mode)
        count = bypass.revoke_codes(connection, owner)
        note(connection, shell_actor(), "bypass revoke", owner.username, {"codes": count})
    shell.show(
        {"username": owner.username, "revoked": count}, f"revoked {counted(count, 'code')} of {owner.username}"
    )
