"""What became of a phone's pushes, for who is asked why none arrived."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.store.tables import pushes

_NAMES = (
    "id", "username", "application", "created", "sent_at", "delivered_at", "opened_at", "status", "decided_at",
    "decided_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PushStory:
    """Times in epoch seconds, None for what has not happened. ``sent_at``: handed to the browser's push service,
    to an open page, or to an app that polled; ``delivered_at``: a closed app was woken by it; ``opened_at``: the
    phone has fetched what it is asked."""

    id: str
    username: str
    application: str
    created: float
    sent_at: float | None
    delivered_at: float | None
    opened_at: float | None
    status: str
    decided_at: float | None
    decided_by: str | None


def push_stories(connection: sa.Connection, phone_id: str, most: int = 10) -> list[PushStory]:
    """The newest first."""
    query = sa.select(*(pushes.c[name] for name in _NAMES)).where(pushes.c.phone_id == phone_id)
    rows = connection.execute(query.order_by(pushes.c.created.desc()).limit(most))
    return [PushStory(*row) for row in rows]
