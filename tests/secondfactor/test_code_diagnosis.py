"""What a help desk is told about a code that was rejected. Nothing is used up by asking."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor import passcode
from authproxy.secondfactor.bypass import create_codes
from authproxy.secondfactor.code_diagnosis import (
    AlreadyUsed,
    Finding,
    HandedOut,
    OtherCounter,
    OtherTime,
    RightNow,
    SomebodyElses,
    Unreadable,
    Windows,
    diagnose,
)
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.sms_codes import hashed
from authproxy.secondfactor.users import User, add_user
from authproxy.store import tables
from authproxy.store.engine import Database

NOW = 1_800_000_000.0
SEEDS = SeedBox(bytes(32))
SEED = b"12345678901234567890"
WINDOWS = Windows(1, 10)


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        with database.writing() as connection:
            self.alice, self.bob = (add_user(connection, name, "simple") for name in ("alice", "bob"))

    def token(self, owner: User | None, serial: str = "T1", kind: str = "totp", **values: Any) -> None:
        device_id = f"DH{serial}"
        row = {"origin": "hardware", "digits": 6, "seed": SEEDS.encrypt(device_id, SEED), "created": 0.0}
        with self.database.writing() as connection:
            connection.execute(
                tables.devices.insert().values(id=device_id, kind=kind, serial=serial, **{**row, **values})
            )
            if owner is not None:
                link = {"user_id": owner.id, "device_id": device_id}
                connection.execute(tables.device_users.insert().values(**link))

    def told(self, code: str, user: User | None = None) -> list[Finding]:
        with self.database.reading() as connection:
            return diagnose(connection, user or self.alice, code, SEEDS, NOW, WINDOWS)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database(f"sqlite:///{tmp_path / 'authproxy.db'}")
    yield Desk(database)
    database.close()


def shown(steps: int = 0, digits: int = 6) -> str:
    """By the clock of a token that is so many steps off."""
    return passcode.hotp(SEED, int(NOW // 30) + steps, digits)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_that_is_right_now_would_be_accepted_however_often_it_is_asked(desk: Desk, steps: int) -> None:
    desk.token(desk.alice)
    for _ in range(2):
        (found,) = desk.told(shown(steps))
        assert isinstance(found, RightNow)
        assert (found.source.label, found.source.users) == ("token T1", ("alice",))
    with desk.database.reading() as connection:
        row = connection.execute(sa.select(tables.devices.c.last_step, tables.devices.c.last_used)).one()
    assert tuple(row) == (None, None)


@pytest.mark.parametrize(("steps", "seconds"), [(-2, -60), (2, 60), (40, 1200), (-120, -3600)])
def test_a_code_of_another_time_step_tells_how_far_the_clock_is_off(desk: Desk, steps: int, seconds: int) -> None:
    desk.token(desk.alice)
    (found,) = desk.told(shown(steps))
    assert isinstance(found, OtherTime)
    assert (found.seconds, found.is_used) == (seconds, False)


def test_a_token_whose_drift_is_known_is_right(desk: Desk) -> None:
    desk.token(desk.alice, drift=10)
    assert isinstance(desk.told(shown(11))[0], RightNow)
    (found,) = desk.told(shown(0))
    assert isinstance(found, OtherTime)


def test_a_code_of_more_than_an_hour_ago_is_not_claimed(desk: Desk) -> None:
    desk.token(desk.alice)
    assert desk.told(shown(-200)) == []


def test_a_used_step_is_told(desk: Desk) -> None:
    desk.token(desk.alice, last_step=int(NOW // 30))
    assert isinstance(desk.told(shown())[0], AlreadyUsed)
    (old,) = desk.told(shown(-5))
    assert isinstance(old, OtherTime)
    assert old.is_used


def test_counters_are_right_too_far_ahead_or_used(desk: Desk) -> None:
    desk.token(desk.alice, kind="hotp", counter=50)
    assert isinstance(desk.told(passcode.hotp(SEED, 60))[0], RightNow)
    assert desk.told(passcode.hotp(SEED, 61)) == [OtherCounter(desk.told(passcode.hotp(SEED, 60))[0].source, 11)]  # type: ignore[union-attr]
    assert isinstance(desk.told(passcode.hotp(SEED, 49))[0], AlreadyUsed)
    assert desk.told(passcode.hotp(SEED, 2000)) == []


def test_a_code_of_somebody_elses_token_names_it(desk: Desk) -> None:
    desk.token(desk.bob, "T2")
    desk.token(None, "T3", kind="hotp", counter=7)
    (found,) = desk.told(shown())
    assert isinstance(found, SomebodyElses)
    assert (found.source.label, found.source.users) == ("token T2", ("bob",))
    (free,) = desk.told(passcode.hotp(SEED, 6))
    assert isinstance(free, SomebodyElses)
    assert (free.source.label, free.source.users) == ("token T3", ())
    assert desk.told(shown(-40)) == []


def test_an_own_code_is_not_looked_for_among_others(desk: Desk) -> None:
    desk.token(desk.alice, "T1")
    desk.token(desk.bob, "T2")
    assert [type(found) for found in desk.told(shown())] == [RightNow]


def test_codes_have_the_tokens_number_of_digits(desk: Desk) -> None:
    desk.token(desk.alice, digits=8)
    assert desk.told(shown()) == []
    assert isinstance(desk.told(shown(digits=8))[0], RightNow)


def test_what_was_handed_out_is_good_used_or_expired(desk: Desk) -> None:
    with desk.database.writing() as connection:
        (code,), _ = create_codes(connection, desk.alice, SEEDS, uses=1, seconds=0)
        row = {"user_id": desk.alice.id, "phone_id": "DP1", "first_digit": "1", "position": 1, "created": 0.0}
        connection.execute(tables.phones.insert().values(id="DP1", created=0.0))
        for text, expires, used in (("1111111", None, None), ("2222222", NOW - 1, None), ("3333333", None, NOW)):
            code_hash = SEEDS.code_hash(desk.alice.id, hashed(text))
            connection.execute(tables.sms_codes.insert().values(**row, hash=code_hash, expires=expires, used=used))
    assert desk.told(code) == [HandedOut("bypass code", "open")]
    with desk.database.writing() as connection:
        connection.execute(tables.bypass_codes.update().values(uses_left=0))
    assert desk.told(code) == [HandedOut("bypass code", "used")]
    states = [desk.told(text) for text in ("1111111", "2222222", "3333333")]
    assert states == [[HandedOut("SMS passcode", state)] for state in ("open", "expired", "used")]
    assert desk.told(code, desk.bob) == []


def test_a_seed_of_another_key_is_told(desk: Desk) -> None:
    desk.token(desk.alice, seed=SeedBox(bytes([1]) * 32).encrypt("DHT1", SEED))
    assert isinstance(desk.told("123456")[0], Unreadable)


@pytest.mark.parametrize("code", ["", "12345", "1234567890", "12345a", base64.b32encode(SEED).decode(), "١٢٣٤٥٦"])
def test_what_is_no_code_is_refused(desk: Desk, code: str) -> None:
    with pytest.raises(BadValue):
        desk.told(code)


def test_a_code_may_have_blanks(desk: Desk) -> None:
    desk.token(desk.alice)
    code = shown()
    assert isinstance(desk.told(f" {code[:3]} {code[3:]} ")[0], RightNow)
