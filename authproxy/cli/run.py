"""``authproxy run``: the daemon in the foreground."""

from __future__ import annotations

import gc
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authproxy.errors import AuthproxyError

if TYPE_CHECKING:
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

    from authproxy.cli.opening import Opened

_MOST_FILES = 65_536


@click.command("run")
@click.option("--config", type=click.Path(path_type=Path), help="the configuration file")
def command(config: Path | None) -> None:
    """Run the daemon in the foreground until SIGTERM or SIGINT.

    Exit status 0 when it was stopped, 1 when it could not start: the reason is on standard error.
    """
    try:
        _run(config)
    except AuthproxyError as error:
        report = getattr(error, "report", None)
        click.echo(report() if callable(report) else f"authproxy: {error}", err=True)
        sys.exit(1)


def _run(config: Path | None) -> None:
    from authproxy.running.inheritance import Inheritance

    inheritance = Inheritance.take()  # Twisted, once loaded, takes it out of the environment

    from authproxy.running.direct_reactor import DirectReactor

    reactor = DirectReactor()
    _install(reactor)

    from twisted.logger import Logger

    from authproxy.running.daemon import Daemon

    _open_more_files()
    daemon = Daemon.open(config, inheritance, reactor)
    main = daemon.opened.settings.main

    def ready(text: str) -> None:
        if not main.log_stdout:
            click.echo(text)

    def begin() -> None:
        try:
            daemon.begin(ready)
        except Exception:
            Logger().failure("authproxy can't begin")
            reactor.stop()  # type: ignore[no-untyped-call]

    reactor.callWhenRunning(begin)
    if main.test_connectivity_on_startup:
        reactor.callWhenRunning(_test_connectivity, daemon.opened, reactor)
    _settle_memory()
    reactor.run()  # type: ignore[no-untyped-call]
    Logger().info("authproxy has stopped")
    daemon.logs.close()


def _test_connectivity(opened: Opened, reactor: AsyncioSelectorReactor) -> None:
    """While logins are served already: a peer that is away must not keep the others waiting."""
    from twisted.internet.defer import Deferred

    from authproxy.support.connectivity import Connectivity, log_connectivity

    connectivity = Connectivity(opened.settings, opened.seed_key, reactor, has_ports=False)
    Deferred.fromCoroutine(log_connectivity(connectivity))


def _install(reactor: object) -> None:
    from twisted.internet.main import installReactor

    installReactor(reactor)  # type: ignore[no-untyped-call]


def _open_more_files() -> None:
    """As many as this process may: each connection takes one, and the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _settle_memory() -> None:
    """What was loaded stays: the collector need not look at it again with every login."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
