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
    from authproxy.config.settings import Settings
    from authproxy.service import Service

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
    from twisted.internet import asyncioreactor

    reactor = asyncioreactor.AsyncioSelectorReactor()
    _install(reactor)

    from twisted.internet.defer import Deferred
    from twisted.logger import Logger

    from authproxy import __version__
    from authproxy.cli.opening import open_configuration
    from authproxy.log import start_logging
    from authproxy.service import build

    log = Logger()
    opened = open_configuration(config)
    settings = opened.settings
    logs = start_logging(settings.main, is_debug=_wants_debug(settings))
    for problem in opened.problems:
        log.warn("{problem}", problem=problem.render())
    _open_more_files()
    service = build(settings, opened.seed_key, reactor)
    service.metrics.states.log = logs.state
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(service.stop()))

    def ready() -> None:
        text = f"authproxy {__version__} is ready: {_listeners(settings, service)}"
        log.info("{text}", text=text)
        if not settings.main.log_stdout:
            click.echo(text)

    reactor.callWhenRunning(ready)
    if settings.main.test_connectivity_on_startup:
        reactor.callWhenRunning(lambda: _test_connectivity(opened, reactor))
    _settle_memory()
    reactor.run()  # type: ignore[no-untyped-call]
    log.info("authproxy has stopped")
    logs.close()


def _test_connectivity(opened: Opened, reactor: AsyncioSelectorReactor) -> None:
    """While logins are served already: a peer that is away must not keep the others waiting."""
    from twisted.internet.defer import Deferred

    from authproxy.support.connectivity import Connectivity, log_connectivity

    connectivity = Connectivity(opened.settings, opened.seed_key, reactor, has_ports=False)
    Deferred.fromCoroutine(log_connectivity(connectivity))


def _install(reactor: object) -> None:
    from twisted.internet.main import installReactor

    installReactor(reactor)  # type: ignore[no-untyped-call]


def _wants_debug(settings: Settings) -> bool:
    sections = (settings.main, *settings.radius_servers, *settings.ldap_servers, *settings.clients.values())
    return any(getattr(section, "debug", False) for section in sections)


def _listeners(settings: Settings, service: Service) -> str:
    ports = [
        f"[{section.name}] on {section.interface or 'every address'} port {section.port}/udp"
        for section in settings.radius_servers
    ]
    for section in settings.ldap_servers:
        tls = f" and {section.ssl_port}/tcp (LDAPS)" if section.ssl_cert_path else ""
        ports.append(f"[{section.name}] on {section.interface or 'every address'} port {section.port}/tcp{tls}")
    web = settings.service.web
    if web is not None and service.web is not None:
        note = (
            f", self-signed, SHA-256 {service.web.certificate.fingerprint}" if service.web.is_self_signed else ""
        )
        ports.append(f"[service] on {web.interface or 'every address'} port {web.port}/tcp (HTTPS{note})")
    ports += [
        f"[{proxy.name}] on {proxy.interface or 'every address'} port {proxy.port}/tcp"
        for proxy in settings.http_proxies
    ]
    return ", ".join(ports) or "no server section is configured"


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
