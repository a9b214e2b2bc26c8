"""Journal and challenges: one contract, kept by the store and by its twin in memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_twisted
import sqlalchemy as sa
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from authproxy.errors import StoreUnavailable
from authproxy.model import Challenges, Identity, LoginRecord, PendingChallenge, Sealed, Step
from authproxy.store.challenges import StoreChallenges
from authproxy.store.engine import Database, open_sqlite
from authproxy.store.journal import StoreJournal, find_logins
from authproxy.store.memory import MemoryChallenges, MemoryJournal
from authproxy.store.retention import Kept, prune
from authproxy.store.tables import pushes, users
from authproxy.store.writer import Writer

PENDING = PendingChallenge(
    section="radius_server_challenge",
    nas="192.0.2.1",
    typed_username="CORP\\Émile",
    who=Identity(
        "émile",
        "cn=émile",
        None,
        (b"\x19\x05\x00\xff\x01", b"\x1a\x02"),
        sealed=(Sealed((311, 16), 2, b"\x01", b"\x10session key here"), Sealed((0, 69), 2, b"", b"\x01x")),
        doubt="nobody knows who was in the tunnel",
    ),
    resume={"factors": ["push"], "prompts": 1, "nothing": None},
    login_id="ABCDEFGHJK",
)
LOGIN = LoginRecord(
    login_id="ABCDEFGHJK",
    at=1000.0,
    section="radius_server_auto",
    username="alice",
    nas="192.0.2.1",
    client_ip=None,
    result="accept",
    reason="",
    factor="passcode",
    device="token 1",
    steps=(Step("primary", "ok", "cn=alice", 0.25), Step("second factor", "allowed", "“passcode”", 0.5)),
    elapsed=0.5,
)


class Moment:
    """Epoch seconds that stand still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'authproxy.db'}"


@pytest.fixture
def writer(url: str, tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "authproxy.db", open_sqlite(url), reactor)
    writer.start()
    yield writer
    pytest_twisted.blockon(writer.stop())


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture(params=["store", "memory"])
def challenges(request: pytest.FixtureRequest, moment: Moment) -> Challenges:
    if request.param == "memory":
        return MemoryChallenges(300, moment)
    return StoreChallenges(request.getfixturevalue("writer"), 300, moment)


@pytest_twisted.ensureDeferred
async def test_a_challenge_is_redeemed_whole_and_once(challenges: Challenges) -> None:
    state = await challenges.issue(PENDING)
    assert len(state) == 24
    assert state.decode("ascii").isprintable()
    assert await challenges.redeem(state) == PENDING
    assert await challenges.redeem(state) is None


@pytest_twisted.ensureDeferred
async def test_of_many_answers_at_once_one_redeems_the_challenge(challenges: Challenges) -> None:
    state = await challenges.issue(PENDING)
    answers = await gatherResults([Deferred.fromCoroutine(challenges.redeem(state)) for _ in range(50)])
    assert [answer for answer in answers if answer is not None] == [PENDING]


@pytest_twisted.ensureDeferred
async def test_a_challenge_expires(challenges: Challenges, moment: Moment) -> None:
    state, other = await challenges.issue(PENDING), await challenges.issue(PENDING)
    assert state != other
    moment.now += 299
    assert await challenges.redeem(other) == PENDING
    moment.now += 1
    assert await challenges.redeem(state) is None


@pytest.mark.parametrize("state", [b"", b"x" * 24, b"\xff" * 24, b"x" * 253])
@pytest_twisted.ensureDeferred
async def test_a_state_nobody_issued_is_unknown(challenges: Challenges, state: bytes) -> None:
    await challenges.issue(PENDING)
    assert await challenges.redeem(state) is None


@pytest_twisted.ensureDeferred
async def test_a_state_is_not_stored_and_expired_challenges_are_swept(
    writer: Writer, url: str, moment: Moment, tmp_path: Path
) -> None:
    challenges = StoreChallenges(writer, 300, moment)
    state = await challenges.issue(PENDING)
    stored = [file.read_bytes() for file in tmp_path.iterdir()]
    for secret in (state, b"session key here", base64.b64encode(b"\x10session key here")):
        assert all(secret not in octets for octets in stored)
    moment.now += 400
    await challenges.issue(PENDING)
    with Database(url).reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM challenges").scalar() == 1


@pytest_twisted.ensureDeferred
async def test_the_journal_in_memory_keeps_what_it_is_told() -> None:
    journal = MemoryJournal()
    await journal.record(LOGIN)
    assert journal.logins == [LOGIN]


@pytest_twisted.ensureDeferred
async def test_a_recorded_login_is_found_by_id_by_user_and_among_the_last(writer: Writer, url: str) -> None:
    journal = StoreJournal(writer)
    others = [
        replace(LOGIN, login_id=f"OTHER{n}", username=name)
        for n, name in enumerate(["bob", "CORP\\Alice", "alice@example.com", "malice", "al_ce"])
    ]
    for login in [LOGIN, *others]:
        await journal.record(login)
    with Database(url).reading() as connection:
        assert find_logins(connection, login_id="abcdefghjk") == [LOGIN]
        assert [login.username for login in find_logins(connection, username="alice")] == [
            "alice@example.com",
            "CORP\\Alice",
            "alice",
        ]
        assert [login.login_id for login in find_logins(connection, limit=2)] == ["OTHER4", "OTHER3"]
        assert find_logins(connection, login_id="NONE") == []


@pytest_twisted.ensureDeferred
async def test_old_logins_and_pushes_are_pruned(writer: Writer, url: str) -> None:
    journal = StoreJournal(writer)
    await gatherResults([Deferred.fromCoroutine(journal.record(replace(LOGIN, at=float(n)))) for n in range(1200)])
    with Database(url).writing() as connection:
        connection.execute(users.insert().values(id="US1", username="a", display_name="a", created=0))
        for created in (1099.0, 1100.0):
            connection.execute(
                pushes.insert().values(
                    id=f"P{created}", user_id="US1", username="a", application="x", login_id="L",
                    created=created, expires=created + 60, decided_at=created, status="denied",
                )
            )  # fmt: skip
    kept = Kept(logins=1, messages=0, telephony=0, audit=0)
    pruned = await prune(writer, kept, 1100.0 + 86_400.0)
    assert (pruned["logins"], pruned["pushes"]) == (1100, 1)
    with Database(url).reading() as connection:
        assert min(login.at for login in find_logins(connection, limit=1000)) == 1100.0
        assert connection.execute(sa.select(pushes.c.created)).scalars().all() == [1100.0]


@pytest_twisted.ensureDeferred
async def test_a_login_that_cannot_be_written_is_not_recorded_silently(writer: Writer, tmp_path: Path) -> None:
    journal = StoreJournal(writer)
    await journal.record(LOGIN)
    (tmp_path / "authproxy.db").unlink()
    with pytest.raises(StoreUnavailable):
        await journal.record(LOGIN)
    with pytest.raises(StoreUnavailable):
        await StoreChallenges(writer, 300, Moment()).issue(PENDING)
    with pytest.raises(StoreUnavailable):
        await StoreChallenges(writer, 300, Moment()).redeem(b"x" * 24)


@pytest_twisted.ensureDeferred
async def test_steps_are_stored_as_json_without_escapes(writer: Writer, url: str) -> None:
    await StoreJournal(writer).record(LOGIN)
    with Database(url).reading() as connection:
        steps = connection.exec_driver_sql("SELECT steps FROM logins").scalar()
    assert json.loads(steps)[1] == ["second factor", "allowed", "“passcode”", 0.5]
    assert "“" in steps


@pytest_twisted.ensureDeferred
async def test_a_name_with_half_a_character_is_recorded_nevertheless(writer: Writer, url: str) -> None:
    await StoreJournal(writer).record(
        replace(LOGIN, username="al\udc80ice", steps=(Step("primary", "denied", "al\udc80ice", 0.0),))
    )
    with Database(url).reading() as connection:
        (login,) = find_logins(connection, login_id=LOGIN.login_id)
    assert (login.username, login.steps[0].detail) == ("al?ice", "al?ice")
