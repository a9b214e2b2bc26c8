"""A user's own devices, as the user may change them in the portal. Every function works in the transaction it is
handed, and touches nothing that is not this user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor import activations, devices, phones, security_keys
from authproxy.secondfactor.activations import NewActivation
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.devices import DeviceRow
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.pipush_enrollment import NewPipush, enroll_pipush
from authproxy.secondfactor.refusals import BadValue, NotDone, NotFound
from authproxy.secondfactor.security_keys import SecurityKey, user_owner
from authproxy.secondfactor.users import User, find_user
from authproxy.secondfactor.wording import said
from authproxy.store.tables import phone_users, users

ACTIVATION_SECONDS: Final = 3600
_MOST_PHONES: Final = 20
AUTOMATIC: Final = ""
_METHODS: Final = ("push", "phone", "sms")


class LastDevice(NotDone):
    """Without it the user could not log in any more."""


@dataclass(frozen=True, slots=True)
class OwnDevices:
    """``generators``: hardware tokens and authenticator apps; what a phone's own app shows is the phone's.
    ``default``: ``push:DP...``, or empty for whatever comes first."""

    user: User
    phones: Sequence[PhoneRow]
    generators: Sequence[DeviceRow]
    keys: Sequence[SecurityKey]
    default: str

    @property
    def ways_in(self) -> int:
        """With how many of them the user can log in."""
        working = [phone for phone in self.phones if phone.takes_pushes or phone.number]
        return len(working) + len(self.generators) + len(self.keys)


@dataclass(frozen=True, slots=True)
class Who:
    """Whose devices they are, and from where they are changed."""

    user_id: str
    address: str


def own_devices(connection: sa.Connection, user_id: str) -> OwnDevices:
    """Raises NotFound: the user is gone."""
    user = find_user(connection, user_id, "none")
    listed = devices.list_devices(connection, user)
    default = connection.execute(sa.select(users.c.default_method).where(users.c.id == user.id)).scalar_one()
    return OwnDevices(
        user,
        phones.list_phones(connection, user),
        [device for device in listed if device.origin != "phone"],
        security_keys.keys_of(connection, _owner(user)),
        default,
    )


def add_own_phone(
    connection: sa.Connection, who: Who, number: str, name: str, type_: str, base_url: str
) -> tuple[PhoneRow, NewActivation | None]:
    """A mobile phone or a tablet waits for its activation, and then for its test; a landline is ready. Raises
    BadValue, NotFound."""
    own = own_devices(connection, who.user_id)
    if len(own.phones) >= _MOST_PHONES:
        raise BadValue(f"there are {_MOST_PHONES} phones already: delete one first")
    if type_ == "landline" and not number.strip():
        raise BadValue(said("a landline needs a number"))
    phone = phones.add_phone(connection, own.user, number, name, type_)
    _note(connection, own.user, who, "phone add", phone.id, {"name": phone.name, "type": phone.type})
    if phone.type == "landline":
        return phone, None
    return phone, _activation(connection, own.user, phone, base_url)


def activate_anew(
    connection: sa.Connection, who: Who, phone_id: str, base_url: str, *, is_authenticator: bool = False
) -> NewActivation | NewPipush:
    """For a new phone with the old number, or an app that was installed anew. ``is_authenticator``: the app is the
    privacyIDEA Authenticator. Raises NotFound, BadValue."""
    own, phone = _own_phone(connection, who, phone_id)
    if phone.type == "landline":
        raise BadValue(said("a landline has no app to activate"))
    _note(connection, own.user, who, "phone activate", phone.id, {})
    if is_authenticator:
        return enroll_pipush(connection, own.user, phone.id, base_url, ACTIVATION_SECONDS, needs_test=True)
    return _activation(connection, own.user, phone, base_url)


def own_phone(connection: sa.Connection, who: Who, phone_id: str) -> PhoneRow:
    """Raises NotFound."""
    return _own_phone(connection, who, phone_id)[1]


def rename_own_phone(connection: sa.Connection, who: Who, phone_id: str, name: str) -> None:
    """Raises NotFound, BadValue."""
    own, phone = _own_phone(connection, who, phone_id)
    phones.change_phone(connection, phone, {"name": name})
    _note(connection, own.user, who, "phone change", phone.id, {"name": name.strip()}, {"name": phone.name})


def delete_own_phone(connection: sa.Connection, who: Who, phone_id: str) -> None:
    """Logins that wait for it end. A phone that others use too stays theirs. Raises NotFound, LastDevice."""
    own, phone = _own_phone(connection, who, phone_id)
    if phone.takes_pushes or phone.number:
        _keep_one(own)
    if len(phone.usernames) > 1:
        phones.unassign(connection, phone.id, own.user)
    else:
        phones.delete_phone(connection, phone)
    if own.default.endswith(f":{phone.id}"):
        connection.execute(users.update().where(users.c.id == own.user.id).values(default_method=AUTOMATIC))
    _note(connection, own.user, who, "phone delete", phone.id, {"name": phone.name})


def delete_own_key(connection: sa.Connection, who: Who, key_id: str) -> None:
    """Raises NotFound, LastDevice."""
    own = own_devices(connection, who.user_id)
    owner = _owner(own.user)
    key = security_keys.own_key(connection, owner, key_id)
    _keep_one(own)
    security_keys.delete_key(connection, owner, key, _actor(own.user), who.address)


def rename_own_app(connection: sa.Connection, who: Who, device_id: str, name: str) -> None:
    """An authenticator app. Raises NotFound, BadValue."""
    own, app = _own_app(connection, who, device_id)
    devices.rename_device(connection, app, name)
    _note(connection, own.user, who, "device rename", app.id, {"name": name.strip()}, {"name": app.name})


def delete_own_app(connection: sa.Connection, who: Who, device_id: str) -> None:
    """Its codes are refused from now on. Raises NotFound, LastDevice."""
    own, app = _own_app(connection, who, device_id)
    _keep_one(own)
    devices.delete_device(connection, app)
    _note(connection, own.user, who, "device delete", app.id, {"name": app.name})


def choose_default(connection: sa.Connection, who: Who, method: str) -> None:
    """``push:DP...``, ``phone:DP...``, ``sms:DP...``, or empty. The phone becomes the first of the user's, so that
    appliances, which know no method but ``auto``, ask it too. Raises NotFound, BadValue."""
    own = own_devices(connection, who.user_id)
    if method != AUTOMATIC:
        factor, _, phone_id = method.partition(":")
        if factor not in _METHODS:
            raise BadValue(f"{factor[:20]!r} is no method")
        _first(connection, own, phone_id)
    connection.execute(users.update().where(users.c.id == own.user.id).values(default_method=method))
    _note(
        connection, own.user, who, "default method", own.user.username, {"method": method}, {"method": own.default}
    )


def _first(connection: sa.Connection, own: OwnDevices, phone_id: str) -> None:
    ids = [phone.id for phone in own.phones]
    if phone_id not in ids:
        raise NotFound(said("that phone is none of yours"))
    ids.sort(key=lambda each: each != phone_id)
    for position, each in enumerate(ids, start=1):
        mine = sa.and_(phone_users.c.user_id == own.user.id, phone_users.c.phone_id == each)
        connection.execute(phone_users.update().where(mine).values(position=position))


def _own_phone(connection: sa.Connection, who: Who, phone_id: str) -> tuple[OwnDevices, PhoneRow]:
    own = own_devices(connection, who.user_id)
    found = next((phone for phone in own.phones if phone.id == phone_id), None)
    if found is None:
        raise NotFound(said("that phone is none of yours"))
    return own, found


def _own_app(connection: sa.Connection, who: Who, device_id: str) -> tuple[OwnDevices, DeviceRow]:
    """Hardware tokens are the account's: they are given and taken by administrators."""
    own = own_devices(connection, who.user_id)
    apps = [device for device in own.generators if device.origin == "software"]
    found = next((app for app in apps if app.id == device_id), None)
    if found is None:
        raise NotFound(said("that device is none of yours"))
    return own, found


def _keep_one(own: OwnDevices) -> None:
    if own.ways_in <= 1:
        raise LastDevice(
            said("this is your last device: add another one first, or ask your help desk for a bypass code")
        )


def _activation(connection: sa.Connection, user: User, phone: PhoneRow, base_url: str) -> NewActivation:
    return activations.activate_phone(connection, user.id, phone.id, base_url, ACTIVATION_SECONDS, needs_test=True)


def _owner(user: User) -> security_keys.Owner:
    return user_owner(user.id, user.username, user.display_name)


def _actor(user: User) -> str:
    return f"user:{user.username}"


def _note(
    connection: sa.Connection,
    user: User,
    who: Who,
    action: str,
    about: str,
    after: dict[str, str],
    before: dict[str, str] | None = None,
) -> None:
    note(connection, _actor(user), action, about, dict(after), before=before, address=who.address)
