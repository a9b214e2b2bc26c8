"""Ceremonies of WebAuthn against a key in software that also lies."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.security_keys import (
    MOST,
    Owner,
    admin_owner,
    delete_key,
    keys_of,
    own_key,
    rename_key,
    user_owner,
)
from authproxy.secondfactor.users import add_user
from authproxy.secondfactor.webauthn import (
    Ceremonies,
    NotProven,
    Proven,
    Registered,
    UserVerification,
    Why,
)
from authproxy.secondfactor.webauthn_challenges import VALID_SECONDS
from authproxy.store import tables
from authproxy.store.engine import Database
from tests.webauthn.softkey import BE, BS, UP, SoftKey

URL = "https://localhost:8443"


@dataclass
class Desk:
    """alice and bob are users, root@example.test an administrator; each has a browser session of that name."""

    database: Database
    owners: dict[str, Owner]
    at: float = 1_000_000.0
    ceremonies: Ceremonies = field(init=False)

    def __post_init__(self) -> None:
        self.ceremonies = Ceremonies(URL, lambda: self.at)

    def begin_registration(self, name: str = "alice", **more: Any) -> dict[str, Any]:
        with self.database.writing() as connection:
            return self.ceremonies.begin_registration(connection, self.owners[name], name, **more)

    def register(self, key: SoftKey, name: str = "alice", **more: Any) -> Registered | NotProven:
        return self.finish_registration(key.create(self.begin_registration(name, **more)), name)

    def finish_registration(self, answer: Any, name: str = "alice") -> Registered | NotProven:
        with self.database.writing() as connection:
            owner = self.owners[name]
            return self.ceremonies.finish_registration(connection, owner, name, answer, "blue", f"user:{name}")

    def begin_login(self, name: str = "alice", **more: Any) -> dict[str, Any]:
        with self.database.writing() as connection:
            return self.ceremonies.begin_authentication(connection, self.owners[name], name, **more)

    def login(self, key: SoftKey, name: str = "alice", **more: Any) -> Proven | NotProven:
        return self.finish_login(key.get(self.begin_login(name, **more)), name)

    def finish_login(self, answer: Any, name: str = "alice", session: str = "") -> Proven | NotProven:
        with self.database.writing() as connection:
            return self.ceremonies.finish_authentication(
                connection, self.owners[name], session or name, answer, "192.0.2.1"
            )

    def keys(self, name: str = "alice") -> list[Any]:
        with self.database.reading() as connection:
            return keys_of(connection, self.owners[name])

    def audit(self) -> list[tuple[str, str, str, Any]]:
        with self.database.reading() as connection:
            a = tables.audit.c
            rows = connection.execute(sa.select(a.actor, a.action, a.object, a.detail).order_by(a.id))
            return [(actor, action, about, json.loads(detail)) for actor, action, about, detail in rows]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('webauthn')}/authproxy.db")
    yield made
    made.close()


@pytest.fixture
def desk(database: Database) -> Desk:
    with database.writing() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(table.delete())
        users = [add_user(connection, name, "simple") for name in ("alice", "bob")]
        connection.execute(
            tables.administrators.insert().values(
                id="DE1", email="root@example.test", name="Root", role="Owner", created=0.0
            )
        )
    owners = {user.username: user_owner(user.id, user.username) for user in users}
    return Desk(database, {**owners, "root": admin_owner("DE1", "root@example.test", "Root")})


@pytest.fixture
def key(desk: Desk) -> SoftKey:
    """Registered by alice."""
    made = SoftKey(URL)
    assert isinstance(desk.register(made), Registered)
    return made


def why(outcome: Registered | Proven | NotProven) -> Why:
    assert isinstance(outcome, NotProven)
    return outcome.why


# ---------------------------------------------------------------- it works


def test_a_key_is_registered_and_logs_its_owner_in_again_and_again(desk: Desk) -> None:
    key = SoftKey(URL)
    registered = desk.register(key)
    assert isinstance(registered, Registered)
    assert (registered.key.name, registered.key.transports) == ("blue", ("usb",))
    for _ in range(2):
        proven = desk.login(key)
        assert isinstance(proven, Proven)
        assert (proven.key.id, proven.is_user_verified) == (registered.key.id, True)
    (stored,) = desk.keys()
    assert (stored.sign_count, stored.last_used, stored.is_uv_capable) == (3, desk.at, True)
    assert desk.audit() == [
        ("user:alice", "security key add", "alice", {"key": registered.key.id, "name": "blue"})
    ]


def test_an_administrators_key_is_not_a_users(desk: Desk) -> None:
    key = SoftKey(URL)
    assert isinstance(desk.register(key, "root"), Registered)
    assert isinstance(desk.login(key, "root"), Proven)
    assert why(desk.login(key, "alice")) is Why.FOREIGN
    assert desk.keys() == []


def test_the_browser_is_told_what_it_needs(desk: Desk, key: SoftKey) -> None:
    options = desk.begin_registration(verification=UserVerification.REQUIRED)["publicKey"]
    handle = desk.owners["alice"].handle
    assert options["rp"] == {"id": "localhost", "name": "authproxy"}
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [each["transports"] for each in options["excludeCredentials"]] == [["usb"]]
    assert handle.decode() == desk.owners["alice"].id
    login = desk.begin_login()["publicKey"]
    assert [each["id"] for each in login["allowCredentials"]] == [options["excludeCredentials"][0]["id"]]
    assert login["rpId"] == "localhost"
    assert login["challenge"] != options["challenge"]


def test_keys_that_never_count_are_as_good_as_others(desk: Desk) -> None:
    key = SoftKey(URL, counter=0, flags=UP | BE | BS)
    assert isinstance(desk.register(key), Registered)
    for _ in range(2):
        assert isinstance(desk.login(key), Proven)
    assert desk.keys()[0].is_backed_up


# ---------------------------------------------------------------- challenges


def test_an_answer_counts_once(desk: Desk, key: SoftKey) -> None:
    answer = key.get(desk.begin_login())
    assert isinstance(desk.finish_login(answer), Proven)
    assert why(desk.finish_login(answer)) is Why.EXPIRED


def test_a_challenge_is_used_up_by_a_wrong_answer_too(desk: Desk, key: SoftKey) -> None:
    answer = key.get(desk.begin_login())
    broken = copy.deepcopy(answer)
    broken["response"]["signature"] = "AAAA"
    assert why(desk.finish_login(broken)) is Why.INVALID
    assert why(desk.finish_login(answer)) is Why.EXPIRED


def test_a_challenge_expires(desk: Desk, key: SoftKey) -> None:
    answer = key.get(desk.begin_login())
    desk.at += VALID_SECONDS
    assert why(desk.finish_login(answer)) is Why.EXPIRED
    made = SoftKey(URL).create(desk.begin_registration())
    desk.at += VALID_SECONDS
    assert why(desk.finish_registration(made)) is Why.EXPIRED


def test_a_challenge_is_of_one_session_owner_and_purpose(desk: Desk, key: SoftKey) -> None:
    assert why(desk.finish_login(key.get(desk.begin_login()), session="another browser")) is Why.EXPIRED
    assert why(desk.finish_login(key.get(desk.begin_login("bob")))) is Why.EXPIRED
    assert why(desk.finish_login(key.get(desk.begin_registration()))) is Why.EXPIRED
    assert why(desk.finish_registration(SoftKey(URL).create(desk.begin_login()))) is Why.EXPIRED


def test_a_challenge_that_nobody_issued_is_unknown(desk: Desk, key: SoftKey) -> None:
    assert why(desk.finish_login(key.get({"publicKey": {"challenge": "A" * 43}}))) is Why.EXPIRED


# ---------------------------------------------------------------- keys that lie


def test_a_foreign_credential_is_refused_even_with_a_right_signature(desk: Desk, key: SoftKey) -> None:
    assert why(desk.login(SoftKey(URL))) is Why.FOREIGN
    bobs = SoftKey(URL)
    assert isinstance(desk.register(bobs, "bob"), Registered)
    assert why(desk.login(bobs)) is Why.FOREIGN
    key.handle = desk.owners["bob"].handle
    assert why(desk.login(key)) is Why.FOREIGN
    key.handle = desk.owners["alice"].handle
    assert isinstance(desk.login(key), Proven)


def test_a_key_under_anothers_credential_id_does_not_sign_for_it(desk: Desk, key: SoftKey) -> None:
    assert why(desk.login(SoftKey(URL, credential_id=key.credential_id))) is Why.INVALID


@pytest.mark.parametrize(
    "origin",
    ["https://evil.test", "http://localhost:8443", "https://localhost", "https://sub.localhost:8443", "null"],
)
def test_another_origin_is_refused(desk: Desk, key: SoftKey, origin: str) -> None:
    key.origin = origin
    assert why(desk.login(key)) is Why.ORIGIN
    assert why(desk.register(SoftKey(origin))) is Why.ORIGIN
    key.origin = URL
    assert isinstance(desk.login(key), Proven)


@pytest.mark.parametrize(
    "more", [{"crossOrigin": True}, {"topOrigin": "https://evil.test"}, {"crossOrigin": "no"}]
)
def test_a_frame_is_refused(desk: Desk, key: SoftKey, more: dict[str, Any]) -> None:
    key.more = more
    assert why(desk.login(key)) is Why.FRAME
    assert why(desk.register(SoftKey(URL, more=more))) is Why.FRAME


def test_another_relying_party_is_refused(desk: Desk, key: SoftKey) -> None:
    key.rp_id = "evil.test"
    assert why(desk.login(key)) is Why.INVALID
    assert why(desk.register(SoftKey(URL, rp_id="evil.test"))) is Why.INVALID


@pytest.mark.parametrize("counter", [0, 1, 5, 6])
def test_a_counter_that_does_not_rise_is_refused_and_told(desk: Desk, key: SoftKey, counter: int) -> None:
    key.counter = 6
    assert isinstance(desk.login(key), Proven)
    key.counter = counter
    assert why(desk.login(key)) is Why.COUNTER
    (stored,) = desk.keys()
    assert stored.sign_count == 6
    told = {"key": stored.id, "counter": counter, "stored": 6}
    assert desk.audit()[-1] == ("system", "security key refused", "alice", told)


def test_user_verification_is_as_strict_as_the_policy(desk: Desk, key: SoftKey) -> None:
    key.flags = UP
    outcome = desk.login(key, verification=UserVerification.PREFERRED)
    assert isinstance(outcome, Proven)
    assert not outcome.is_user_verified
    assert why(desk.login(key, verification=UserVerification.REQUIRED)) is Why.NOT_VERIFIED
    assert why(desk.register(SoftKey(URL, flags=UP), verification=UserVerification.REQUIRED)) is Why.NOT_VERIFIED


@pytest.mark.parametrize("flags", [0, UP | BS])
def test_flags_that_can_not_be_are_refused(desk: Desk, key: SoftKey, flags: int) -> None:
    key.flags = flags
    assert why(desk.login(key)) is Why.INVALID
    assert why(desk.register(SoftKey(URL, flags=flags))) is Why.INVALID


def test_a_credential_is_registered_once_by_anybody(desk: Desk, key: SoftKey) -> None:
    for name in ("alice", "bob", "root"):
        assert why(desk.register(key, name)) is Why.TAKEN
    assert len(desk.keys()) == 1


def test_an_owner_has_room_for_so_many_keys(desk: Desk) -> None:
    for _ in range(MOST):
        assert isinstance(desk.register(SoftKey(URL)), Registered)
    assert why(desk.register(SoftKey(URL))) is Why.UNFIT


def _mangled(answer: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(answer)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("value", [None, "", "AAAA", "!", 7, [], {}, "A" * 5000])
@pytest.mark.parametrize("name", ["clientDataJSON", "attestationObject", "authenticatorData", "signature"])
def test_garbage_is_refused_cleanly(desk: Desk, key: SoftKey, name: str, value: Any) -> None:
    made = SoftKey(URL).create(desk.begin_registration())
    if name in made["response"]:
        assert isinstance(desk.finish_registration(_mangled(made, ["response", name], value)), NotProven)
    answer = key.get(desk.begin_login())
    if name in answer["response"]:
        assert isinstance(desk.finish_login(_mangled(answer, ["response", name], value)), NotProven)
    assert len(desk.keys()) == 1


@pytest.mark.parametrize(
    "answer", [None, "", 1, [], {}, {"response": None}, {"response": {"clientDataJSON": "e30"}}]
)
def test_what_is_no_answer_at_all_is_refused(desk: Desk, answer: Any) -> None:
    assert why(desk.finish_login(answer)) is Why.GARBAGE
    assert why(desk.finish_registration(answer)) is Why.GARBAGE


# ---------------------------------------------------------------- the list


def test_keys_are_renamed_and_deleted_with_a_record(desk: Desk, key: SoftKey) -> None:
    owner, (stored,) = desk.owners["alice"], desk.keys()
    with desk.database.writing() as connection:
        rename_key(connection, owner, stored, " green ", "admin:root@example.test", "192.0.2.7")
        assert own_key(connection, owner, stored.id).label == "green"
        with pytest.raises(NotFound):
            own_key(connection, desk.owners["bob"], stored.id)
        with pytest.raises(BadValue):
            rename_key(connection, owner, stored, "x" * 101, "user:alice")
        delete_key(connection, owner, stored, "user:alice")
    assert desk.keys() == []
    assert why(desk.login(key)) is Why.FOREIGN
    assert [(actor, action) for actor, action, _, _ in desk.audit()[-2:]] == [
        ("admin:root@example.test", "security key rename"),
        ("user:alice", "security key delete"),
    ]
    assert desk.audit()[-2][3]["before"]["name"] == "blue"
