"""Opening a directory by the name of its ``[ad_client]`` section."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from authproxy.config.settings import AdClientSettings, ClientSettings
from authproxy.directory.connection import Address, connected
from authproxy.directory.reader import LdapRoster
from authproxy.ldap.service_records import ServiceRecord, in_order
from authproxy.secondfactor.roster import DirectoryProblem, Roster

LooksUp = Callable[[str], Sequence[ServiceRecord]]
"""Asks the DNS for a service, and waits. Raises AuthproxyError."""


class Servers:
    """``sections``: as they are configured when somebody asks."""

    def __init__(self, sections: Callable[[], Mapping[str, ClientSettings]], lookup: LooksUp) -> None:
        self._sections = sections
        self._lookup = lookup

    @contextmanager
    def open(self, client: str) -> Iterator[Roster]:
        """Raises DirectoryProblem."""
        settings = self._sections().get(client)
        if not isinstance(settings, AdClientSettings):
            raise DirectoryProblem(f"the configuration has no [{client}] that is an ad_client")
        with connected(settings, self._addresses(settings)) as connection:
            yield LdapRoster(connection, settings.search_dn)

    def _addresses(self, settings: AdClientSettings) -> Sequence[Address]:
        if not settings.service:
            return settings.hosts
        records = in_order(self._lookup(settings.service), lambda most: random.randint(0, most))  # noqa: S311
        return [(record.host, settings.port or record.port) for record in records]
