"""Sessions: how long they live, and how they end."""

from __future__ import annotations

import hashlib

import pytest

from authproxy.secondfactor import sessions
from authproxy.secondfactor.sessions import ADMIN_IDLE_SECONDS, ADMIN_SECONDS, Opened, Session
from authproxy.store.engine import Database

NOW = 1_800_000_000.0
BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"


def opened(database: Database, subject: str = "DEANN", kind: str = "admin", now: float = NOW) -> Opened:
    with database.writing() as connection:
        return sessions.open_session(connection, kind, subject, ADMIN_SECONDS, "192.0.2.7", BROWSER, now)


def found(database: Database, cookie: str, now: float = NOW, kind: str = "admin") -> Session | None:
    with database.reading() as connection:
        return sessions.find_session(connection, kind, cookie, now)


def test_a_session_is_found_by_its_cookie_alone(database: Database) -> None:
    opening, other = opened(database), opened(database)
    session = found(database, opening.cookie)
    assert session is not None
    assert (session.kind, session.subject, session.csrf) == ("admin", "DEANN", opening.csrf)
    assert (session.created, session.seen, session.expires) == (NOW, NOW, NOW + ADMIN_SECONDS)
    assert (session.confirmed, session.address, session.browser, session.data) == (None, "192.0.2.7", BROWSER, {})
    assert len({opening.cookie, other.cookie, opening.csrf, other.csrf}) == 4
    for cookie in ("", opening.csrf, session.id, opening.cookie[:-1], "\udc80"):
        assert found(database, cookie) is None
    assert found(database, opening.cookie, kind="portal") is None


def test_the_database_holds_no_cookie(database: Database) -> None:
    opening = opened(database)
    assert opening.cookie not in repr(opening)
    with database.reading() as connection:
        ((stored, text),) = connection.exec_driver_sql("SELECT hash, CAST(csrf AS TEXT) || data FROM sessions")
    assert stored == hashlib.sha256(opening.cookie.encode()).digest()
    assert opening.cookie not in text


def test_an_idle_session_ends_after_half_an_hour_and_use_prolongs_it(database: Database) -> None:
    cookie = opened(database).cookie
    late = NOW + ADMIN_IDLE_SECONDS - 1
    session = found(database, cookie, late)
    assert session is not None
    assert session.is_due(late)
    assert found(database, cookie, late + 1) is None
    with database.writing() as connection:
        sessions.touch_session(connection, session, late)
    touched = found(database, cookie, late + ADMIN_IDLE_SECONDS - 1)
    assert touched is not None
    assert not touched.is_due(late + 59)
    assert touched.is_due(late + 60)
    assert found(database, cookie, late + ADMIN_IDLE_SECONDS) is None


def test_no_use_prolongs_a_session_beyond_its_end(database: Database) -> None:
    cookie, now = opened(database).cookie, NOW
    while now + 1000 < NOW + ADMIN_SECONDS:
        now += 1000
        session = found(database, cookie, now)
        assert session is not None
        with database.writing() as connection:
            sessions.touch_session(connection, session, now)
    assert found(database, cookie, NOW + ADMIN_SECONDS - 1) is not None
    assert found(database, cookie, NOW + ADMIN_SECONDS) is None


def test_a_confirmation_is_good_for_ten_minutes(database: Database) -> None:
    cookie = opened(database).cookie
    session = found(database, cookie)
    assert session is not None
    assert not session.is_confirmed(NOW)
    with database.writing() as connection:
        sessions.confirm(connection, session, NOW)
    confirmed = found(database, cookie)
    assert confirmed is not None
    assert confirmed.is_confirmed(NOW + 599)
    assert not confirmed.is_confirmed(NOW + 600)


def test_what_pages_remember_stays_with_the_session(database: Database) -> None:
    with database.writing() as connection:
        first = sessions.open_session(connection, "prompt", "", 60, "", "x" * 1000, NOW, {"step": "password"})
    session = found(database, first.cookie, kind="prompt")
    assert session is not None
    assert (session.data, len(session.browser)) == ({"step": "password"}, 300)
    with database.writing() as connection:
        sessions.remember(connection, session, {"step": "factor", "tries": 2})
    session = found(database, first.cookie, kind="prompt")
    assert session is not None
    assert session.data == {"step": "factor", "tries": 2}


def test_sessions_of_a_subject_are_listed_last_seen_first(database: Database) -> None:
    for now in (NOW, NOW + 20, NOW + 10, NOW - ADMIN_IDLE_SECONDS):
        opened(database, now=now)
    opened(database, "DEBOB")
    opened(database, kind="portal")
    with database.reading() as connection:
        listed = sessions.list_sessions(connection, "admin", "DEANN", NOW + 20)
    assert [session.seen - NOW for session in listed] == [20, 10, 0]


@pytest.mark.parametrize("name", ["end_session", "end_one", "end_all", "end_everyone", "prune_sessions"])
def test_an_ended_session_is_gone_at_once_and_others_stay(database: Database, name: str) -> None:
    mine, other = opened(database), opened(database, "DEBOB", "portal")
    session = found(database, mine.cookie)
    assert session is not None
    with database.writing() as connection:
        match name:
            case "end_session":
                sessions.end_session(connection, session)
            case "end_one":
                assert not sessions.end_one(connection, "admin", "DEBOB", session.id)
                assert not sessions.end_one(connection, "portal", "DEANN", session.id)
                assert not sessions.end_one(connection, "admin", "DEANN", "no hex")
                assert sessions.end_one(connection, "admin", "DEANN", session.id)
            case "end_all":
                assert sessions.end_all(connection, "admin", "DEBOB") == 0
                assert sessions.end_all(connection, "admin", "DEANN") == 1
            case "end_everyone":
                assert sessions.end_everyone(connection, "admin") == 1
            case "prune_sessions":
                connection.exec_driver_sql("UPDATE sessions SET expires = 5 WHERE kind = 'admin'")
                assert sessions.prune_sessions(connection, NOW) == 1
    assert found(database, mine.cookie) is None
    assert found(database, other.cookie, kind="portal") is not None


def test_all_sessions_but_the_own_can_be_ended(database: Database) -> None:
    mine, other = opened(database), opened(database)
    own = found(database, mine.cookie)
    with database.writing() as connection:
        assert sessions.end_all(connection, "admin", "DEANN", but=own) == 1
    assert found(database, mine.cookie) is not None
    assert found(database, other.cookie) is None
