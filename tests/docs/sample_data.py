"""What the pages speak of by its ID: a device and a phone of bob's, and pushes that wait."""

from __future__ import annotations

import time
from pathlib import Path

from authproxy.store.engine import Database
from authproxy.store.tables import device_users, devices, phone_users, phones, pushes, users

DEVICE, PHONE = "DHXP2V7CZ5RQH3KNLE4A", "DPXP2V7CZ5RQH3KNLE4A"
PUSHES = {"3KQ7XBMD2A": "", "5TN2WQZC7B": "42", "8RV4HJXK6C": ""}


def fill(state_dir: Path) -> None:
    """Into a database in which bob has one device and one phone."""
    with Database(f"sqlite:///{state_dir / 'authproxy.db'}").writing() as connection:
        user_id = connection.execute(users.select().where(users.c.username == "bob")).one().id
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table, owned, mine in (
            (devices, device_users.c.device_id, DEVICE),
            (phones, phone_users.c.phone_id, PHONE),
        ):
            connection.execute(table.update().values(id=mine))
            connection.execute(owned.table.update().values({owned: mine}))
        now = time.time()
        for push_id, number in PUSHES.items():
            connection.execute(
                pushes.insert().values(
                    id=push_id, user_id=user_id, username="bob", application="radius_server_auto", login_id="L",
                    created=now, expires=now + 3600, mode="number" if number else "plain", answer=number,
                )
            )  # fmt: skip
