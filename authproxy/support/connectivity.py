"""Reaching every peer that a configuration names, section by section."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from authproxy.config.settings import (
    AdClientSettings,
    ClientSettings,
    LdapServerSettings,
    RadiusClientSettings,
    RadiusServerSettings,
    RemoteSettings,
    Settings,
    WebSettings,
)
from authproxy.support.chain import certificates_in, note_chain
from authproxy.support.clock_probe import probe_clock
from authproxy.support.directory_probe import DirectoryProbe
from authproxy.support.findings import Findings, Level
from authproxy.support.listener_probe import probe_radius_port, probe_tcp_port
from authproxy.support.primary_only_file import read_state
from authproxy.support.reach_probe import probe_host, probe_telephony
from authproxy.support.service_probe import probe_embedded, probe_remote
from authproxy.support.upstream_probe import probe_upstream

_log = Logger()
_HTTPS = 443
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Connectivity:
    """``user`` is looked up in the directories. ``is_daemon_running``: for ports that are taken. ``has_ports``:
    False in the daemon itself, which holds them."""

    settings: Settings
    seed_key: bytes = field(repr=False)
    reactor: Reactor = field(repr=False)
    is_daemon_running: Callable[[], bool] = lambda: False
    user: str = ""
    has_ports: bool = True

    async def run(self, told: Callable[[Findings], None] = lambda findings: None) -> list[Findings]:
        """``told`` gets each section's findings when they are complete. Never raises because of a peer."""
        done = []
        for findings, work in self._work():
            try:
                await work
            except Exception:
                _log.failure("connectivity of {section}", section=findings.section)
                findings.error("connectivity", "the check itself failed", "see the log")
            done.append(findings)
            told(findings)
        return done

    def _work(self) -> list[tuple[Findings, Coroutine[Any, Any, None]]]:
        settings = self.settings
        work = [self._client(client) for client in settings.clients.values()]
        work += [self._radius_server(number) for number in range(len(settings.radius_servers))]
        work += [self._ldap_server(section) for section in settings.ldap_servers]
        for names, remote in self._remotes():
            findings = self._findings(names, "Cloud connection")
            work.append((findings, probe_remote(remote, self.reactor, findings)))
        for proxy in settings.http_proxies:
            findings = self._findings(proxy.name, "HTTP Proxy")
            work.append((findings, self._http_proxy(proxy.interface, proxy.port, proxy.api_host, findings)))
        service = self._findings("service", "second-factor service")
        work.append((service, self._service(service)))
        if settings.telephony is not None:
            findings = self._findings("telephony", "telephony gateway")
            work.append((findings, probe_telephony(settings.telephony, self.reactor, findings)))
        work += [(self._findings(name, "section"), _nothing()) for name in settings.unsupported]
        host = self._findings("host", "host")
        work.append((host, self._host(host)))
        return work

    def _findings(self, section: str, title: str) -> Findings:
        return Findings(section, title, time.monotonic)

    def _client(self, client: ClientSettings) -> tuple[Findings, Coroutine[Any, Any, None]]:
        match client:
            case AdClientSettings():
                findings = self._findings(client.name, "LDAP Client section")
                return findings, DirectoryProbe(client, self.reactor, findings, self.user).run()
            case RadiusClientSettings():
                findings = self._findings(client.name, "RADIUS Client section")
                return findings, probe_upstream(client, self.reactor, findings)
            case _:
                return self._findings(client.name, "section"), _nothing()

    # ------------------------------------------------------------ what listens

    def _radius_server(self, number: int) -> tuple[Findings, Coroutine[Any, Any, None]]:
        section = self.settings.radius_servers[number]
        findings = self._findings(section.name, "RADIUS Server")
        if not self.has_ports:
            return findings, _nothing()
        return findings, self._in_thread(lambda: probe_radius_port(section, findings))

    def _ldap_server(self, section: LdapServerSettings) -> tuple[Findings, Coroutine[Any, Any, None]]:
        findings = self._findings(section.name, "LDAP Server")

        def look() -> None:
            is_ours = self.is_daemon_running
            if self.has_ports:
                probe_tcp_port(section.interface, section.port, "LDAP", is_ours, findings)
            if section.ssl_cert_path is not None:
                if self.has_ports:
                    probe_tcp_port(section.interface, section.ssl_port, "LDAPS", is_ours, findings)
                note_chain(findings, str(section.ssl_cert_path), certificates_in(section.ssl_cert_path))

        return findings, self._in_thread(look)

    async def _http_proxy(self, interface: str, port: int, api_host: str, findings: Findings) -> None:
        if self.has_ports:
            probe_tcp_port(interface, port, "HTTP proxy", self.is_daemon_running, findings)
        await probe_host(self.reactor, f"{api_host}:443", api_host, _HTTPS, None, _SECONDS, findings)

    async def _service(self, findings: Findings) -> None:
        settings = self.settings.service
        await probe_embedded(settings, self.seed_key, self.reactor, findings)
        state = read_state(settings.state_dir)
        if state is not None and state.left(time.time()) > 0:
            advice = "`authproxy primary-only stop` ends it"
            findings.warn("primary-only mode", f"is on, started by {state.by}: passwords alone are enough", advice)
        if settings.web is not None:
            web = settings.web
            await self._in_thread(lambda: self._web(web, findings))

    def _web(self, web: WebSettings, findings: Findings) -> None:
        if self.has_ports:
            probe_tcp_port(web.interface, web.port, f"HTTPS, {web.base_url}", self.is_daemon_running, findings)
        if web.ssl_cert_path is not None:
            note_chain(findings, str(web.ssl_cert_path), certificates_in(web.ssl_cert_path))

    async def _host(self, findings: Findings) -> None:
        probe_clock(findings)

    # ------------------------------------------------------------ the rest

    def _remotes(self) -> list[tuple[str, RemoteSettings]]:
        """Sections with the same keys are one connection."""
        found: dict[RemoteSettings, list[str]] = {}
        servers: list[RadiusServerSettings | LdapServerSettings] = [
            *self.settings.radius_servers,
            *self.settings.ldap_servers,
        ]
        for section in servers:
            if section.remote is not None:
                found.setdefault(section.remote, []).append(section.name)
        return [(", ".join(names), remote) for remote, names in found.items()]

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await deferToThreadPool(self.reactor, self.reactor.getThreadPool(), work)


async def _nothing() -> None:
    return


async def log_connectivity(connectivity: Connectivity) -> None:
    """``test_connectivity_on_startup``: the same, into the log."""

    def tell(findings: Findings) -> None:
        for finding in findings.found:
            log = {Level.INFO: _log.info, Level.WARN: _log.warn, Level.ERROR: _log.error}[finding.level]
            log("connectivity: {section}: {text}", section=findings.section, text=finding.render())

    done = await connectivity.run(tell)
    problems = sum(findings.count(Level.ERROR) for findings in done)
    _log.info("connectivity: {summary}", summary=f"{problems or 'no'} problems were found")
