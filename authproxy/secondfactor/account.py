"""A user with devices and group statuses, as one statement loads them, and who may pass or not."""

from __future__ import annotations

from enum import Enum

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.secondfactor.lockout import Strikes
from authproxy.secondfactor.policy_merge import DEFAULT_POLICY, Effective
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import aliases, device_users, devices, groups, user_groups, users
from authproxy.value import value


@value
class Device:
    """Something that makes one-time codes. See ``store.tables.devices``."""

    id: str
    kind: str
    origin: str
    name: str
    serial: str | None
    digits: int
    step: int
    algorithm: str
    seed: bytes
    counter: int
    last_step: int | None
    drift: int

    @property
    def label(self) -> str:
        """How it is shown to people."""
        return self.name or (f"token {self.serial}" if self.serial else self.id)


class Standing(Enum):
    """What a user's own status and those of the groups come to."""

    ACTIVE = 0
    BYPASS = 1
    DISABLED = 2


@value
class Account:
    """``policy``: what applies to this login, once it was looked up."""

    id: str
    username: str
    standing: Standing
    disabled_by: str
    strikes: Strikes
    devices: tuple[Device, ...]
    policy: Effective = DEFAULT_POLICY

    def under(self, policy: Effective) -> Account:
        """The same, now that it is known what applies. (Thrice as fast as ``dataclasses.replace``.)"""
        return Account(self.id, self.username, self.standing, self.disabled_by, self.strikes, self.devices, policy)


_RANK = {"active": 0, "bypass": 1, "disabled": 2}
_group_rank = (
    sa.select(
        sa.func.max(
            sa.case(
                (groups.c.status == sa.literal_column("'disabled'"), sa.literal_column("2")),
                (groups.c.status == sa.literal_column("'bypass'"), sa.literal_column("1")),
                else_=sa.literal_column("0"),
            )
        )
    )
    .select_from(user_groups.join(groups, groups.c.id == user_groups.c.group_id))
    .where(user_groups.c.user_id == users.c.id)
    .scalar_subquery()
)
_LOAD = compiled(
    sa.select(
        users.c.id,
        users.c.username,
        users.c.status,
        users.c.failures,
        users.c.locked_until,
        _group_rank.label("group_rank"),
        devices.c.id.label("device_id"),
        devices.c.kind,
        devices.c.origin,
        devices.c.name,
        devices.c.serial,
        devices.c.digits,
        devices.c.step,
        devices.c.algorithm,
        devices.c.seed,
        devices.c.counter,
        devices.c.last_step,
        devices.c.drift,
    )
    .select_from(
        users.outerjoin(device_users, device_users.c.user_id == users.c.id).outerjoin(
            devices, devices.c.id == device_users.c.device_id
        )
    )
    .where(users.c.username == bindparam("username"))
    .order_by(device_users.c.position)
)
_FIRST_DEVICE_COLUMN = 6


_REAL_NAME = compiled(
    sa.select(users.c.username)
    .join(aliases, aliases.c.user_id == users.c.id)
    .where(aliases.c.name == bindparam("alias"))
)


def load_account(connection: Connection, username: str) -> Account | None:
    """``username``: normalized, or an alias. None: there is no such user."""
    rows = connection.execute(_LOAD, {"username": username}).fetchall()
    if not rows:  # only now: most names are no aliases
        real = connection.execute(_REAL_NAME, {"alias": username}).fetchone()
        rows = [] if real is None else connection.execute(_LOAD, {"username": real[0]}).fetchall()
    if not rows:
        return None
    user_id, name, status, failures, locked_until, group_rank = rows[0][:_FIRST_DEVICE_COLUMN]
    own = _RANK[status]
    return Account(
        user_id,
        name,
        Standing(max(own, group_rank or 0)),
        "" if own == Standing.DISABLED.value else "a group of the user is disabled",
        Strikes(failures, locked_until),
        tuple(Device(*row[_FIRST_DEVICE_COLUMN:]) for row in rows if row[_FIRST_DEVICE_COLUMN] is not None),
    )


_LOGGED_IN = compiled(users.update().where(users.c.id == bindparam("user_id")).values(last_login=bindparam("now")))
_LOGGED_IN_CLEARED = compiled(
    users.update()
    .where(users.c.id == bindparam("user_id"))
    .values(last_login=bindparam("now"), failures=sa.literal_column("0"), locked_until=sa.null())
)
_STRUCK = compiled(
    users.update()
    .where(users.c.id == bindparam("user_id"))
    .values(failures=bindparam("count"), locked_until=bindparam("until"))
)


def note_login(connection: Connection, account: Account, now: float) -> None:
    """The user is in: remembers when, and forgets wrong codes."""
    clean = account.strikes.failures == 0 and account.strikes.locked_until is None
    connection.execute(_LOGGED_IN if clean else _LOGGED_IN_CLEARED, {"user_id": account.id, "now": now})


def note_strikes(connection: Connection, account: Account, strikes: Strikes) -> None:
    connection.execute(_STRUCK, {"user_id": account.id, "count": strikes.failures, "until": strikes.locked_until})
