"""One-time passwords of YubiKeys: read, counted, and accepted once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.model import Allowed, Passcode, Reason
from authproxy.secondfactor import tokens, yubikey
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.token_rows import NewToken, read_tokens
from authproxy.secondfactor.tokens import find_token
from authproxy.secondfactor.users import find_user
from authproxy.typed import Appended, read_factor
from tests.secondfactor.local_service import LocalService, enter, refused
from tests.secondfactor.yubikeys import Key, modhex

BOX = SeedBox(bytes(32))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path)
    service.seals = BOX  # type: ignore[assignment]
    service.add_user("alice")
    service.add_user("bob")
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


def bring(service: LocalService, key: Key, serial: str = "5512345", username: str = "alice") -> None:
    new = NewToken(2, serial, "yubikey", 0, key.seed, 0, 30, username)
    with service.database.writing() as connection:
        assert tokens.obstacles(connection, [new], "simple") == []
        tokens.import_tokens(connection, [new], BOX, "simple")


# ---------------------------------------------------------------- the format


@pytest.mark.parametrize("public_id", [b"", b"\0\1", bytes(6), bytes(8)])
def test_what_a_key_types_is_counted_by_session_and_use(public_id: bytes) -> None:
    key = Key(public_id=public_id)
    counters = [yubikey.counter_of(key.touch(), key.seed) for _ in range(2)]
    key.plug_in()
    counters.append(yubikey.counter_of(key.touch(), key.seed))
    assert counters == [256, 257, 512]


def test_a_damaged_one_or_that_of_another_key_is_none() -> None:
    key = Key()
    assert yubikey.counter_of(key.touch(damage=1), key.seed) is None
    assert yubikey.counter_of(key.touch(), Key(private_id=bytes(6)).seed) is None
    assert yubikey.counter_of(key.touch(), Key(aes_key=bytes(16)).seed) is None


def test_every_single_letter_changed_spoils_it() -> None:
    key = Key()
    otp = key.touch()
    for at in range(len(otp) - 32, len(otp)):
        other = "c" if otp[at] != "c" else "v"
        assert yubikey.counter_of(otp[:at] + other + otp[at + 1 :], key.seed) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("c" * 32, True),
        ("v" * 48, True),
        ("c" * 30, False),
        ("c" * 33, False),
        ("c" * 50, False),
        ("a" * 32, False),
    ],
)
def test_it_is_known_by_its_letters_and_their_number(text: str, is_one: bool) -> None:
    assert yubikey.is_otp(text) is is_one
    assert (read_factor(text) == Passcode(text)) is is_one


def test_it_may_stand_behind_a_password() -> None:
    otp = Key().touch()
    field = Appended().read(b"wonder,land," + otp.upper().encode())
    assert (field.password, field.typed) == (b"wonder,land", Passcode(otp))


# ---------------------------------------------------------------- logins


@pytest_twisted.ensureDeferred
async def test_each_touch_lets_in_once_and_uses_up_those_before_it(service: LocalService) -> None:
    key = Key()
    bring(service, key)
    first, second, third = key.touch(), key.touch(), key.touch()
    assert await enter(service, second) == Allowed("hardware token", device="5512345")
    assert refused(
        await enter(service, second), Reason.REUSED_PASSCODE, "token 5512345: this code, or a later one"
    )
    assert refused(await enter(service, first), Reason.REUSED_PASSCODE)
    assert isinstance(await enter(service, third), Allowed)
    key.plug_in()
    assert isinstance(await enter(service, key.touch()), Allowed)
    assert service.value("SELECT counter FROM devices") == 2 * 256 + 1


@pytest_twisted.ensureDeferred
async def test_another_users_key_is_a_wrong_code_and_its_password_is_not_used_up(service: LocalService) -> None:
    key = Key()
    bring(service, key)
    otp = key.touch()
    assert refused(await enter(service, otp, "bob"), Reason.BAD_PASSCODE)
    assert isinstance(await enter(service, otp), Allowed)


@pytest_twisted.ensureDeferred
async def test_a_key_of_two_users_takes_each_password_once(service: LocalService) -> None:
    key = Key()
    bring(service, key)
    with service.database.writing() as connection:
        tokens.assign_token(connection, find_token(connection, "5512345"), find_user(connection, "bob", "simple"))
    otp = key.touch()
    assert isinstance(await enter(service, otp, "bob"), Allowed)
    assert refused(await enter(service, otp), Reason.REUSED_PASSCODE)


@pytest_twisted.ensureDeferred
async def test_random_letters_are_a_strike(service: LocalService) -> None:
    bring(service, Key())
    assert refused(await enter(service, modhex(bytes(range(22)))), Reason.BAD_PASSCODE, "belongs to no device")
    assert service.value("SELECT failures FROM users WHERE username = 'alice'") == 1


def test_it_can_not_be_resynchronized(service: LocalService) -> None:
    bring(service, Key())
    with service.database.writing() as connection:
        token = find_token(connection, "5512345")
        assert token.type == "yk"
        with pytest.raises(BadValue, match="it can't run away"):
            tokens.resync_token(connection, token, ("123456", "234567"), BOX, 0.0)


# ---------------------------------------------------------------- rows of a file

ROW = {
    "serial": "5512345",
    "type": "yk",
    "private_id": "87924fd9a1b2",
    "aes_key": "ecde18dbe76fbd0c33330f1c354871db",
}


@pytest.mark.parametrize("column", ["aes_key", "secret", "secret_hex"])
def test_a_row_has_private_id_and_key(column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != "aes_key"} | {column: ROW["aes_key"].upper()}
    (token,), bad = read_tokens([(2, row)])
    assert bad == []
    assert (token.kind, token.digits, token.seed) == ("yubikey", 0, Key().seed)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"private_id": ""}, "private_id of a YubiKey is 12 hexadecimal digits"),
        ({"private_id": "87924fd9a1"}, "private_id of a YubiKey is 12 hexadecimal digits"),
        ({"aes_key": "00"}, "aes_key of a YubiKey is 32 hexadecimal digits"),
        ({"type": "h6"}, "only a YubiKey"),
    ],
)
def test_a_bad_row_is_told_without_its_secrets(changed: dict[str, str], told: str) -> None:
    good, (bad,) = read_tokens([(7, ROW | changed)])
    assert good == []
    assert (bad.line, told in bad.problem) == (7, True)
    assert ROW["aes_key"] not in bad.problem
