"""``authproxy radtest``: one login as an appliance would send it, and what the answer means."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import click

from authproxy.cli.appliance import TestAppliance
from authproxy.cli.conversation import Conversation, octets
from authproxy.config.locate import find
from authproxy.config.settings import RadiusServerSettings
from authproxy.errors import AuthproxyError, ConfigError
from authproxy.radius.attributes import Dictionary

_CANT_ASK = 4
_PORT = 1812


class CantAsk(click.ClickException):
    exit_code = _CANT_ASK


@dataclass(frozen=True, slots=True)
class Target:
    """Which server, and the secret shared with it."""

    host: str
    port: int
    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@click.command()
@click.option("--server", metavar="HOST[:PORT]", help="who to ask (port 1812 if not given)")
@click.option("--secret-file", type=click.Path(path_type=Path), help="a file that holds the shared secret")
@click.option("--secret", help="the shared secret; others on this host can see it in the process list")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="take port and secret from this file; without --server found as by every command",
)
@click.option("--section", help="its server section, when there are several")
@click.option("--answer", "answers", multiple=True, help="the answer to a challenge; repeat for further ones")
@click.option("--attr", "extra", multiple=True, metavar="NAME=VALUE", help="a further attribute of the request")
@click.option("--retransmit", default=0, type=click.IntRange(0, 50), help="send so many copies as well")
@click.option("--timeout", default=60.0, type=click.FloatRange(0.05, 600), help="seconds to wait for each answer")
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
@click.argument("user")
@click.argument("password", required=False)
def command(
    server: str | None,
    secret_file: Path | None,
    secret: str | None,
    config: Path | None,
    section: str | None,
    answers: tuple[str, ...],
    extra: tuple[str, ...],
    retransmit: int,
    timeout: float,
    as_json: bool,
    user: str,
    password: str | None,
) -> None:
    """Send one login as an appliance would (PAP, Message-Authenticator) and explain the answer.

    PASSWORD is asked for, or read from standard input, when not given.

    Exit status: 0 accepted, 1 rejected, 2 challenged and not answered (or misused), 3 no answer, 4 could not ask.
    """
    dictionary = Dictionary.load()
    target = _target(server, secret_file, secret, config, section)
    if password is None:
        password = _read_password()
    appliance = _connect(target, [_attribute(dictionary, text) for text in extra])
    conversation = Conversation(dictionary, target.name, appliance.own_address, user, timeout, as_json)
    try:
        status = conversation.hold(appliance, password, _replies(answers, as_json), retransmit)
    except AuthproxyError as error:
        raise CantAsk(str(error)) from error
    finally:
        appliance.close()
    sys.exit(status)


# ------------------------------------------------------------ what is asked, and whom


def _target(
    server: str | None, secret_file: Path | None, secret: str | None, config: Path | None, section: str | None
) -> Target:
    host, port = _split(server) if server else ("", 0)
    known = b""
    if config is not None or not host:
        found = _from_config(_file(config), section, host)
        host, port = host or found.host, port or found.port
        known = found.secret
    if secret_file is not None:
        try:
            known = secret_file.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise CantAsk(f"{secret_file}: {error.strerror}") from error
    elif secret is not None:
        known = octets(secret)
    elif not known:
        known = octets(click.prompt("Shared secret", hide_input=True, err=True))
    if not known:
        raise CantAsk("the shared secret is empty")
    return Target(host, port or _PORT, known)


def _split(server: str) -> tuple[str, int]:
    """``host``, ``host:port``, ``[::1]:port`` or a bare IPv6 address."""
    if server.startswith("["):
        host, _, rest = server[1:].partition("]")
        port = rest.removeprefix(":")
    elif server.count(":") == 1:
        host, _, port = server.partition(":")
    else:
        host, port = server, ""
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise click.UsageError(f"--server {server}: HOST, HOST:PORT or [IPv6]:PORT is wanted")
    return host, int(port or 0)


def _file(config: Path | None) -> Path:
    try:
        return find(config)
    except ConfigError as error:
        raise click.UsageError(f"{error}; --server HOST[:PORT] does without") from error


def _from_config(path: Path, name: str | None, host: str) -> Target:
    from authproxy.radius.clients import Appliances

    try:
        sections = _server_sections(path)
    except AuthproxyError as error:
        raise CantAsk(f"{error} (--server and --secret-file do without the file)") from error
    chosen = [one for one in sections if name is None or one.name == name]
    if len(chosen) != 1:
        there = ", ".join(one.name for one in sections) or "none"
        raise CantAsk(f"--section is to name one RADIUS server section of {path}; there are: {there}")
    interface = chosen[0].interface
    address = host or (interface if interface not in ("", "0.0.0.0", "::") else "127.0.0.1")  # noqa: S104
    source = "::1" if ":" in address else "127.0.0.1"
    client = Appliances(chosen[0].appliances).find(source)
    if client is None:
        message = f"[{chosen[0].name}] has no radius_ip_N for {source}, from where this host would ask it"
        raise CantAsk(f"{message}; add one, or ask from an appliance's address")
    return Target(address, chosen[0].port, client.secret)


def _server_sections(path: Path) -> tuple[RadiusServerSettings, ...]:
    """Protected secrets are decrypted, if this user may."""
    from authproxy.config.build import key_places, load
    from authproxy.config.passphrase import find_passphrase
    from authproxy.config.secrets import Vault

    places = key_places(path)
    with closing(Vault(places.gnupg_home, lambda: find_passphrase(places.passphrase_file))) as vault:
        return load(path, vault.reveal).radius_servers


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, err=True, default="", show_default=False))
    return sys.stdin.readline().rstrip("\r\n")


def _attribute(dictionary: Dictionary, text: str) -> bytes:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"--attr {text}: NAME=VALUE is wanted")
    try:
        return dictionary.encode(name, value)
    except ValueError as error:
        raise click.UsageError(f"--attr {text}: {error}") from error


def _connect(target: Target, extra: list[bytes]) -> TestAppliance:
    try:
        return TestAppliance(target.host, target.port, target.secret, extra)
    except OSError as error:
        raise CantAsk(f"{target.name}: {error.strerror}") from error


def _replies(answers: tuple[str, ...], as_json: bool) -> Iterator[str]:
    """The answers given beforehand, then whatever the terminal says."""
    yield from answers
    while not as_json and sys.stdin.isatty():
        yield click.prompt("Answer", err=True)
