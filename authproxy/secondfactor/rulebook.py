"""What administrators decided, held in memory for logins: settings of the account, and policies.

It is as fresh as the database: before the first job of a transaction the writer notices that another connection
(the panel's, or a command's) has committed something, which costs it a microsecond, and has the rules read anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import Prices
from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.account_settings import (
    AccountSettings,
    Defaults,
    ensure_account_id,
    load_settings,
    read_settings,
)
from authproxy.secondfactor.phone_location import nowhere
from authproxy.secondfactor.policy_merge import Effective, Layer, Level, merge
from authproxy.secondfactor.policy_sections import (
    FACTORS,
    PASSCODE,
    PHONE,
    PUSH,
    SMS,
    VERIFIED_PUSH,
    read_sections,
)
from authproxy.secondfactor.policy_set import Link, PolicySet, policy_of_row
from authproxy.secondfactor.refusals import BadValue
from authproxy.store.statements import Connection, Row, compiled
from authproxy.store.tables import groups, policies, policy_links
from authproxy.store.writer import Writer

_MOST_MERGED = 10_000
_NO_GROUPS: frozenset[str] = frozenset()
_POLICIES = compiled(sa.select(policies.c.id, policies.c.name, policies.c.is_global, policies.c.sections))
_LINKS = compiled(
    sa.select(
        policy_links.c.application,
        policy_links.c.group_id,
        sa.func.coalesce(groups.c.name, sa.literal_column("''")),
        policy_links.c.policy_id,
        policy_links.c.position,
    ).select_from(policy_links.outerjoin(groups, groups.c.id == policy_links.c.group_id))
)


@dataclass(frozen=True, slots=True)
class Rules:
    """``service`` and ``prices``: ``[service]`` and ``[telephony]`` with what was changed since. ``base``: what
    they come to as the weakest of policies."""

    account: AccountSettings
    service: ServiceSettings
    prices: Prices
    policies: PolicySet
    base: Layer
    _merged: dict[tuple[str, frozenset[str]], Effective] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, account: AccountSettings, found: PolicySet) -> Rules:
        service = account.service()
        return cls(account, service, account.prices(), found, base_layer(account, service))

    def effective(
        self, application: str, member_of: frozenset[str] = _NO_GROUPS, own: Layer | None = None
    ) -> Effective:
        """What applies to who is in these groups (IDs). ``own``: what the application's settings decide."""
        if own is not None:
            return merge(self.policies.layers(application, member_of, own, self.base))
        key = (application, member_of)
        known = self._merged.get(key)
        if known is None:
            if len(self._merged) >= _MOST_MERGED:
                self._merged.clear()
            known = self._merged[key] = merge(self.policies.layers(application, member_of, None, self.base))
        return known


_SWITCHES: Final = (
    ("push_enabled", (PUSH, VERIFIED_PUSH)),
    ("voice_enabled", (PHONE,)),
    ("sms_enabled", (SMS,)),
    ("mobile_otp_enabled", (PASSCODE,)),
)


def base_layer(account: AccountSettings, service: ServiceSettings) -> Layer:
    """``lockout_seconds`` need be no whole minutes."""
    sections = dict(read_sections({"new_user": {"behavior": service.new_user_policy}}))
    sections["lockout"] = {"threshold": service.lockout_after, "minutes": service.lockout_seconds / 60}
    off = {word for name, words in _SWITCHES if not account.flag(name) for word in words}
    if off:
        sections["factors"] = {"allowed": [word for word in FACTORS if word not in off]}
    return Layer(Level.DEFAULT, sections, where="configuration and account settings")


class Rulebook:
    """``rules`` is replaced as a whole, and may be looked at from any thread; what a login may not miss is looked
    at in its job. ``country_of``: of an IP address, two letters or ""."""

    def __init__(self, defaults: Defaults, country_of: Callable[[str], str] = nowhere) -> None:
        self.defaults = defaults
        self.country_of = country_of
        self.rules = Rules.of(AccountSettings(defaults), PolicySet())
        self._seen: object = None

    def read(self, connection: Connection) -> None:
        """In the writer's thread. Raises StoreUnavailable for rows that nothing here has written: nobody is let in
        by rules that can't be read."""
        account = load_settings(connection, self.defaults)
        kept = connection.execute(_POLICIES).fetchall(), connection.execute(_LINKS).fetchall()
        if (account, kept) == self._seen:
            return
        self.rules = Rules.of(account, policy_set(*kept))
        self._seen = (account, kept)

    def follow(self, writer: Writer, connection: sqlite3.Connection) -> None:
        """Before ``writer`` is started: ``connection`` is its own. Raises StoreUnavailable."""
        try:
            ensure_account_id(connection)
            self._read_safely(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the account's settings can't be read: {error}") from error
        writer.on_others = self._read_safely

    def _read_safely(self, connection: Connection) -> None:
        try:
            self.read(connection)
        except (ValueError, BadValue) as error:
            raise StoreUnavailable(f"the account's settings or policies can't be read: {error}") from error

    @property
    def service(self) -> ServiceSettings:
        return self.rules.service


def policy_set(kept: Iterable[Row], links: Iterable[Row]) -> PolicySet:
    """Raises BadValue or ValueError."""
    return PolicySet.of([policy_of_row(*row) for row in kept], [Link(*row) for row in links])


def read_rules(connection: sa.Connection, defaults: Defaults) -> Rules:
    """What the daemon goes by, for administrators. Raises BadValue or ValueError."""
    kept, links = (connection.exec_driver_sql(sql).all() for sql in (_POLICIES, _LINKS))
    found = policy_set(map(tuple, kept), map(tuple, links))
    return Rules.of(read_settings(connection, defaults), found)
