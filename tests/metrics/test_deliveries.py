"""Each way to a phone is counted by what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from authproxy.secondfactor.phone_api import Contact
from tests.phone.desks import Desks

SUBSCRIPTION = (
    '{"endpoint":"https://push.example.com/x","keys":{"p256dh":'
    '"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",'
    '"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}'
)


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    made = Desks(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("status", "told"),
    [(201, "accepted"), (410, "gone"), (500, "failed"), (0, "failed"), (None, "no subscription")],
)
@pytest_twisted.ensureDeferred
async def test_a_notification_is_counted(desks: Desks, status: int | None, told: str) -> None:
    ways: list[str] = []
    desks.notices.on_brought = ways.append
    phone = await desks.activated()
    if status is not None:
        desks.sender.status = status
        await desks.desk.contact(phone.signed("contact", now=desks.now), Contact(0, "granted", SUBSCRIPTION))
    await desks.push()
    for _ in range(3):
        await desks.writer.run(lambda _: None)
    assert ways == [told]
