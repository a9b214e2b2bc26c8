"""``authproxy support``: the encrypted bundle for whoever is asked for help, and opening it on the other side."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from authproxy.cli.bundle_view import extract, printable, read_bundle, show_file, show_list, write_private
from authproxy.errors import AuthproxyError, ConfigError

if TYPE_CHECKING:
    from authproxy.support.recipient import Recipient
    from authproxy.support.site import Site

Command = TypeVar("Command", bound=Callable[..., None])

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}
_LONGEST_CONNECTIVITY = 300.0
_NOBODY = (
    "a bundle is encrypted, and nobody was named who may read it: give --recipient a GPG key's ID or address or a"
    " file with the public key, or set [main] support_gpg_recipient; --plain writes it unencrypted"
)


def one_line_errors(function: Command) -> Command:
    """What is raised on purpose becomes one line and exit status 1."""

    @wraps(function)
    def run(*arguments: object, **values: object) -> None:
        try:
            function(*arguments, **values)
        except AuthproxyError as error:
            click.echo(f"authproxy: {error}", err=True)
            sys.exit(1)

    return run  # type: ignore[return-value]


def _span(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    """``90m``, ``24h``, ``7d`` to seconds."""
    match = re.fullmatch(r"([0-9]{1,5})([mhd])", text.strip().lower())
    if not match:
        raise click.BadParameter("wanted minutes, hours or days: 90m, 24h, 7d")
    return int(match[1]) * _UNITS[match[2]]


@click.group("support", invoke_without_command=True)
@click.option("--config", type=click.Path(path_type=Path), help="the configuration file")
@click.option("--recipient", default="", help="who may read it: a GPG key's ID or address, or a public key's file")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="the file to write")
@click.option("--since", default="24h", show_default=True, callback=_span, help="logs of so long: 90m, 24h, 7d")
@click.option("--login", "login_id", help="logs of the login with this ID only")
@click.option("--user", "username", help="logs of this user's logins only")
@click.option("--pseudonyms", is_flag=True, help="replace IP addresses, too")
@click.option("--no-connectivity", is_flag=True, help="do not try to reach the peers")
@click.option("--plain", is_flag=True, help="do not encrypt")
@click.pass_context
@one_line_errors
def command(
    context: click.Context,
    config: Path | None,
    recipient: str,
    output: Path | None,
    since: float,
    login_id: str | None,
    username: str | None,
    pseudonyms: bool,
    no_connectivity: bool,
    plain: bool,
) -> None:
    """Write a support bundle: configuration without secrets, logs, versions, connectivity; encrypted with GPG.

    Users' names are replaced by pseudonyms, `authproxy support who` tells whose they are.
    """
    if context.invoked_subcommand is not None:
        return
    if plain and recipient:
        raise click.UsageError("--plain and --recipient exclude each other")
    if login_id and username:
        raise click.UsageError("--login and --user exclude each other")
    from authproxy.support.bundle import Asked

    site = _site(config)
    file = output or Path(_file_name(is_plain=plain))
    if file.exists():
        raise ConfigError(f"{file} is there already")
    with ExitStack() as stack:
        to = None if plain else stack.enter_context(_recipient(site, recipient))
        asked = Asked(time.time() - since, login_id, username, pseudonyms)
        data = _gathered(site, asked, with_connectivity=not no_connectivity)
        if to is not None:
            _say(f"encrypting to {to.shown}")
            data = to.encrypt(data)
    write_private(file, data)
    note = "NOT ENCRYPTED: whoever gets it can read it" if plain else "encrypted"
    click.echo(f"{file}: {len(data)} bytes, {note}")


def entry_point() -> None:
    """The script ``authproxy_support``."""
    command(prog_name="authproxy_support")


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--print", "wanted", metavar="NAME", help="print this file of the bundle")
@click.option("--extract", "directory", type=click.Path(path_type=Path), help="write the files to a new directory")
@click.option("--json", "as_json", is_flag=True, help="print the manifest and what is wrong as JSON")
@one_line_errors
def show(file: Path, wanted: str | None, directory: Path | None, as_json: bool) -> None:
    """Open a bundle with your GPG key: list it, check it against its manifest, print or extract its files.

    Exit status 1 when it can't be opened, or is not what its manifest says.
    """
    from authproxy.support.archive import unpack

    opened = unpack(read_bundle(file))
    if wanted is not None:
        show_file(opened, wanted)
    elif as_json:
        told = {"manifest": opened.manifest, "files": [*opened.files], "problems": [*opened.problems]}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        show_list(opened)
    if directory is not None:
        extract(opened, directory)
    for problem in opened.problems:
        click.echo(f"authproxy: {printable(problem)}", err=True)
    sys.exit(1 if opened.problems else 0)


@command.command("who")
@click.argument("pseudonym")
@click.option("--config", type=click.Path(path_type=Path), help="the configuration file")
@one_line_errors
def who(pseudonym: str, config: Path | None) -> None:
    """Tell whose pseudonym this is, on the host where the bundle was made."""
    from authproxy.store.engine import Database
    from authproxy.support.database_facts import names
    from authproxy.support.pseudonyms import Pseudonyms

    site = _site(config)
    if site.seed_key is None:
        raise ConfigError(f"the key of this site's pseudonyms can't be had: {site.problem}")
    pseudonyms = Pseudonyms(site.pseudonym_key())
    with Database(site.database, create=False).reading() as connection:
        found = sorted(name for name in names(connection) if pseudonyms.of(name) == pseudonym)
    if not found:
        raise ConfigError(f"nobody in the database has the pseudonym {pseudonym!r}")
    click.echo("\n".join(found))


# ---------------------------------------------------------------- gathering


def _site(config: Path | None) -> Site:
    """Also of a configuration that can't be used: then help is needed most. Raises ConfigError without any."""
    from authproxy.cli.opening import open_configuration
    from authproxy.config import ini, locate
    from authproxy.config.build import examine
    from authproxy.support.site import Site

    path = locate.find(config)
    checked = examine(path)
    text, _ = ini.decode(path.read_bytes(), str(path))
    try:
        opened = open_configuration(path)
    except AuthproxyError as error:
        return Site(path, text, checked, None, None, str(error))
    return Site(path, text, checked, opened.settings, opened.seed_key)


def _recipient(site: Site, wanted: str) -> AbstractContextManager[Recipient]:
    from authproxy.config.places import Places
    from authproxy.support.recipient import NoRecipient, recipient

    if not wanted:
        wanted = site.checked.main.text("support_gpg_recipient")
        if not wanted:
            raise NoRecipient(_NOBODY)
        file = Places.of(site.path).to_read(wanted)
        wanted = str(file) if file.is_file() else wanted
    home = site.settings.service.gnupg_home if site.settings else None
    return recipient(wanted, (None, home or site.state_dir / "gnupg"))


def _gathered(site: Site, asked: object, *, with_connectivity: bool) -> bytes:
    from authproxy import __version__
    from authproxy.support.archive import pack
    from authproxy.support.bundle import Asked, Gathering

    assert isinstance(asked, Asked)
    report = (lambda: _connectivity(site.path)) if with_connectivity else (lambda: None)
    gathering = Gathering(site, asked, _say, report, lambda: _daemon(site.state_dir))
    collected = gathering.collect()
    if asked.username:
        _say(f"{asked.username} is {gathering.pseudonyms.of(asked.username)} in this bundle")
    about = {
        "authproxy": __version__,
        "host": platform.node(),
        "since": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(asked.since)),
        "login": asked.login_id,
        "user": gathering.pseudonyms.of(asked.username) if asked.username else None,
        "addresses": "pseudonyms" if asked.hides_addresses else "as they are",
    }
    return pack(collected, about, time.time())


def _connectivity(config: Path) -> str | None:
    """In a process of its own, which can be stopped."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "authproxy", "connectivity", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_CONNECTIVITY,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        told = (late.stdout or b"").decode("utf-8", "backslashreplace")
        return f"{told}\nstopped after {_LONGEST_CONNECTIVITY:.0f} s"
    return (done.stdout + done.stderr).decode("utf-8", "backslashreplace")


def _daemon(state_dir: Path) -> str | None:
    """What the running one tells of itself. None: there is none, or it gives no answer."""
    from authproxy.running.talk import call

    try:
        talk = call(state_dir)
    except AuthproxyError:
        return None
    try:
        told = {name: talk.ask(name) for name in ("status", "primary-only", "debug", "figures")}
    except AuthproxyError:
        return None
    finally:
        talk.close()
    return json.dumps(told, indent=1, ensure_ascii=False)


def _say(text: str) -> None:
    click.echo(f"{text} ...", err=True)


def _file_name(*, is_plain: bool) -> str:
    host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "host"
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"authproxy-support-{host}-{stamp}.tar.gz" + ("" if is_plain else ".gpg")
