"""Administrators, and what they log in with."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest
import sqlalchemy as sa

from authproxy.secondfactor import (
    admin_links,
    admin_passwords,
    admin_totp,
    administrators,
    recovery_codes,
    sessions,
)
from authproxy.secondfactor.admin_passwords import StoredPassword
from authproxy.secondfactor.administrators import Administrator
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotDone, NotFound
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import Database
from tests.panel import people
from tests.panel.people import NOW, PASSWORD, SEEDS

CHANGES: list[dict[str, str]] = [{"status": "disabled"}, {"role": "Administrator"}, {"role": "Billing"}]


def found(database: Database, key: str) -> Administrator:
    with database.reading() as connection:
        return administrators.find_administrator(connection, key)


def changed(database: Database, admin: Administrator, **changes: str) -> Administrator:
    with database.writing() as connection:
        return administrators.change_administrator(connection, admin, changes)


def test_a_new_administrator_is_pending_and_found_by_address_in_any_case(database: Database) -> None:
    with database.writing() as connection:
        admin = administrators.add_administrator(
            connection, " Ann.Owner@Example.ORG ", "Ann Owner", "Owner", "+44 20 7946 0000"
        )
    assert (admin.email, admin.name, admin.role, admin.status) == (
        "ann.owner@example.org",
        "Ann Owner",
        "Owner",
        "pending",
    )
    assert (admin.phone, admin.has_totp, admin.last_login) == ("+442079460000", False, None)
    assert (len(admin.id), admin.id[:2]) == (20, "DE")
    assert found(database, "ANN.OWNER@example.org") == found(database, admin.id) == admin
    with pytest.raises(NotFound, match=r"nobody@example.org"):
        found(database, "nobody@example.org")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("ann", "Ann", "Owner"), "'ann' is no mail address"),
        (("", "Ann", "Owner"), "no mail address"),
        (("x" * 250 + "@example.org", "Ann", "Owner"), "no mail address"),
        (("ann@example.org", " ", "Owner"), "no name of an administrator"),
        (("ann@example.org", "An\nn", "Owner"), "no name of an administrator"),
        (("ann@example.org", "Ann", "owner"), "'owner' is no role; wanted Owner, Administrator, "),
        (("ann@example.org", "Ann", "Owner", "12"), "'12' is no phone number"),
    ],
)
def test_what_cannot_be_an_administrator(database: Database, values: tuple[str, ...], told: str) -> None:
    with pytest.raises(BadValue, match=told), database.writing() as connection:
        administrators.add_administrator(connection, *values)


def test_an_address_belongs_to_one_administrator(database: Database) -> None:
    ann, bob = people.add(database, "ann@example.org"), people.add(database, "bob@example.org")
    with pytest.raises(AlreadyThere, match=r"ann@example.org"), database.writing() as connection:
        administrators.add_administrator(connection, "ANN@example.org", "Other", "Billing")
    with pytest.raises(AlreadyThere, match=r"ann@example.org"):
        changed(database, bob, email="Ann@example.org")
    assert (
        changed(database, bob, email="robert@example.org", name="Robert", language="de").email
        == "robert@example.org"
    )
    assert found(database, ann.id) == ann


def test_a_list_has_pages_and_finds_by_address_and_name(database: Database) -> None:
    for name in ("carl", "ann", "bob"):
        people.add(database, f"{name}@example.org")
    with database.reading() as connection:
        page = administrators.list_administrators(connection, window=Window(2, 1))
        assert ([admin.name for admin in page.rows], page.total) == (["Bob", "Carl"], 3)
        assert administrators.list_administrators(connection).total == 3
        only = administrators.list_administrators(connection, "AN")
        assert ([admin.email for admin in only.rows], only.total) == (["ann@example.org"], 1)
        assert administrators.list_administrators(connection, "%").total == 0


# ---------------------------------------------------------------- Owners


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_the_last_active_owner_stays_one(database: Database, changes: dict[str, str]) -> None:
    ann = people.add(database, "ann@example.org")
    people.add(database, "bob@example.org", Role.ADMINISTRATOR)
    with database.writing() as connection:
        administrators.add_administrator(connection, "new@example.org", "New", "Owner")  # has not logged in yet
    with pytest.raises(NotDone, match=r"ann@example.org is the last active Owner"):
        changed(database, ann, **changes)
    with (
        pytest.raises(NotDone, match=r"ann@example.org is the last active Owner"),
        database.writing() as connection,
    ):
        administrators.delete_administrator(connection, ann)
    assert found(database, ann.id) == ann


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_one_of_two_owners_may_go_but_not_both(database: Database, changes: dict[str, str]) -> None:
    ann, bob = people.add(database, "ann@example.org"), people.add(database, "bob@example.org")
    changed(database, ann, **changes)
    with pytest.raises(NotDone, match=r"bob@example.org"):
        changed(database, bob, **changes)
    assert changed(database, bob, name="Robert").name == "Robert"


def test_fewer_than_two_owners_are_warned_of(database: Database) -> None:
    def warning() -> str:
        with database.reading() as connection:
            return administrators.owner_warning(connection)

    assert warning().startswith("there is no active Owner")
    people.add(database, "ann@example.org")
    people.add(database, "carl@example.org", Role.ADMINISTRATOR)
    assert warning().startswith("there is only one active Owner")
    bob = people.add(database, "bob@example.org")
    assert warning() == ""
    changed(database, bob, status="disabled")
    assert warning().startswith("there is only one active Owner")


def test_who_is_disabled_is_logged_out_and_has_no_link(database: Database) -> None:
    people.add(database, "ann@example.org")
    bob = people.add(database, "bob@example.org", Role.HELP_DESK)
    with database.writing() as connection:
        opened = sessions.open_session(connection, "admin", bob.id, 600, "", "", NOW)
        link = admin_links.new_link(connection, bob, "reset", NOW)
    bob = changed(database, bob, status="disabled")
    with database.writing() as connection:
        assert sessions.find_session(connection, "admin", opened.cookie, NOW) is None
        assert admin_links.find_link(connection, link.token, NOW) is None
        with pytest.raises(NotDone, match="disabled"):
            admin_links.new_link(connection, bob, "reset", NOW)
    assert changed(database, bob, status="active").status == "active"


def test_who_never_set_a_password_cannot_be_made_active(database: Database) -> None:
    with database.writing() as connection:
        bob = administrators.add_administrator(connection, "bob@example.org", "Bob", "Help Desk")
    assert changed(database, bob, status="disabled").status == "disabled"
    assert changed(database, bob, status="active").status == "pending"


def test_a_deleted_administrator_leaves_nothing_behind(database: Database) -> None:
    people.add(database, "ann@example.org")
    bob = people.add(database, "bob@example.org")
    with database.writing() as connection:
        recovery_codes.new_codes(connection, SEEDS, bob)
        admin_links.new_link(connection, bob, "reset", NOW)
        sessions.open_session(connection, "admin", bob.id, 600, "", "", NOW)
        administrators.delete_administrator(connection, bob)
        for table in ("recovery_codes", "admin_links", "sessions"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
    with pytest.raises(NotFound):
        found(database, bob.id)


# ---------------------------------------------------------------- passwords


def test_a_password_is_stored_as_argon2id_with_the_chosen_parameters(database: Database) -> None:
    ann = people.add(database, "ann@example.org")
    with database.reading() as connection:
        stored = admin_passwords.stored_password(connection, "ANN@example.org")
        nobodys = admin_passwords.stored_password(connection, "nobody@example.org")
    assert stored.hash is not None
    assert stored.hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert stored.hash not in repr(stored) + repr(ann)
    assert admin_passwords.is_right(stored, PASSWORD)
    for wrong in ("", PASSWORD.upper(), PASSWORD + " ", "x" * 100_000):
        assert not admin_passwords.is_right(stored, wrong)
    assert nobodys == StoredPassword(None)
    assert not admin_passwords.is_right(nobodys, PASSWORD)
    assert not admin_passwords.is_right(StoredPassword("damaged"), PASSWORD)


def test_a_password_is_the_same_however_the_keyboard_makes_its_letters() -> None:
    composed, decomposed = "grüne Wiese am Fluß", "gru\u0308ne Wiese am Fluß"
    assert admin_passwords.is_right(StoredPassword(admin_passwords.hashed(composed)), decomposed)


@pytest.mark.parametrize(
    "password",
    [
        "Tr0ub4dor&3 zebra",
        PASSWORD,
        "наковальня и молот",
        "password of the blue whale",
        "x7!kQ2@mZ9#p",
        "ann likes tea 42",
    ],
)
def test_good_passwords(database: Database, password: str) -> None:
    admin_passwords.check_choice(password, people.add(database, "ann@example.org"))


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("x" * 257, "more than 256"),
        ("aaaaaaaaaaaaaaaa", "too few different"),
        ("abababababababab", "too few different"),
        ("8273640192837465", "digits and signs alone"),
        ("Password1234!", "among the first"),
        ("p@ssw0rd2024!!", "among the first"),
        ("passwordpassword", "among the first"),
        ("Qwertyuiop123", "among the first"),
        ("Welcome-2026-", "among the first"),
        ("ANN.MILLER@example.org", "among the first"),
        ("annmiller2026!", "among the first"),
        ("Example.org!1", "among the first"),
    ],
)
def test_passwords_that_are_guessed_first_are_refused(database: Database, password: str, told: str) -> None:
    admin = people.add(database, "ann.miller@example.org")
    with pytest.raises(BadValue, match=told):
        admin_passwords.check_choice(password, admin)


# ---------------------------------------------------------------- authenticator app


def test_an_app_is_taken_with_a_code_of_its_own_and_each_code_is_good_once(database: Database) -> None:
    with database.writing() as connection:
        admin = administrators.add_administrator(connection, "ann@example.org", "Ann", "Owner")
    offered = admin_totp.offer(SEEDS, admin, "mark")
    app = pyotp.parse_uri(offered.uri)
    assert isinstance(app, pyotp.TOTP)
    assert (app.secret, app.name, app.digits, app.interval) == (offered.secret, "ann@example.org", 6, 30)
    assert admin_totp.offer(SEEDS, admin, "mark") == offered
    assert admin_totp.offer(SEEDS, admin, "other").secret != offered.secret
    code = app.at(int(NOW))
    with database.writing() as connection:
        assert not admin_totp.take_offer(connection, SEEDS, admin, "other", code, NOW)
        assert not admin_totp.use_code(connection, SEEDS, admin, code, NOW)  # no app yet
        assert admin_totp.take_offer(connection, SEEDS, admin, "mark", f"{code[:3]} {code[3:]}", NOW)
        assert not admin_totp.use_code(connection, SEEDS, admin, code, NOW)  # used to enroll
        following = app.at(int(NOW + 30))
        assert admin_totp.use_code(connection, SEEDS, admin, following, NOW)  # a clock 30 s ahead
        assert not admin_totp.use_code(connection, SEEDS, admin, following, NOW + 30)
        assert not admin_totp.use_code(connection, SEEDS, admin, app.at(int(NOW + 120)), NOW + 60)
        assert not admin_totp.use_code(connection, SEEDS, admin, "", NOW + 60)
        admin_totp.forget_app(connection, admin)
        assert not admin_totp.use_code(connection, SEEDS, admin, app.at(int(NOW + 600)), NOW + 600)
    with database.reading() as connection:
        assert not administrators.find_administrator(connection, admin.id).has_totp


# ---------------------------------------------------------------- recovery codes


def test_recovery_codes_are_good_once_however_they_are_typed(database: Database) -> None:
    ann, bob = people.add(database, "ann@example.org"), people.add(database, "bob@example.org")
    with database.writing() as connection:
        codes = recovery_codes.new_codes(connection, SEEDS, ann)
        assert len(set(codes)) == recovery_codes.COUNT == 10

        def use(admin: Administrator, code: str) -> bool:
            return recovery_codes.use_code(connection, SEEDS, admin, code, NOW)

        assert not use(bob, codes[0])
        assert use(ann, codes[0])
        assert not use(ann, codes[0])
        assert use(ann, f" {codes[1].upper().replace('-', ' ')} ")
        assert not use(ann, "")
        assert recovery_codes.count_left(connection, ann) == 8
        newer = recovery_codes.new_codes(connection, SEEDS, ann)
        assert not use(ann, codes[2])
        assert use(ann, newer[2])
    with database.reading() as connection:
        stored = b"".join(connection.execute(sa.text("SELECT hash FROM recovery_codes")).scalars())
    assert not any(code.encode() in stored for code in newer)


# ---------------------------------------------------------------- links


def test_a_link_is_good_once_until_it_expires(database: Database) -> None:
    ann = people.add(database, "ann@example.org")
    with database.writing() as connection:
        made = admin_links.new_link(connection, ann, "reset", NOW)
    assert made.expires == NOW + 86_400
    assert made.url("https://mfa.example") == f"https://mfa.example/admin/link/{made.token}"
    assert made.token not in repr(made)
    with database.writing() as connection:
        link = admin_links.find_link(connection, made.token, NOW + 86_399)
        assert link is not None
        assert (link.admin, link.kind) == (ann, "reset")
        assert admin_links.find_link(connection, made.token, NOW) == link  # looking does not use it up
        assert admin_links.find_link(connection, made.token, NOW + 86_400) is None
        assert admin_links.find_link(connection, made.token[:-1], NOW) is None
        assert admin_links.open_link(connection, ann, NOW) == ("reset", made.expires)
        assert not admin_links.use_link(connection, link, NOW + 86_400)
        assert admin_links.use_link(connection, link, NOW)
        assert not admin_links.use_link(connection, link, NOW)
        assert admin_links.find_link(connection, made.token, NOW) is None
        assert admin_links.open_link(connection, ann, NOW) is None


def test_a_newer_link_makes_those_before_void(database: Database) -> None:
    ann = people.add(database, "ann@example.org")
    with database.writing() as connection:
        old = admin_links.new_link(connection, ann, "reset", NOW)
        new = admin_links.new_link(connection, ann, "activation", NOW)
        assert admin_links.find_link(connection, old.token, NOW) is None
        assert admin_links.find_link(connection, new.token, NOW + 6 * 86_400) is not None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda connection, admin: admin_links.new_link(connection, admin, "reset", NOW), "no password yet"),
        (lambda connection, admin: admin_links.new_link(connection, admin, "activation", NOW, 0), "wanted 1 to"),
        (
            lambda connection, admin: admin_links.new_link(connection, admin, "activation", NOW, 10**9),
            "wanted 1 to",
        ),
    ],
)
def test_links_that_are_not_made(
    database: Database, make: Callable[[sa.Connection, Administrator], object], told: str
) -> None:
    with database.writing() as connection:
        admin = administrators.add_administrator(connection, "bob@example.org", "Bob", "Help Desk")
        with pytest.raises(NotDone, match=told):
            make(connection, admin)


def test_another_seed_key_opens_no_seed(database: Database) -> None:
    ann = people.add(database, "ann@example.org")
    with pytest.raises(Exception, match="another seed_key"), database.writing() as connection:
        admin_totp.use_code(connection, SeedBox(b"x" * 32), ann, people.code_of(ann, NOW), NOW)
