"""A phone's own activation link, sent to its user by mail or SMS.

Good for a day by default. Who was sent one that is still open is sent no other for that phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.activations import DEFAULT_SECONDS, NewActivation, activate_phone, hash_of
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.gateways import Text
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.refusals import AlreadyThere, BadValue
from authproxy.secondfactor.users import User
from authproxy.store.tables import activations

_TEXT: Final = "Activate this phone for signing in as {username}: {link}"


@dataclass(frozen=True, slots=True)
class SentActivation:
    """``message``: the ID of the mail. ``expires`` in epoch seconds."""

    message: str
    expires: float


def open_activation(connection: sa.Connection, phone_id: str, now: float) -> float | None:
    """Until when the link is good that was sent for a phone, in epoch seconds. None: another may be sent."""
    query = sa.select(activations.c.expires).where(
        activations.c.phone_id == phone_id,
        activations.c.sent.is_not(None),
        activations.c.claimed.is_(None),
        activations.c.expires > now,
    )
    return connection.execute(query).scalar()


def send_activation(
    connection: sa.Connection,
    mail: Mailroom,
    user: User,
    phone: PhoneRow,
    actor: str,
    address: str = "",
    seconds: int = DEFAULT_SECONDS,
) -> SentActivation:
    """By mail. ``address``: where the actor is. Raises BadValue; AlreadyThere while an earlier link is open."""
    if not user.email:
        raise BadValue(f"{user.username} has no mail address")
    made = _made(connection, mail.base_url, mail.now(), user, phone, seconds)
    values = {
        "username": user.username,
        "name": user.realname or user.display_name,
        "device": phone.name or ("tablet" if not phone.number and phone.type == "mobile" else "phone"),
        "expires": made.expires,
    }
    draft = mail.draft("activation", user.email, values, {"link": made.url}, user_id=user.id)
    message = mail.post(connection, draft)
    _note(connection, actor, address, user, phone, made, "mail")
    return SentActivation(message, made.expires)


def activation_text(
    connection: sa.Connection,
    base_url: str,
    now: float,
    user: User,
    phone: PhoneRow,
    actor: str,
    address: str = "",
    seconds: int = DEFAULT_SECONDS,
    message: str = _TEXT,
) -> Text:
    """By SMS: what the caller gives to ``Texts.send`` once this is committed. ``message``: with ``{username}`` and
    ``{link}`` where they stand. Raises as ``send_activation``."""
    if not phone.number or phone.type == "landline":
        raise BadValue("the phone has no number that takes messages")
    made = _made(connection, base_url, now, user, phone, seconds)
    _note(connection, actor, address, user, phone, made, "sms")
    body = message.replace("{username}", user.username).replace("{link}", made.url)
    return Text(phone.reached, user.id, body, "activation", secrets=(made.url,))


def _made(
    connection: sa.Connection, base_url: str, now: float, user: User, phone: PhoneRow, seconds: int
) -> NewActivation:
    if not base_url:
        raise BadValue("the web side is off: a link would lead nowhere")
    if user.username not in phone.usernames:
        raise BadValue(f"this is no phone of {user.username}")
    if open_activation(connection, phone.id, now) is not None:
        raise AlreadyThere(
            "a link was sent for this phone that is still good: another can be sent when it has expired"
        )
    made = activate_phone(connection, user.id, phone.id, base_url, seconds, now=now)
    connection.execute(activations.update().where(activations.c.hash == hash_of(made.code)).values(sent=now))
    return made


def _note(
    connection: sa.Connection,
    actor: str,
    address: str,
    user: User,
    phone: PhoneRow,
    made: NewActivation,
    way: str,
) -> None:
    detail: dict[str, JsonValue] = {"phone": phone.id, "by": way, "expires": made.expires}
    note(connection, actor, "activation send", user.username, detail, address=address)
