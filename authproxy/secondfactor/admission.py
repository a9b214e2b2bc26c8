"""Whether a second factor is asked of a user at all: statuses, lockout, policies, and users whom nobody knows."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import Allowed, Reason, Refused
from authproxy.secondfactor.account import Account, Standing, load_account, note_login
from authproxy.secondfactor.policy_gate import BY_POLICY, TRUSTED_NETWORK, Asked, Closed, Open, gate
from authproxy.secondfactor.policy_merge import Effective, Layer
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.wording import DENIED
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import phone_apps, phone_users, security_keys, user_groups
from authproxy.value import value

NOT_ENROLLED: Final = "not enrolled"
BYPASS_STATUS: Final = "bypass status"
NOT_ASKED: Final = frozenset((NOT_ENROLLED, BYPASS_STATUS, BY_POLICY, TRUSTED_NETWORK))
"""What stands for a factor where none is asked for."""

_A_LONG_TIME = 100 * 365 * 86_400.0
_GROUPS = compiled(sa.select(user_groups.c.group_id).where(user_groups.c.user_id == bindparam("user")))
_THINGS = compiled(
    sa.union_all(
        sa.select(phone_users.c.phone_id)
        .select_from(phone_users.outerjoin(phone_apps, phone_apps.c.phone_id == phone_users.c.phone_id))
        .where(
            phone_users.c.user_id == bindparam("user"),
            sa.func.coalesce(phone_apps.c.is_untested, sa.literal_column("0")) == sa.literal_column("0"),
        ),
        sa.select(security_keys.c.id).where(security_keys.c.user_id == bindparam("user")),
    )
)


@value
class Admission:
    """To one application. ``own``: what its settings decide. ``client_ip``: the user's address as the appliance or
    the application says it, or "". ``groups``: IDs; who is in none of them is refused, if there are any. To enroll
    is up to the caller, here that denies."""

    book: Rulebook
    application: str
    own: Layer | None = None
    client_ip: str = ""
    groups: frozenset[str] = frozenset()

    def judge(
        self, connection: Connection, name: str, now: float, message: str = DENIED
    ) -> Account | Allowed | Refused:
        """In the writer's thread. ``name``: normalized. ``message``: what a refused user reads. An Account has the
        policy that applies."""
        if self.groups and not self.groups & _groups_of(connection, load_account(connection, name)):
            return Refused(Reason.NOT_IN_GROUP, message, detail="the application is for other groups")
        account = standing(connection, name, now, message)
        if isinstance(account, Allowed | Refused):
            return account
        policy = self.policy(connection, account)
        match gate(policy, self.client_ip, self.book.country_of):
            case Closed(reason, why):
                return Refused(reason, message, detail=why)
            case Open(factor, why, if_enrolled) if not if_enrolled or _has_device(connection, account):
                if account is not None:
                    note_login(connection, account, now)
                return Allowed(factor, is_given=False, detail=why)
            case Open() | Asked():
                pass
        if account is not None:
            return account.under(policy)
        if policy.new_user.behavior == "allow":
            why = policy.who_decided("new_user") if policy.is_by_policy("new_user") else ""
            return Allowed(NOT_ENROLLED, is_given=False, detail=why)
        return unknown(name, message)

    def policy(self, connection: Connection, account: Account | None) -> Effective:
        """In the writer's thread. Groups are looked up only where a policy is for one."""
        rules, groups = self.book.rules, frozenset[str]()
        if rules.policies.asks_for_groups(self.application):
            groups = _groups_of(connection, account)
        return rules.effective(self.application, groups, self.own)

    def of_strangers(self) -> Effective:
        """What applies to users whom nobody knows: they are in no group."""
        return self.book.rules.effective(self.application, frozenset(), self.own)


def standing(
    connection: Connection, name: str, now: float, message: str = DENIED
) -> Account | Allowed | Refused | None:
    """By the statuses alone, which policies do not outrank. None: nobody knows the user."""
    account = load_account(connection, name)
    if account is None:
        return None
    if account.standing is Standing.DISABLED:
        return Refused(Reason.USER_DISABLED, message, detail=account.disabled_by)
    if account.standing is Standing.BYPASS:
        note_login(connection, account, now)
        return Allowed(BYPASS_STATUS, is_given=False)
    if account.strikes.is_locked(now):
        return Refused(Reason.USER_LOCKED_OUT, message, detail=_how_long(account, now))
    return account


def unknown(name: str, message: str = DENIED) -> Refused:
    return Refused(Reason.NOT_ENROLLED, message, detail=f"the service knows no user {name!r}")


def _groups_of(connection: Connection, account: Account | None) -> frozenset[str]:
    """IDs. Strangers are in none."""
    if account is None:
        return frozenset()
    return frozenset(row[0] for row in connection.execute(_GROUPS, {"user": account.id}).fetchall())


def _has_device(connection: Connection, account: Account | None) -> bool:
    if account is None:
        return False
    return bool(account.devices) or connection.execute(_THINGS, {"user": account.id}).fetchone() is not None


def _how_long(account: Account, now: float) -> str:
    left = (account.strikes.locked_until or now) - now
    return f"for another {round(left)} s" if left < _A_LONG_TIME else "until an administrator unlocks"
