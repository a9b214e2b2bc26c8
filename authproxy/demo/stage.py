"""Sets the stage: sample directory, configuration, accounts, the daemon's rooms, two appliances. Then tells."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from authproxy import __version__
from authproxy.cli.opening import open_configuration
from authproxy.demo.appliance import Appliance
from authproxy.demo.sample import ALICE, BASE_DN, BOB, Site, entries
from authproxy.demo.shell import Shell
from authproxy.demo.story import CodeGenerator, Story
from authproxy.ldap.sample_server import MemoryDirectory
from authproxy.log import start_logging
from authproxy.model import LoginRecord
from authproxy.service import Service, build
from authproxy.store.engine import Database
from authproxy.store.journal import find_logins

Show = Callable[[str], None]
OWNER = "owner@example.test"
_TRIES = 50

HOW_TO_READ = """
Each login below shows what the VPN appliance sends, | what the user gets to see, -> the answer, and the steps
that led to it: first the password, which the directory checks, then the second factor."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What still runs after the story, and how to try it for oneself."""

    service: Service
    what_next: str


async def perform(reactor: Reactor, folder: Path, show: Show) -> Staged:
    """The whole demonstration. Raises WrongEnding."""
    site = Site(folder)
    directory = MemoryDirectory(entries(site.service_password)).listen(reactor).getHost()
    assert isinstance(directory, IPv4Address)
    auto_port, challenge_port = _free_ports(2, socket.SOCK_DGRAM)
    (web_port,) = _free_ports(1, socket.SOCK_STREAM)
    site.write_config(directory.port, auto_port, challenge_port, web_port)
    show(f"authproxy {__version__}, a demonstration: everything on loopback, everything gone when it ends")
    show(f"  directory      ldap://127.0.0.1:{directory.port}  {BASE_DN}")
    show(f"  configuration  {site.config}")

    show(HOW_TO_READ)

    opened = open_configuration(site.config)
    start_logging(opened.settings.main, is_debug=False)
    service = build(opened.settings, opened.seed_key, reactor)
    shell = Shell(site.config, show)

    show("\n* Two users are added, as an administrator would while the daemon runs")
    await _run(shell, "user", "add", ALICE.username)
    device = await _run(shell, "device", "add-totp", ALICE.username)
    await _run(shell, "user", "add", BOB.username)
    codes = await _run(shell, "bypass", "create", BOB.username, "--count", "2")

    vpn, gateway = (_appliance(reactor, port, site.radius_secret) for port in (auto_port, challenge_port))
    story = Story(
        reactor,
        vpn,
        gateway,
        CodeGenerator(str(device["secret"])),
        _texts(codes["codes"]),
        lambda: _approve_pending(shell),
        _newest_login(opened.settings.service.database),
        show,
    )
    await story.tell()
    owner = await deferToThread(shell.ask, "admin", "create-owner", OWNER, "--name", "Olivia Example")
    return Staged(service, _what_next(site, auto_port, site.url(web_port), str(owner["link"])))


def _run(shell: Shell, *words: str) -> Deferred[dict[str, object]]:
    return deferToThread(shell.run, *words)


def _approve_pending(shell: Shell) -> Deferred[object]:
    def approve() -> object:
        pending = shell.run("push", "list")["pushes"]
        for _ in range(_TRIES):
            if pending:
                break
            time.sleep(0.1)  # on a busy machine the login may not have come that far; this is a thread of its own
            pending = shell.ask("push", "list")["pushes"]
        assert isinstance(pending, list)
        return shell.run("push", "approve", str(pending[0]["id"]))

    return deferToThread(approve)


def _texts(codes: object) -> list[str]:
    assert isinstance(codes, list)
    return [str(code) for code in codes]


def _appliance(reactor: Reactor, port: int, secret: str) -> Appliance:
    appliance = Appliance(reactor, ("127.0.0.1", port), secret.encode())
    appliance.listen(reactor)
    return appliance


def _newest_login(database: str) -> Callable[[], LoginRecord]:
    opened = Database(database)

    def newest() -> LoginRecord:
        with opened.reading() as connection:
            return find_logins(connection, limit=1)[0]

    return newest


def _free_ports(count: int, kind: socket.SocketKind) -> list[int]:
    """Ports that are free now; they are taken a moment later."""
    probes = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _what_next(site: Site, auto_port: int, base_url: str, owner_link: str) -> str:
    def shell(command: str) -> str:
        return f"    {_program()} {command} --config {site.config}"

    login = "radtest --section radius_server_auto"
    return f"""
All of this happened for real, and the daemon is still there: stop it with Ctrl-C.

In a browser (the certificate is made for this run, so the browser warns of it: go on):

  The Admin Panel, as its first Owner: set a password and an authenticator app, once, with this link
    {owner_link}
    then at {base_url}/admin/ as {OWNER}
  The portal, where users look after their own devices: log in as {BOB.username}, with a bypass code as below
    {base_url}/portal/
  The status page
    {base_url}/status

In another terminal:

  A bypass code, and a login with it (type the code in place of CODE):
{shell(f"bypass create {BOB.username}")}
{shell(login)} {BOB.username} '{BOB.password},CODE'

  A login that waits for a push, which is answered in a third terminal (ID is what the list shows):
{shell(login)} {ALICE.username} '{ALICE.password},push'
{shell("push list")}
{shell("push approve ID")}

  Why the logins ended as they did:
{shell("explain")}
    less {site.directory}/log/authproxy.log

  The same without any of authproxy's own tools (radclient is in Debian's freeradius-utils):
    echo 'User-Name={ALICE.username},User-Password="{ALICE.password},push",Message-Authenticator=0x00' |
      radclient -t 60 127.0.0.1:{auto_port} auth {site.radius_secret}

The users are {ALICE.username} (password {ALICE.password}) and {BOB.username} (password {BOB.password})."""


def _program() -> str:
    """How this program is called from any directory."""
    called = Path(sys.argv[0]).absolute()
    return f"{sys.executable} -m authproxy" if called.name == "__main__.py" else str(called)
