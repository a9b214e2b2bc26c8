"""Invitations to enroll: a link sent by mail, good for thirty days from the first mail on.

Sending it again sends the same link and does not move that date. Once it has expired another one can be made. It
is completed when a first device has shown that it works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import JsonValue
from authproxy.secondfactor.activations import has_device, hash_of, new_code
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.listing import Listing, Window, containing, count_up_to
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.users import User, user_by_id
from authproxy.store.statements import Connection, compiled
from authproxy.store.tables import invitations, users

VALID_SECONDS: Final = 30 * 86_400.0
MOST_AT_ONCE: Final = 50
"""In one transaction: logins wait for none longer than a moment."""
_PURPOSE: Final = "invitations"
_FIRST_WINDOW: Final = Window()

COMPLETED, OPEN, EXPIRED = "completed", "open", "expired"
STATES: Final = (OPEN, COMPLETED, EXPIRED)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Times in epoch seconds. ``expires`` counts from the first mail."""

    user_id: str
    username: str
    email: str
    created: float
    expires: float
    last_sent: float | None
    times_sent: int
    completed: float | None

    def state(self, now: float) -> str:
        """One of :data:`STATES`."""
        if self.completed is not None:
            return COMPLETED
        return OPEN if self.expires > now else EXPIRED


@dataclass(frozen=True, slots=True)
class Invited:
    """What came of inviting many: how many mails are on their way, and of whom none was sent and why."""

    sent: int
    refused: tuple[tuple[str, str], ...]


# ---------------------------------------------------------------- one user


def invite(
    connection: sa.Connection,
    mail: Mailroom,
    user: User,
    actor: str,
    address: str = "",
    seconds: float = VALID_SECONDS,
) -> Invitation:
    """The first mail; or the same link once more, as long as it is open. ``address``: where the actor is.
    ``seconds``: how long the link is good. Raises BadValue, AlreadyThere."""
    _check(connection, mail, user)
    found = find_invitation(connection, user.id)
    now = mail.now()
    if found is not None and found.state(now) == OPEN:
        return _send(connection, mail, user, actor, address, is_again=True)
    code = new_code()
    connection.execute(invitations.delete().where(invitations.c.user_id == user.id))
    connection.execute(
        invitations.insert().values(
            user_id=user.id,
            code_hash=hash_of(code),
            code=mail.seeds.seal(_PURPOSE, user.id, code.encode()),
            created=now,
            expires=now + seconds,
        )
    )
    return _send(connection, mail, user, actor, address, is_again=False)


def resend(connection: sa.Connection, mail: Mailroom, user: User, actor: str, address: str = "") -> Invitation:
    """The same link, good until the same day. Raises NotFound, BadValue, AlreadyThere."""
    found = find_invitation(connection, user.id)
    if found is None:
        raise NotFound(f"{user.username} was not invited yet")
    match found.state(mail.now()):
        case "completed":
            raise AlreadyThere(f"{user.username} has completed the enrollment")
        case "expired":
            raise BadValue(f"the link that {user.username} was sent has expired: invite anew")
    _check(connection, mail, user)
    return _send(connection, mail, user, actor, address, is_again=True)


def withdraw(connection: sa.Connection, user: User, actor: str, address: str = "") -> None:
    """The link leads nowhere from now on. Raises NotFound."""
    gone = connection.execute(invitations.delete().where(invitations.c.user_id == user.id))
    if gone.rowcount == 0:
        raise NotFound(f"{user.username} was not invited")
    note(connection, actor, "enroll withdraw", user.username, address=address)


def _check(connection: sa.Connection, mail: Mailroom, user: User) -> None:
    if not mail.base_url:
        raise BadValue("the web side is off: a link would lead nowhere")
    if not user.email:
        raise BadValue(f"{user.username} has no mail address")
    if user.status == "disabled":
        raise BadValue(f"{user.username} is disabled")
    if connection.execute(sa.select(has_device(sa.literal(user.id)))).scalar_one():
        raise AlreadyThere(f"{user.username} has a device already")


def _send(
    connection: sa.Connection, mail: Mailroom, user: User, actor: str, address: str, *, is_again: bool
) -> Invitation:
    is_this = invitations.c.user_id == user.id
    sealed = connection.execute(sa.select(invitations.c.code, invitations.c.expires).where(is_this)).one()
    code = mail.seeds.unseal(_PURPOSE, user.id, sealed.code).decode()
    values = {
        "username": user.username,
        "name": user.realname or user.display_name,
        "expires": sealed.expires,
        "is_again": is_again,
    }
    link = {"link": f"{mail.base_url}/enroll/{code}"}
    message = mail.post(connection, mail.draft("enrollment", user.email, values, link, user_id=user.id))
    connection.execute(
        invitations.update().where(is_this).values(last_sent=mail.now(), times_sent=invitations.c.times_sent + 1)
    )
    detail: dict[str, JsonValue] = {"email": user.email, "expires": sealed.expires, "message": message}
    note(
        connection, actor, "enroll resend" if is_again else "enroll invite", user.username, detail, address=address
    )
    made = find_invitation(connection, user.id)
    assert made is not None
    return made


# ---------------------------------------------------------------- many users


def invite_some(
    connection: sa.Connection, mail: Mailroom, user_ids: Sequence[str], actor: str, address: str = ""
) -> Invited:
    """Hand over :func:`in_parts`. Whoever can't be invited is told apart."""
    sent, refused = 0, []
    for user_id in user_ids:
        user = user_by_id(connection, user_id)
        try:
            invite(connection, mail, user, actor, address)
            sent += 1
        except (BadValue, AlreadyThere) as error:
            refused.append((user.username, str(error)))
    return Invited(sent, tuple(refused))


def uninvited(connection: sa.Connection, now: float) -> list[str]:
    """The IDs of all that are not enrolled, have an address, are not disabled, and have no link that is open."""
    has_link = sa.exists(
        sa.select(invitations.c.user_id).where(invitations.c.user_id == users.c.id, invitations.c.expires > now)
    )
    return _ids(connection, sa.and_(users.c.email != "", users.c.status != "disabled", ~has_link))


def incomplete(connection: sa.Connection, now: float) -> list[str]:
    """The IDs of all who have a link that is open, and have not completed."""
    has_link = sa.exists(
        sa.select(invitations.c.user_id).where(
            invitations.c.user_id == users.c.id, invitations.c.expires > now, invitations.c.completed.is_(None)
        )
    )
    return _ids(connection, sa.and_(users.c.email != "", users.c.status != "disabled", has_link))


def _ids(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[str]:
    query = sa.select(users.c.id).where(where, ~has_device(users.c.id)).order_by(users.c.username)
    return list(connection.execute(query).scalars())


def in_parts(user_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    """As many as one transaction takes."""
    for start in range(0, len(user_ids), MOST_AT_ONCE):
        yield user_ids[start : start + MOST_AT_ONCE]


# ---------------------------------------------------------------- looking

_SELECT: Final = sa.select(
    *(invitations.c[name] for name in Invitation.__dataclass_fields__ if name in invitations.c),
    users.c.username,
    users.c.email,
).select_from(invitations.join(users, users.c.id == invitations.c.user_id))


def find_invitation(connection: sa.Connection, user_id: str) -> Invitation | None:
    row = connection.execute(_SELECT.where(invitations.c.user_id == user_id)).mappings().first()
    return Invitation(**row) if row is not None else None


def list_invitations(
    connection: sa.Connection, now: float, state: str = "", text: str = "", window: Window = _FIRST_WINDOW
) -> Listing[Invitation]:
    """The newest first. ``state``: one of :data:`STATES`; ``text``: a part of name or address. Empty: any."""
    conditions: list[sa.ColumnElement[Any]] = []
    done, is_over = invitations.c.completed, invitations.c.expires <= now
    by_state: dict[str, list[sa.ColumnElement[Any]]] = {
        COMPLETED: [done.is_not(None)],
        OPEN: [done.is_(None), ~is_over],
        EXPIRED: [done.is_(None), is_over],
    }
    conditions += by_state.get(state, [])
    if text.strip():
        ways = (containing(users.c.username, text.strip()), containing(users.c.email, text.strip()))
        conditions.append(sa.or_(*ways))
    query = _SELECT.where(*conditions)
    page = query.order_by(invitations.c.created.desc(), invitations.c.user_id)
    rows = connection.execute(page.limit(window.limit).offset(window.offset)).mappings()
    return Listing(tuple(Invitation(**row) for row in rows), count_up_to(connection, query).count)


# ---------------------------------------------------------------- in the writer's thread

_LED = compiled(
    sa.select(users.c.username, invitations.c.expires, invitations.c.completed)
    .join(users, users.c.id == invitations.c.user_id)
    .where(invitations.c.code_hash == bindparam("code_hash"))
)
_COMPLETE = compiled(
    invitations.update()
    .where(invitations.c.user_id == bindparam("owner"), invitations.c.completed.is_(None))
    .values(completed=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Led:
    """Whom a link invites. ``expires`` in epoch seconds."""

    username: str
    expires: float
    is_completed: bool


def led(connection: Connection, code: str) -> Led | None:
    """``code``: what the link ends with. None: it is of no invitation."""
    row = connection.execute(_LED, {"code_hash": hash_of(code)}).fetchone()
    return Led(row[0], row[1], row[2] is not None) if row is not None else None


def complete(connection: Connection, user_id: str, now: float) -> None:
    """The user's first device works."""
    connection.execute(_COMPLETE, {"owner": user_id, "now": now})
