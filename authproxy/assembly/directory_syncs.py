"""Syncs of directories, wired: who reads, who writes, who invites."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from authproxy.config.settings import AdClientSettings, Settings
from authproxy.ldap.discovery import system_lookup
from authproxy.ldap.service_records import ServiceRecord
from authproxy.metrics import Metrics
from authproxy.secondfactor.embedded import Embedded
from authproxy.secondfactor.invitations import invite_some
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.roster import OpensRoster, Roster
from authproxy.secondfactor.sync_clerk import Invites
from authproxy.secondfactor.sync_desk import SyncDesk


def open_syncs(
    embedded: Embedded,
    settings: Callable[[], Settings],
    mail: Mailroom | None,
    metrics: Metrics,
    reactor: Reactor,
    closers: list[Callable[[], object]],
) -> SyncDesk:
    """Started. ``settings``: those in use when a sync begins. Its office is its own: a first sync is long."""
    office = embedded.office(reactor, embedded.pushes.look_again)
    desk = SyncDesk(
        office,
        opens(settings, lambda name: asked_in_reactor(name, reactor)),
        embedded.settings.state_dir,
        embedded.settings.username_normalization,
        reactor,
        random.random,
        invites_by(mail),
    )
    desk.on_end = lambda directory, run: metrics.directory_syncs.labels(directory, run.status).inc()
    desk.on_success = lambda directory, at: metrics.directory_synced.labels(directory).set(at)
    desk.sections = lambda: _sections(settings())
    closers += [office.close, lambda: Deferred.fromCoroutine(desk.close())]
    desk.start()
    return desk


def _sections(settings: Settings) -> list[str]:
    return sorted(name for name, each in settings.clients.items() if isinstance(each, AdClientSettings))


def opens(settings: Callable[[], Settings], lookup: Callable[[str], Sequence[ServiceRecord]]) -> OpensRoster:
    @contextmanager
    def opened(client: str) -> Iterator[Roster]:
        from authproxy.directory.servers import Servers  # ldap3 takes time and memory that most daemons needn't

        with Servers(lambda: settings().clients, lookup).open(client) as roster:
            yield roster

    return opened


def asked_in_reactor(name: str, reactor: Reactor) -> Sequence[ServiceRecord]:
    """Waits, in a thread. Raises NotFound of the discovery."""

    async def ask() -> Sequence[ServiceRecord]:
        return (await system_lookup(reactor)(name)).records

    found: Sequence[ServiceRecord] = blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(ask()))
    return found


def invites_by(mail: Mailroom | None) -> Invites:
    def invite(connection: sa.Connection, user_ids: Sequence[str], actor: str) -> Iterable[tuple[str, str]]:
        if mail is None:
            return [(f"who is new ({len(user_ids)})", "the configuration has no [mail]")]
        return invite_some(connection, mail, user_ids, actor).refused

    return invite
