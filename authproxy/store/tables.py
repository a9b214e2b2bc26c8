"""Every table of the embedded service, as SQLAlchemy Core metadata: the same for SQLite and PostgreSQL.

Times are seconds since the epoch (UTC), as floats. IDs are text, a two-letter prefix and random characters.
A change here needs a migration in ``migrations/versions`` and a new :data:`HEAD`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0001"
"""The newest migration: what a fresh database is stamped with."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, *words: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False, unique=True),  # normalized: secondfactor/names.py
    Column("display_name", Text, nullable=False),  # as the administrator spelled it
    Column("email", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="active"),
    Column("notes", Text, nullable=False, server_default=""),
    Column("created", Float, nullable=False),
    Column("last_login", Float),
    Column("failures", Integer, nullable=False, server_default="0"),  # wrong passcodes in a row
    Column("locked_until", Float),
    _one_of("status", "active", "bypass", "disabled"),
)

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False, server_default="active"),
    Column("notes", Text, nullable=False, server_default=""),
    Column("created", Float, nullable=False),
    _one_of("status", "active", "bypass", "disabled"),
)

user_groups = Table(
    "user_groups",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", Text, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("serial", Text),  # of a hardware token; unique per kind and digits
    Column("digits", Integer, nullable=False, server_default="6"),
    Column("step", Integer, nullable=False, server_default="30"),  # seconds; TOTP
    Column("algorithm", Text, nullable=False, server_default="sha1"),
    Column("seed", LargeBinary, nullable=False),  # encrypted, bound to the device's ID
    Column("counter", Integer, nullable=False, server_default="0"),  # next HOTP counter that may be accepted
    Column("last_step", Integer),  # last accepted TOTP step: it and older ones are used up
    Column("drift", Integer, nullable=False, server_default="0"),  # steps the clock was ahead, last time seen
    Column("created", Float, nullable=False),
    Column("last_used", Float),
    UniqueConstraint("serial", "kind", "digits"),
    _one_of("kind", "totp", "hotp"),
    _one_of("origin", "software", "hardware"),
    _one_of("algorithm", "sha1", "sha256", "sha512"),
)

device_users = Table(
    "device_users",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", Text, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False, server_default="1"),  # orders a user's devices: push2, phone3
)

bypass_codes = Table(
    "bypass_codes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("hash", LargeBinary, nullable=False),  # HMAC-SHA-256 with a server key
    Column("uses_left", Integer),  # None: any number until it expires
    Column("expires", Float),  # None: when its uses are used up
    Column("created", Float, nullable=False),
    UniqueConstraint("user_id", "hash"),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("username", Text, nullable=False),
    Column("application", Text, nullable=False),
    Column("client_ip", Text, nullable=False, server_default=""),
    Column("nas", Text, nullable=False, server_default=""),
    Column("login_id", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("decided_at", Float),
    Column("decided_by", Text),
    _one_of("status", "pending", "approved", "denied", "fraud", "expired", "cancelled"),
)
Index(None, pushes.c.decided_at)
Index(
    "ix_pushes_pending",
    pushes.c.created,
    sqlite_where=pushes.c.status == "pending",
    postgresql_where=pushes.c.status == "pending",
)

challenges = Table(
    "challenges",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the State
    Column("payload", Text, nullable=False),  # JSON
    Column("expires", Float, nullable=False, index=True),
)

logins = Table(
    "logins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("login_id", Text, nullable=False, index=True),
    Column("at", Float, nullable=False, index=True),
    Column("section", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("nas", Text, nullable=False),
    Column("client_ip", Text),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("factor", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("elapsed", Float, nullable=False),
    Column("steps", Text, nullable=False),  # JSON: [[stage, result, detail, at], ...]
)
Index(None, logins.c.username, logins.c.at)

applications = Table(
    "applications",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("policy", Text, nullable=False, server_default="{}"),  # JSON
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),  # JSON; never a secret
)

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
