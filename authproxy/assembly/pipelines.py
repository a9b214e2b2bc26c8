"""The login pipeline of each server section."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor

from authproxy.authenticator import Authenticator
from authproxy.config.settings import Failmode, LdapServerSettings, RadiusServerSettings, ServerMode
from authproxy.deadlines import Deadlines
from authproxy.loginlog import AuthEvents, LoginLog, SectionNames
from authproxy.metrics import Metrics
from authproxy.model import LoginRecord, Primary, SecondFactor
from authproxy.policy import Rules
from authproxy.secondfactor.embedded import Embedded
from authproxy.support.desk import SupportDesk
from authproxy.typed import Appended, FieldReader, WholeFactor, WholePassword


class Pipelines:
    """Makes those of one configuration, and knows whether a login is in one of them."""

    def __init__(
        self,
        embedded: Embedded,
        metrics: Metrics,
        events: AuthEvents | None,
        reactor: Reactor,
        desk: SupportDesk,
        trace: Callable[[LoginRecord], None] | None = None,
    ) -> None:
        self._embedded = embedded
        self._metrics = metrics
        self._events = events
        self._reactor = reactor
        self._desk = desk
        self._trace = trace
        self._deadlines: list[Deadlines] = []

    def authenticator(
        self,
        section: RadiusServerSettings | LdapServerSettings,
        rules: Rules,
        fields: FieldReader,
        primary: Primary,
        second_factor: SecondFactor,
    ) -> Authenticator:
        deadlines = Deadlines(self._reactor, section.appliance_timeout)
        self._deadlines.append(deadlines)
        embedded = self._embedded
        ikey = section.remote.ikey if section.remote else ""
        return Authenticator(
            rules,
            fields,
            primary,
            second_factor,
            embedded.challenges,
            embedded.journal,
            LoginLog(
                SectionNames(section.name, section.client, ikey),
                self._metrics,
                self._events,
                section.debug,
                self._desk.watchlist.has,
                self._trace,
            ),
            deadlines,
            time.time,
            self._desk.primary_only,
        )

    @property
    def is_busy(self) -> bool:
        return any(deadlines.is_watching for deadlines in self._deadlines)

    def close(self) -> None:
        for deadlines in self._deadlines:
            deadlines.close()


# ---------------------------------------------------------------- one section's rules


def rules_of(section: RadiusServerSettings | LdapServerSettings) -> Rules:
    if isinstance(section, LdapServerSettings):
        return Rules(factors=section.factors, is_fail_open=section.failmode is Failmode.SAFE)
    return Rules(
        factors=section.factors,
        exempt_usernames=frozenset(name.casefold() for name in section.exempt_usernames),
        can_prompt=section.mode is ServerMode.CHALLENGE,
        prompt_format=section.prompt_format,
        must_type_factor=section.mode in (ServerMode.CONCAT, ServerMode.DUO_ONLY),
        is_fail_open=section.failmode is Failmode.SAFE,
        can_enroll=section.mode is ServerMode.CHALLENGE and section.enroll_challenge,
        verified_push=section.verified_push,
    )


def field_reader_of(section: RadiusServerSettings, has_primary: bool) -> FieldReader:
    """How the section's password field is taken apart. See docs/options.md for the modes."""
    if section.mode is ServerMode.DUO_ONLY:
        return WholeFactor()
    if section.mode is ServerMode.CHALLENGE or not section.allow_concat:
        return WholePassword()
    return Appended(section.delimiter, section.delimited_password_length, alone=not has_primary)


def ldap_field_reader_of(section: LdapServerSettings) -> FieldReader:
    if section.allow_concat:
        return Appended(section.delimiter, section.delimited_password_length)
    return WholePassword()
