"""Administrators for tests, as if they had been through their activation."""

from __future__ import annotations

import base64
from functools import cache

from authproxy.secondfactor import admin_passwords, admin_totp, administrators, passcode
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import Database

NOW = 1_800_000_000.0
PASSWORD = "copper kettle orchid"
SEEDS = SeedBox(bytes(range(32)))


@cache
def hashed(password: str) -> str:
    """Each once: it takes its time."""
    return admin_passwords.hashed(password)


def add(
    database: Database, email: str, role: Role = Role.OWNER, now: float = NOW, seeds: SeedBox = SEEDS
) -> Administrator:
    """Active, with :data:`PASSWORD` and an authenticator app. What the app shows: :func:`code_of`."""
    with database.writing() as connection:
        admin = administrators.add_administrator(connection, email, email.partition("@")[0].title(), role)
        admin_passwords.set_password(connection, admin, hashed(PASSWORD), now)
        code = code_of(admin, now - 600, seeds=seeds)
        assert admin_totp.take_offer(connection, seeds, admin, "of tests", code, now - 600)
        admin = administrators.find_administrator(connection, admin.id)
        return administrators.change_administrator(connection, admin, {"status": "active"})


def code_of(admin: Administrator, now: float, mark: str = "of tests", seeds: SeedBox = SEEDS) -> str:
    return shown_by(admin_totp.offer(seeds, admin, mark).secret, now)


def shown_by(secret: str, now: float) -> str:
    """``secret``: base32, as a page shows it to be typed into an app."""
    return passcode.hotp(base64.b32decode(secret), passcode.step_at(now, 30))
