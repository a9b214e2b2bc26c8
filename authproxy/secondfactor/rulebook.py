"""What administrators decided, held in memory for logins: settings of the account.

It is as fresh as the database: before the first job of a transaction the writer notices that another connection
(the panel's, or a command's) has committed something, which costs it a microsecond, and has the rules read anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import Prices
from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.account_settings import AccountSettings, Defaults, ensure_account_id, load_settings
from authproxy.secondfactor.refusals import BadValue
from authproxy.store.statements import Connection
from authproxy.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Rules:
    """``service`` and ``prices``: ``[service]`` and ``[telephony]`` with what was changed since."""

    account: AccountSettings
    service: ServiceSettings
    prices: Prices

    @classmethod
    def of(cls, account: AccountSettings) -> Rules:
        return cls(account, account.service(), account.prices())


class Rulebook:
    """``rules`` is replaced as a whole, and may be looked at from any thread; what a login may not miss is looked
    at in its job."""

    def __init__(self, defaults: Defaults) -> None:
        self.defaults = defaults
        self.rules = Rules.of(AccountSettings(defaults))

    def read(self, connection: Connection) -> None:
        """In the writer's thread. Raises StoreUnavailable for rows that nothing here has written:
        nobody is let in by rules that can't be read."""
        try:
            self.rules = Rules.of(load_settings(connection, self.defaults))
        except (ValueError, BadValue) as error:
            raise StoreUnavailable(f"the account's settings can't be read: {error}") from error

    def follow(self, writer: Writer, connection: sqlite3.Connection) -> None:
        """Before ``writer`` is started: ``connection`` is its own. Raises StoreUnavailable."""
        try:
            ensure_account_id(connection)
            self.read(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the account's settings can't be read: {error}") from error
        writer.on_others = self.read

    @property
    def service(self) -> ServiceSettings:
        return self.rules.service
