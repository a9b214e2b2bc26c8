"""A sync on the command line: on a database of its own, told as it goes on."""

from __future__ import annotations

import sys
import time
from typing import Any, TypeVar

import click

from authproxy.cli.context import Shell
from authproxy.errors import AuthproxyError
from authproxy.secondfactor.office import Work

T = TypeVar("T")


class ShellBooks:
    """The database of the command's own."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def read(self, work: Work[T]) -> T:
        with self._shell.reading() as connection:
            return work(connection)

    def change(self, work: Work[T]) -> T:
        with self._shell.writing() as connection:
            return work(connection)


class Terminal:
    """Lines as they come; progress is overwritten, and shown to people only."""

    def __init__(self, *, shows: bool) -> None:
        self._shows = shows
        self._is_watched = shows and sys.stderr.isatty()
        self._width = 0

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self._write(f"{stage} {done:,}" + (f" of {total:,}" if total is not None else ""))

    def line(self, text: str) -> None:
        self._write("")
        if self._shows:
            click.echo(text)

    def end(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if self._is_watched:
            click.echo(f"\r{text.ljust(self._width)}" + ("" if text else "\r"), nl=False, err=True)
            self._width = len(text)


def sync_of(shell: Shell) -> Any:
    """Imports what other commands do without."""
    from authproxy.assembly.directory_syncs import invites_by, opens
    from authproxy.messaging.post_office import open_mailroom
    from authproxy.secondfactor.sync import Sync

    settings = shell.opened.settings
    web = settings.service.web
    mail = None
    if settings.mail is not None:
        mail = open_mailroom(settings.mail, web.base_url if web else "", shell.seeds(), time.time)
    return Sync(
        ShellBooks(shell),
        opens(lambda: settings, _look_up),
        settings.service.state_dir,
        shell.mode,
        invites_by(mail),
    )


def _look_up(name: str) -> Any:
    """Servers from the DNS: in an event loop for that alone."""
    from twisted.internet import asyncioreactor
    from twisted.internet.defer import Deferred
    from twisted.internet.main import installReactor

    from authproxy.ldap.discovery import Found, system_lookup

    reactor = asyncioreactor.AsyncioSelectorReactor()
    installReactor(reactor)  # type: ignore[no-untyped-call]
    results: list[Found | AuthproxyError] = []

    async def ask() -> None:
        try:
            results.append(await system_lookup(reactor)(name))
        except AuthproxyError as error:
            results.append(error)
        finally:
            reactor.stop()  # type: ignore[no-untyped-call]

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(ask()))
    reactor.run()  # type: ignore[no-untyped-call]
    result = results[0]
    if isinstance(result, AuthproxyError):
        raise result
    return result.records
