"""Hardware tokens that were imported let their users in, also after they ran away and were found again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.model import Allowed, Reason
from authproxy.secondfactor import tokens
from authproxy.secondfactor.devices import list_devices
from authproxy.secondfactor.passcode import hotp
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotDone, NotFound
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.token_rows import NewToken
from authproxy.secondfactor.tokens import Token, find_token
from authproxy.secondfactor.users import find_user
from tests.secondfactor.local_service import NOW, SEED, LocalService, enter, refused

BOX = SeedBox(bytes(32))
HOTP = NewToken(2, "100", "hotp", 6, SEED, 5, 30, "CORP\\Alice")
TOTP = NewToken(3, "100", "totp", 8, SEED, 0, 60, "alice")
TODAY = int(NOW // 60)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path)
    service.seals = BOX  # type: ignore[assignment]
    service.add_user("alice")
    service.add_user("bob")
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


def bring(service: LocalService, *new: NewToken) -> None:
    with service.database.writing() as connection:
        assert tokens.obstacles(connection, new, "simple") == []
        tokens.import_tokens(connection, new, BOX, "simple")


def resync(service: LocalService, one: str, two: str, type_: str = "h6") -> Token:
    with service.database.writing() as connection:
        return tokens.resync_token(
            connection, find_token(connection, "100", type_), (one, two), BOX, service.now()
        )


def timed(step: int) -> str:
    return hotp(SEED, step, 8)


# ---------------------------------------------------------------- import and assignment


@pytest_twisted.ensureDeferred
async def test_imported_tokens_let_their_user_in(service: LocalService) -> None:
    bring(service, HOTP, TOTP)
    assert await enter(service, hotp(SEED, 5)) == Allowed("hardware token", device="100")
    assert refused(await enter(service, hotp(SEED, 4)), Reason.REUSED_PASSCODE)
    assert await enter(service, timed(TODAY)) == Allowed("hardware token", device="100")
    assert refused(await enter(service, hotp(SEED, 6), "bob"), Reason.BAD_PASSCODE)


@pytest_twisted.ensureDeferred
async def test_a_token_of_two_users_takes_each_code_once(service: LocalService) -> None:
    bring(service, HOTP)
    with service.database.writing() as connection:
        token, bob = find_token(connection, "100"), find_user(connection, "bob", "simple")
        tokens.assign_token(connection, token, bob)
        shared = find_token(connection, "100")
        assert shared.users == ("alice", "bob")
        with pytest.raises(AlreadyThere, match="token 100 is bob's already"):
            tokens.assign_token(connection, shared, bob)
    assert isinstance(await enter(service, hotp(SEED, 5), "bob"), Allowed)
    assert refused(await enter(service, hotp(SEED, 5), "alice"), Reason.REUSED_PASSCODE)
    assert isinstance(await enter(service, hotp(SEED, 6), "alice"), Allowed)


@pytest_twisted.ensureDeferred
async def test_a_token_taken_away_or_deleted_lets_nobody_in(service: LocalService) -> None:
    bring(service, HOTP, TOTP)
    with service.database.writing() as connection:
        alice = find_user(connection, "alice", "simple")
        tokens.unassign_token(connection, find_token(connection, "100", "h6"), alice)
        with pytest.raises(NotFound, match="token 100 is not alice's"):
            tokens.unassign_token(connection, find_token(connection, "100", "h6"), alice)
    assert refused(await enter(service, hotp(SEED, 5)), Reason.BAD_PASSCODE)
    with service.database.writing() as connection:
        tokens.delete_token(connection, find_token(connection, "100", "t8"))
    assert refused(await enter(service, timed(TODAY)), Reason.BAD_PASSCODE)


def test_tokens_come_after_the_devices_that_a_user_has(service: LocalService) -> None:
    service.add_device("USALICE")
    bring(service, HOTP, TOTP)
    with service.database.reading() as connection:
        listed = list_devices(connection, find_user(connection, "alice", "simple"))
    assert [(device.position, device.kind, device.serial) for device in listed] == [
        (1, "totp", None),
        (2, "hotp", "100"),
        (3, "totp", "100"),
    ]


def test_a_serial_of_two_types_needs_the_type(service: LocalService) -> None:
    bring(service, HOTP, TOTP)
    with service.database.reading() as connection:
        with pytest.raises(BadValue, match="several tokens 100, of types h6, t8: name one with --type"):
            find_token(connection, "100")
        assert find_token(connection, " 100 ", "t8").type == "t8"
        with pytest.raises(NotFound, match="there is no token '100' of type h8; `authproxy token list` shows all"):
            find_token(connection, "100", "h8")


def test_what_is_shown_holds_no_seed(service: LocalService) -> None:
    bring(service, HOTP)
    with service.database.reading() as connection:
        (token,) = tokens.list_tokens(connection)
    assert repr(token.seed) not in repr(token)
    assert SEED not in token.seed


# ---------------------------------------------------------------- resynchronization


@pytest_twisted.ensureDeferred
async def test_a_token_that_ran_ahead_is_found_by_two_codes(service: LocalService) -> None:
    bring(service, HOTP)
    told = "token 100 is 85 codes ahead: resynchronize it"
    assert refused(await enter(service, hotp(SEED, 90)), Reason.BAD_PASSCODE, told)
    assert resync(service, hotp(SEED, 90), hotp(SEED, 91)).counter == 92
    for used in (90, 91):
        assert refused(await enter(service, hotp(SEED, used)), Reason.REUSED_PASSCODE)
    assert isinstance(await enter(service, hotp(SEED, 92)), Allowed)


@pytest.mark.parametrize("pair", [(4, 5), (3, 4), (10, 12), (11, 10), (1005, 1006)])
def test_codes_that_are_used_up_or_not_successive_find_nothing(
    service: LocalService, pair: tuple[int, int]
) -> None:
    bring(service, HOTP)
    with pytest.raises(NotDone, match="no two successive codes among the next 1000 of token 100"):
        resync(service, hotp(SEED, pair[0]), hotp(SEED, pair[1]))
    assert service.value("SELECT counter FROM devices") == 5


def test_the_farthest_codes_are_found(service: LocalService) -> None:
    bring(service, HOTP)
    assert resync(service, hotp(SEED, 1004), hotp(SEED, 1005)).counter == 1006


@pytest.mark.parametrize(
    "codes", [("123456", "12345678"), ("", "123456"), ("abcdef", "123456"), ("１２３４５６", "1")]
)
def test_what_is_no_pair_of_codes_is_told(service: LocalService, codes: tuple[str, str]) -> None:
    bring(service, HOTP)
    with pytest.raises(BadValue, match="two codes of 6 digits are wanted"):
        resync(service, *codes)


@pytest.mark.parametrize("drift", [-1439, -10, 0, 10, 1440])
@pytest_twisted.ensureDeferred
async def test_a_clock_that_is_off_is_followed_after_two_codes(service: LocalService, drift: int) -> None:
    bring(service, TOTP)
    at = TODAY + drift
    if abs(drift) > 1:
        assert refused(await enter(service, timed(at)), Reason.BAD_PASSCODE)
    token = resync(service, timed(at - 1), f"{timed(at)[:4]} {timed(at)[4:]}", "t8")
    assert (token.drift, token.last_step) == (drift, at)
    assert refused(await enter(service, timed(at)), Reason.REUSED_PASSCODE)
    service.now.now += 60
    assert isinstance(await enter(service, timed(at + 1)), Allowed)


def test_a_clock_that_is_more_than_a_day_off_is_not_found(service: LocalService) -> None:
    bring(service, TOTP)
    with pytest.raises(NotDone, match="no two successive codes of token 100 within 24 hours of now"):
        resync(service, timed(TODAY + 1441), timed(TODAY + 1442), "t8")


@pytest_twisted.ensureDeferred
async def test_codes_from_before_the_last_login_do_not_turn_a_clock_back(service: LocalService) -> None:
    bring(service, TOTP)
    assert isinstance(await enter(service, timed(TODAY)), Allowed)
    for pair in ((TODAY - 1, TODAY), (TODAY, TODAY + 1)):
        with pytest.raises(NotDone, match="codes from before its last login are used up"):
            resync(service, timed(pair[0]), timed(pair[1]), "t8")
    assert service.value("SELECT last_step FROM devices") == TODAY
