"""``authproxy passwd``: secrets to protected values, one or a whole file's."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

import click

from authproxy.config import locate
from authproxy.config.build import key_places
from authproxy.config.passphrase import find_passphrase
from authproxy.config.rewrite import Rewritten, protect_config
from authproxy.config.secrets import Vault
from authproxy.config.values import PROTECTED_PREFIX
from authproxy.errors import AuthproxyError, ConfigError, SecretError


@click.command("passwd")
@click.option("--config", type=click.Path(path_type=Path), help="the configuration file")
@click.option("--whole-config", is_flag=True, help="protect every plain secret in the file itself")
@click.option("-y", "--yes", is_flag=True, help="do not ask before the file is changed")
@click.option("--dry-run", is_flag=True, help="only show what --whole-config would change")
@click.argument("secret", required=False)
def command(config: Path | None, whole_config: bool, yes: bool, dry_run: bool, secret: str | None) -> None:
    """Encrypt a secret for KEY_protected=, or every plain one of a file.

    Without SECRET it is asked for, or read as one line from standard input.
    """
    if whole_config and secret is not None:
        raise click.UsageError("--whole-config takes no SECRET")
    if (yes or dry_run) and not whole_config:
        raise click.UsageError("-y and --dry-run go with --whole-config")
    try:
        path = locate.find(config)
        if whole_config:
            _protect_file(path, yes=yes, dry_run=dry_run)
        else:
            _protect_one(path, secret)
    except AuthproxyError as error:
        click.echo(f"authproxy: {error}", err=True)
        sys.exit(1)


def entry_point() -> None:
    """The script ``authproxy_passwd``."""
    command(prog_name="authproxy_passwd")


def _vault(path: Path) -> Vault:
    places = key_places(path)
    return Vault(places.gnupg_home, lambda: find_passphrase(places.passphrase_file))


def _protect_one(path: Path, given: str | None) -> None:
    with contextlib.closing(_vault(path)) as vault:
        secret = _asked() if given is None else given
        if given is not None:
            click.echo("Warning: a secret given as an argument shows in ps and the shell's history.", err=True)
        if not secret:
            raise SecretError("the secret is empty")
        click.echo(vault.protect(secret))


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Secret", hide_input=True, confirmation_prompt=True, err=True))
    try:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError("the secret on standard input is no UTF-8 text") from None


def _protect_file(path: Path, *, yes: bool, dry_run: bool) -> None:
    target = path.resolve()
    with contextlib.closing(_vault(path)) as vault:
        data = _read(target)
        preview = protect_config(data, lambda _: PROTECTED_PREFIX)
        _show(path, preview)
        if dry_run or not preview.changes:
            return
        if not yes and not click.confirm(f"Change {path}?", err=True):
            raise ConfigError(f"{path} was left as it is")
        replace(target, data, _protected(data, vault))
    click.echo(f"{path}: {len(preview.changes)} secrets protected.")


def _show(path: Path, preview: Rewritten) -> None:
    for change in preview.changes:
        note = " (commented out)" if change.commented else ""
        click.echo(f"{path}:{change.line}: [{change.section}] {change.key} -> {change.new_key}{note}")
    for remark in preview.remarks:
        click.echo(f"{path}:{remark.line}: [{remark.section}] {remark.key}: {remark.message}", err=True)
    if not preview.changes:
        click.echo(f"{path}: no plain secret to protect.")


def _protected(data: bytes, vault: Vault) -> bytes:
    made: list[tuple[str, str]] = []

    def protect(secret: str) -> str:
        value = vault.protect(secret)
        made.append((value, secret))
        return value

    rewritten = protect_config(data, protect)
    vault.reveal_all(value for value, _ in made)
    for value, secret in made:
        if vault.reveal(value) != secret:
            raise SecretError("a protected value does not decrypt to what it was made of; nothing was changed")
    return rewritten.data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"can't read the configuration file {path}: {error.strerror}") from None


def replace(path: Path, old: bytes, new: bytes) -> None:
    """Puts ``new`` in the place of ``old`` at once, same owner and mode.

    Raises ConfigError: then the file is as before.
    """
    temporary = ""
    try:
        status = path.stat()
        descriptor, temporary = tempfile.mkstemp(prefix=".authproxy-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        if path.read_bytes() != old:
            raise ConfigError(f"{path} was changed meanwhile; it was left as it is")
        Path(temporary).replace(path)
        temporary = ""
        _sync_directory(path.parent)
    except OSError as error:
        raise ConfigError(f"can't replace {path}: {error.strerror}") from None
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
