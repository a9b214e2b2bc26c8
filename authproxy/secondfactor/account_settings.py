"""Settings of the whole account, as administrators change them while the daemon runs.

They are rows of the table ``settings``. What is not there is as in the configuration's ``[service]`` and
``[telephony]``, which a stored value outranks. Their names are those of the Admin API's ``settings``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import sqlalchemy as sa

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import Prices
from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.setting_kinds import Value
from authproxy.secondfactor.setting_list import BY_NAME, SETTINGS, Setting, read_value
from authproxy.store.statements import Connection, Row, compiled
from authproxy.store.tables import settings

PREFIX: Final = "account."
ID_KEY: Final = "account_id"
_MINUTE: Final = 60
_PRICES: Final = Prices()


@dataclass(frozen=True, slots=True)
class Defaults:
    """The configuration's part in it."""

    service: ServiceSettings
    prices: Prices = _PRICES

    def value(self, setting: Setting) -> Value:
        if setting.default is not None:
            return setting.default
        service = self.service
        values: dict[str, Value] = {
            "lockout_threshold": service.lockout_after,
            "lockout_expire_duration": -(-service.lockout_seconds // _MINUTE),
            "log_retention_days": service.login_retention_days,
            "message_retention_days": service.message_retention_days,
            "telephony_retention_days": service.telephony_retention_days,
            "audit_retention_days": service.audit_retention_days,
            "sms_batch": service.sms_batch,
            "sms_expiration": -(-service.sms_valid_seconds // _MINUTE),
            "sms_message": service.sms_message,
            "telephony_warning_min": self.prices.warn_below,
            "user_telephony_cost_max": self.prices.user_most,
        }
        return values[setting.name]


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """All settings at one moment. ``stored`` are those that were changed; they are valid."""

    defaults: Defaults
    stored: Mapping[str, Value] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """Raises KeyError for a name that is no setting."""
        found = self.stored.get(name)
        return self.defaults.value(BY_NAME[name]) if found is None else found

    def number(self, name: str) -> int:
        value = self[name]
        assert isinstance(value, int)
        return value

    def amount(self, name: str) -> float:
        value = self[name]
        assert isinstance(value, int | float)
        return float(value)

    def text(self, name: str) -> str:
        value = self[name]
        assert isinstance(value, str)
        return value

    def flag(self, name: str) -> bool:
        return self[name] is True

    @property
    def chosen_language(self) -> str:
        """As catalogues are called (``de``); empty: nobody has chosen one for the account."""
        return str(self.stored.get("language", "")).lower()

    def all(self) -> dict[str, Value]:
        """Every setting with what is in force."""
        return {each.name: self[each.name] for each in SETTINGS}

    # ------------------------------------------------------------ for rooms that go by the configuration

    def service(self) -> ServiceSettings:
        """``[service]`` with what was changed. No lockout that is never over has a number of seconds: 0."""
        changed: dict[str, int | str] = {}
        stored = self.stored
        for name, option, factor in _NUMBERS:
            if name in stored:
                changed[option] = int(stored[name]) * factor
        if "sms_message" in stored:
            changed["sms_message"] = str(stored["sms_message"])
        return replace(self.defaults.service, **changed) if changed else self.defaults.service  # type: ignore[arg-type]

    def prices(self) -> Prices:
        """``[telephony]``'s with what was changed."""
        before, stored = self.defaults.prices, self.stored
        return replace(
            before,
            warn_below=float(stored.get("telephony_warning_min", before.warn_below)),
            user_most=float(stored.get("user_telephony_cost_max", before.user_most)),
            stops_at_zero=self["telephony_at_zero"] == "stop",
        )


_NUMBERS: Final = (
    ("lockout_threshold", "lockout_after", 1),
    ("lockout_expire_duration", "lockout_seconds", _MINUTE),
    ("log_retention_days", "login_retention_days", 1),
    ("message_retention_days", "message_retention_days", 1),
    ("telephony_retention_days", "telephony_retention_days", 1),
    ("audit_retention_days", "audit_retention_days", 1),
    ("sms_batch", "sms_batch", 1),
    ("sms_expiration", "sms_valid_seconds", _MINUTE),
)

# ---------------------------------------------------------------- kept


_ALL: Final = compiled(
    sa.select(settings.c.key, settings.c.value).where(settings.c.key.like(sa.literal_column("'account.%'")))
)


def read_settings(connection: sa.Connection, defaults: Defaults) -> AccountSettings:
    return _of_rows(connection.exec_driver_sql(_ALL).all(), defaults)


def load_settings(connection: Connection, defaults: Defaults) -> AccountSettings:
    """The same in the writer's thread."""
    return _of_rows(connection.execute(_ALL).fetchall(), defaults)


def _of_rows(rows: Iterable[Row], defaults: Defaults) -> AccountSettings:
    """A row that another version wrote counts only if it means something here."""
    stored: dict[str, Value] = {}
    for key, text in rows:
        setting = BY_NAME.get(key.removeprefix(PREFIX))
        if setting is not None:
            stored[setting.name] = setting.kind.read(json.loads(text))
    return AccountSettings(defaults, stored)


def change_settings(
    connection: sa.Connection,
    defaults: Defaults,
    actor: str,
    changes: Mapping[str, object],
    address: str = "",
) -> AccountSettings:
    """``changes``: values as typed, or None to go back to the default. All or none. Raises BadValue."""
    before = read_settings(connection, defaults)
    wanted = {name: None if given is None else read_value(name, given) for name, given in changes.items()}
    differing = {name: value for name, value in wanted.items() if value != before.stored.get(name)}
    for name, value in differing.items():
        connection.execute(settings.delete().where(settings.c.key == PREFIX + name))
        if value is not None:
            connection.execute(settings.insert().values(key=PREFIX + name, value=json.dumps(value)))
    after = read_settings(connection, defaults)
    if differing:
        old: dict[str, JsonValue] = {name: before[name] for name in differing}
        note(connection, actor, "settings change", "", {name: after[name] for name in differing}, before=old,
             address=address)  # fmt: skip
    return after


# ---------------------------------------------------------------- the account's own name


_FIND_ID: Final = compiled(sa.select(settings.c.value).where(settings.c.key == sa.literal_column(f"'{ID_KEY}'")))


def account_id(connection: sa.Connection) -> str:
    """To quote to whoever helps. Made by the daemon when it first starts; empty before."""
    found = connection.exec_driver_sql(_FIND_ID).scalar()
    return str(found or "")


def ensure_account_id(connection: Connection) -> None:
    """Once, in whatever process comes first."""
    if connection.execute(_FIND_ID).fetchone() is None:
        connection.execute(_MAKE_ID, {"made": new_id("DA")})


_MAKE_ID: Final = compiled(
    settings.insert().values(key=sa.literal_column(f"'{ID_KEY}'"), value=sa.bindparam("made"))
)
