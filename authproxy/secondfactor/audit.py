"""The record of what administrators changed: append only, and never with a secret in it."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy import bindparam

from authproxy.model import JsonValue
from authproxy.store import statements
from authproxy.store.tables import audit

_ROW: Final = statements.compiled(
    audit.insert().values(
        at=bindparam("now"),
        actor=bindparam("who"),
        action=bindparam("did"),
        object=bindparam("about"),
        detail=bindparam("told"),
    )
)


def shell_actor() -> str:
    """Who sits at the shell: the operating system's user, as ``shell:NAME``."""
    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without an entry in passwd
        return "shell:unknown"


def note(
    connection: sa.Connection,
    actor: str,
    action: str,
    about: str,
    detail: Mapping[str, JsonValue] | None = None,
    *,
    before: Mapping[str, JsonValue] | None = None,
    address: str = "",
) -> None:
    """``actor``: ``admin:MAIL``, ``user:NAME``, ``api:IKEY``, ``shell:NAME`` or ``system``. ``action`` is a word
    or two (``user add``), ``about`` names the object, ``detail`` what it became. ``before``: what ``detail``
    replaced; then the row holds both. ``address``: where the actor was."""
    told: dict[str, JsonValue] = dict(detail or {})
    if before is not None:
        told = {"before": dict(before), "after": told}
    connection.execute(
        audit.insert().values(
            at=time.time(), actor=actor, action=action, object=about, detail=json.dumps(told), address=address
        )
    )


def note_at(
    connection: statements.Connection,
    now: float,
    actor: str,
    action: str,
    about: str,
    detail: Mapping[str, JsonValue] | None = None,
) -> None:
    """As ``note``, in a job of the writer. ``now``: epoch seconds."""
    told = json.dumps(dict(detail or {}))
    connection.execute(_ROW, {"now": now, "who": actor, "did": action, "about": about, "told": told})
