"""Figures of the database: how much is in it, not whose; and whose names pseudonyms are to stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from authproxy.model import JsonValue, LoginRecord
from authproxy.store.journal import find_logins
from authproxy.store.tables import HEAD, aliases, logins, metadata, users

_MOST_LOGINS = 500


def figures(connection: sa.Connection, path: Path, since: float) -> dict[str, JsonValue]:
    """Rows of each table, and how the logins since then (epoch seconds) ended."""
    rows = {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }
    statuses = sa.select(users.c.status, sa.func.count()).group_by(users.c.status)
    ended = sa.select(
        *(logins.c[name] for name in ("section", "result", "reason", "factor")),
        sa.func.count(),
        sa.func.avg(logins.c.elapsed),
        sa.func.max(logins.c.elapsed),
    )
    groups = connection.execute(
        ended.where(logins.c.at >= since).group_by(
            logins.c.section, logins.c.result, logins.c.reason, logins.c.factor
        )
    )
    return {
        "wanted_version": HEAD,
        "bytes": path.stat().st_size,
        "journal_mode": str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()),
        "rows": {name: int(count) for name, count in rows.items()},
        "users_by_status": {str(row[0]): int(row[1]) for row in connection.execute(statuses)},
        "logins": [
            {
                **{name: str(row[at]) for at, name in enumerate(("section", "result", "reason", "factor"))},
                "count": int(row[4]),
                "average_seconds": round(row[5], 4),
                "longest_seconds": round(row[6], 4),
            }
            for row in groups
        ],
    }


def names(connection: sa.Connection) -> set[str]:
    """Everything that people are called here, also those who only tried."""
    queries = (
        sa.select(users.c.username),
        sa.select(users.c.display_name),
        sa.select(users.c.email),
        sa.select(aliases.c.name),
        sa.select(logins.c.username).distinct(),
    )
    return {name for query in queries for name in connection.execute(query).scalars() if name}


def trails(connection: sa.Connection, login_id: str | None, username: str | None) -> Sequence[LoginRecord]:
    """The logins that were asked for, newest first."""
    return find_logins(connection, login_id=login_id, username=username, limit=_MOST_LOGINS)
