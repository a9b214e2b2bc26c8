"""``authproxy token``: hardware tokens."""

from __future__ import annotations

import time
from pathlib import Path

import click

from authproxy.cli.amounts import counted
from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.rowfile import FILE, read_bytes, read_key, read_line, read_rows, refuse
from authproxy.secondfactor import token_rows, tokens
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rows import BadRow
from authproxy.secondfactor.token_rows import NewToken
from authproxy.secondfactor.tokens import Token, find_token
from authproxy.secondfactor.users import find_user

_PSKC = (".pskc", ".xml")
_type = click.option(
    "--type", "type_", type=click.Choice([*token_rows.TYPES]), help="where several types have this serial"
)


@click.group("token")
def command() -> None:
    """Hardware tokens, known by their serials.

    Types: h6 and h8 are counter-based (HOTP), t6 and t8 time-based (TOTP), with codes of 6 or 8 digits; yk are
    YubiKeys in Yubico's own mode.
    """


@command.command("import")
@click.argument("file", type=FILE)
@click.option("--key-file", type=FILE, help="the key of an encrypted PSKC file, in hexadecimal")
@click.option("--passphrase-file", type=FILE, help="its passphrase, on the first line")
@service_command
def import_(shell: Shell, file: Path, key_file: Path | None, passphrase_file: Path | None) -> None:
    """Import tokens from a .csv file or a .yaml list: serial, type, secret, counter, step, username; or from PSKC.

    The last three may be missing. All rows or none: bad ones are reported by line. A YubiKey (yk) has private_id
    and aes_key instead of a secret. A file that ends in .pskc or .xml is PSKC (RFC 6030): its MACs are checked, a
    signature is not.

    A secret is hexadecimal if all of it is hexadecimal digits and their number is even, else base32. A column
    secret_hex or secret_base32 instead, or hex: or base32: before the secret, says which.
    """
    new, unreadable = _read(file, key_file, passphrase_file)
    with shell.writing() as connection:
        bad = [*unreadable, *tokens.obstacles(connection, new, shell.mode)]
        if not bad:
            tokens.import_tokens(connection, new, shell.seeds(), shell.mode)
            note(connection, shell_actor(), "token import", file.name, {"tokens": len(new)})
    if bad:
        refuse(shell, file, bad)
    shell.show({"imported": len(new)}, f"imported {counted(len(new), 'token')}")


def _read(file: Path, key_file: Path | None, passphrase_file: Path | None) -> tuple[list[NewToken], list[BadRow]]:
    if file.suffix.lower() not in _PSKC:
        if key_file is not None or passphrase_file is not None:
            raise BadValue("--key-file and --passphrase-file are for PSKC: a .pskc or .xml file")
        rows, unreadable = read_rows(file, token_rows.COLUMNS)
        new, wrong = token_rows.read_tokens(rows)
        return new, [*unreadable, *wrong]
    from authproxy.secondfactor.pskc_import import LARGEST, Opening, read_pskc  # a library that few commands need

    key = read_key(read_line(key_file)) if key_file else None
    passphrase = read_line(passphrase_file) if passphrase_file else None
    return read_pskc(read_bytes(file, LARGEST), Opening(key, passphrase))


@command.command("list")
@service_command
def list_(shell: Shell) -> None:
    """List all tokens."""
    with shell.reading() as connection:
        rows = [as_json(token) for token in tokens.list_tokens(connection)]
    shell.show_list("tokens", rows, ["serial", "type", "users", "last_used"], "no tokens")


@command.command("show")
@click.argument("serial")
@_type
@service_command
def show(shell: Shell, serial: str, type_: str | None) -> None:
    """Show one token."""
    with shell.reading() as connection:
        token = find_token(connection, serial, type_)
    shell.show_fields(as_json(token))


@command.command("assign")
@click.argument("serial")
@click.argument("user")
@_type
@service_command
def assign(shell: Shell, serial: str, user: str, type_: str | None) -> None:
    """Let a user log in with a token. A token may have several users."""
    with shell.writing() as connection:
        token, owner = find_token(connection, serial, type_), find_user(connection, user, shell.mode)
        tokens.assign_token(connection, token, owner)
        note(connection, shell_actor(), "token assign", owner.username, _named(token))
        after = find_token(connection, token.serial, token.type)
    shell.show(as_json(after), f"token {token.serial} is now {owner.username}'s")


@command.command("unassign")
@click.argument("serial")
@click.argument("user")
@_type
@service_command
def unassign(shell: Shell, serial: str, user: str, type_: str | None) -> None:
    """Take a token from a user."""
    with shell.writing() as connection:
        token, owner = find_token(connection, serial, type_), find_user(connection, user, shell.mode)
        tokens.unassign_token(connection, token, owner)
        note(connection, shell_actor(), "token unassign", owner.username, _named(token))
        after = find_token(connection, token.serial, token.type)
    shell.show(as_json(after), f"token {token.serial} is no longer {owner.username}'s")


@command.command("resync")
@click.argument("serial")
@click.argument("code")
@click.argument("next_code", metavar="CODE")
@_type
@service_command
def resync(shell: Shell, serial: str, code: str, next_code: str, type_: str | None) -> None:
    """Find a token again that ran ahead or whose clock is off, by two codes that it shows one after the other.

    Give the second code of a time-based token while the token shows it: its clock is measured by that. Both codes
    are used up.
    """
    with shell.writing() as connection:
        token = find_token(connection, serial, type_)
        after = tokens.resync_token(connection, token, (code, next_code), shell.seeds(), time.time())
        moved: Shown = {"before": _place(token), "after": _place(after)}
        note(connection, shell_actor(), "token resync", token.serial, {**_named(token), **moved})
    shell.show(as_json(after), f"token {after.serial} is in step again")


@command.command("delete")
@click.argument("serial")
@_type
@service_command
def delete(shell: Shell, serial: str, type_: str | None) -> None:
    """Delete a token: lost, broken, given away."""
    with shell.writing() as connection:
        token = find_token(connection, serial, type_)
        tokens.delete_token(connection, token)
        note(connection, shell_actor(), "token delete", token.serial, {**_named(token), "users": [*token.users]})
    shell.show({"deleted": token.serial, "token_id": token.id}, f"deleted token {token.serial}")


# ---------------------------------------------------------------- what is shown


def as_json(token: Token) -> Shown:
    """The keys are an interface."""
    is_timed = token.kind == "totp"
    return {
        "token_id": token.id,
        "serial": token.serial,
        "type": token.type,
        "users": list(token.users),
        "counter": None if is_timed else token.counter,
        "step": token.step if is_timed else None,
        "drift_seconds": token.drift * token.step if is_timed else None,
        "created": iso(token.created),
        "last_used": iso(token.last_used),
    }


def _named(token: Token) -> Shown:
    return {"token": token.id, "serial": token.serial, "type": token.type}


def _place(token: Token) -> Shown:
    return {"counter": token.counter} if token.kind != "totp" else {"drift_seconds": token.drift * token.step}
