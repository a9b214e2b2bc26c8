"""Reaching the servers of an ``[ad_client]``, with the very code and settings that logins use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.threads import deferToThreadPool

from authproxy.config.settings import AdClientSettings, Transport
from authproxy.errors import AuthproxyError, PrimaryUnavailable
from authproxy.ldap.client import ConnectionFailed
from authproxy.ldap.connect_problem import ServiceBindRefused
from authproxy.ldap.discovery import system_lookup
from authproxy.ldap.host import DirectoryHost, HostRules
from authproxy.ldap.service_records import in_order
from authproxy.ldap.tls import TlsRules
from authproxy.model import Denied
from authproxy.primary.directory import DirectoryPrimary
from authproxy.primary.service_account import service_bind, service_name
from authproxy.support.chain import WatchedTls, note_chain
from authproxy.support.findings import Findings

_WORDS = {Transport.CLEAR: "TCP connect", Transport.STARTTLS: "StartTLS", Transport.LDAPS: "LDAPS"}
Address = tuple[str, int]


class DirectoryProbe:
    """``user``: whose entry is looked up besides; empty: nobody's. Raises ConfigError from :meth:`run` never: it
    is among the findings."""

    def __init__(self, settings: AdClientSettings, reactor: Reactor, findings: Findings, user: str = "") -> None:
        self._settings = settings
        self._reactor = reactor
        self._findings = findings
        self._user = user
        self._is_account_refused = False

    async def run(self) -> None:
        addresses = await self._addresses()
        patience = self._settings.timeout / max(len(addresses), 1)
        for address in addresses:
            try:
                await self._look_at(address, patience)
            except AuthproxyError as error:
                self._findings.error(_named(address), str(error))

    async def _addresses(self) -> Sequence[Address]:
        settings, findings = self._settings, self._findings
        if not settings.service:
            return settings.hosts
        since = findings.now()
        tried = f"DNS, SRV records of {settings.service}"
        try:
            found = await system_lookup(self._reactor)(settings.service)
        except AuthproxyError as error:
            findings.error(tried, str(error), "see host, and the name servers in /etc/resolv.conf", since)
            return ()
        records = in_order(found.records, lambda most: 0)
        addresses = [(record.host, settings.port or record.port) for record in records if record.host]
        findings.info(tried, ", ".join(map(_named, addresses)) or "none", since)
        return addresses

    async def _look_at(self, address: Address, patience: float) -> None:
        if not await self._connect(address, patience):
            return
        if self._is_account_refused:
            self._findings.warn(
                f"{_named(address)}, service account",
                "not tried: another server refused it, and each try counts towards its lockout",
            )
            return
        if await self._bind(address, patience):
            await self._search(address, patience)

    # ------------------------------------------------------------ step by step

    async def _connect(self, address: Address, patience: float) -> bool:
        settings, findings = self._settings, self._findings
        host, secure = self._host(address, patience)
        tried = f"{_named(address)}, {_WORDS[settings.transport]}"
        since = findings.now()
        try:
            connection = await host.connect()
        except ConnectionFailed as error:
            findings.error(tried, _without(str(error), host.name), "", since)
            return False
        else:
            connection.close()
            findings.info(tried, "connected", since)
            return True
        finally:
            if secure is not None:
                note_chain(findings, tried, secure.shown)
            host.close()

    async def _bind(self, address: Address, patience: float) -> bool:
        findings = self._findings
        host, _ = self._host(address, patience)
        tried = f"{_named(address)}, bind as {service_name(self._settings)!r} ({self._settings.auth_type})"
        since = findings.now()
        try:
            await host.service()
        except ServiceBindRefused as error:
            self._is_account_refused = True
            findings.error(tried, _without(str(error), host.name), "", since)
            return False
        except ConnectionFailed as error:
            findings.error(tried, _without(str(error), host.name), "", since)
            return False
        finally:
            host.close()
        findings.info(tried, "the directory takes the service account", since)
        return True

    async def _search(self, address: Address, patience: float) -> None:
        """As logins do, on this server alone."""
        settings, findings = self._settings, self._findings
        alone = replace(settings, hosts=(address,), service="", timeout=patience)
        primary = DirectoryPrimary(alone, self._reactor)
        tried = f"{_named(address)}, search_dn {settings.search_dn!r}"
        since = findings.now()
        try:
            await primary.verify()
            findings.info(tried, "is there", since)
            if self._user:
                await self._look_up(primary, address)
        except PrimaryUnavailable as error:
            findings.error(tried, str(error), "see search_dn, and what the service account may read", since)
        finally:
            primary.close()

    async def _look_up(self, primary: DirectoryPrimary, address: Address) -> None:
        findings = self._findings
        tried = f"{_named(address)}, user {self._user!r}"
        since = findings.now()
        found = await primary.look_up(self._user)
        if isinstance(found, Denied):
            advice = "see search_dn, ldap_filter, username_attribute and at_attribute"
            findings.error(
                tried, f"{found.reason}: {found.detail}" if found.detail else found.reason, advice, since
            )
            return
        mail = f", mail {found.who.email}" if found.who.email else ""
        findings.info(tried, f"{found.who.dn}, user name {found.who.username!r}{mail}", since)
        since = findings.now()
        refused = await primary.admit(found)
        if refused is not None:
            findings.error(tried, f"{refused.reason}: {refused.detail}", "see security_group_dn", since)
        elif self._settings.security_group_dn:
            findings.info(tried, f"is in {self._settings.security_group_dn}", since)

    def _host(self, address: Address, patience: float) -> tuple[DirectoryHost, WatchedTls | None]:
        """Raises ConfigError when the certificates or the ciphers can't be used."""
        settings, reactor = self._settings, self._reactor
        rules = TlsRules(
            settings.ssl_ca_certs_file,
            settings.ssl_verify_hostname,
            settings.minimum_tls_version,
            settings.cipher_list,
        )
        name, port = address
        secure = None if settings.transport is Transport.CLEAR else WatchedTls(rules, name)

        def in_thread(work: Callable[[], bytes | None]) -> Awaitable[bytes | None]:
            return deferToThreadPool(reactor, reactor.getThreadPool(), work)

        bind = service_bind(settings, in_thread)
        host_rules = HostRules(settings.name, settings.transport, bind, service_name(settings), patience)
        return DirectoryHost(reactor, name, port, host_rules, secure), secure


def _named(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _without(text: str, name: str) -> str:
    return text.removeprefix(f"{name}: ")
