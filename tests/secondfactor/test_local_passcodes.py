"""Passcodes of the embedded second factor, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from authproxy.model import Allowed, Factor, Reason
from authproxy.secondfactor.passcode import hotp
from tests.secondfactor.local_service import NOW, SEED, STEP, LocalService, enter, refused, totp


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path)
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


# ---------------------------------------------------------------- TOTP


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest_twisted.ensureDeferred
async def test_a_code_within_the_window_lets_in_once(service: LocalService, offset: int) -> None:
    service.add_device(service.add_user())
    code = totp(STEP + offset)
    assert await enter(service, code) == Allowed("passcode", device="phone 1")
    assert refused(await enter(service, code), Reason.REUSED_PASSCODE, "phone 1: this code, or a later one")
    assert service.value("SELECT last_step FROM devices") == STEP + offset
    assert service.value("SELECT last_used FROM devices") == NOW
    assert service.value("SELECT last_login FROM users") == NOW
    assert service.value("SELECT failures FROM users") == 0


@pytest_twisted.ensureDeferred
async def test_an_older_code_is_used_up_by_a_newer_one(service: LocalService) -> None:
    service.add_device(service.add_user())
    assert isinstance(await enter(service, totp(STEP)), Allowed)
    assert refused(await enter(service, totp(STEP - 1)), Reason.REUSED_PASSCODE)
    assert isinstance(await enter(service, totp(STEP + 1)), Allowed)


@pytest_twisted.ensureDeferred
async def test_every_spelling_of_the_name_is_the_same_user(service: LocalService) -> None:
    service.add_device(service.add_user())
    assert isinstance(await enter(service, totp(), "CORP\\Alice"), Allowed)
    assert refused(await enter(service, totp(), "alice@example.com"), Reason.REUSED_PASSCODE)


@pytest.mark.parametrize(("offset", "told"), [(-2, "60 s behind"), (5, "150 s ahead"), (-20, "600 s behind")])
@pytest_twisted.ensureDeferred
async def test_a_code_outside_the_window_is_explained_to_the_help_desk(
    service: LocalService, offset: int, told: str
) -> None:
    service.add_device(service.add_user())
    verdict = await enter(service, totp(STEP + offset))
    assert refused(verdict, Reason.BAD_PASSCODE, f"another time step of phone 1: its clock is {told}")
    assert service.value("SELECT failures FROM users") == 1


@pytest_twisted.ensureDeferred
async def test_a_code_of_nobody_is_wrong(service: LocalService) -> None:
    service.add_device(service.add_user())
    assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE, "belongs to no device")
    assert refused(await enter(service, "12345678"), Reason.BAD_PASSCODE, "belongs to no device")
    assert refused(await enter(service, "c" * 44), Reason.BAD_PASSCODE, "belongs to no device")


@pytest_twisted.ensureDeferred
async def test_a_software_token_is_not_followed_but_a_hardware_tokens_clock_is(service: LocalService) -> None:
    user = service.add_user()
    service.add_device(user, origin="hardware", serial="4711", name="", seed=b"h" * 20, drift=-3)
    service.add_device(user, drift=-3)
    verdict = await enter(service, totp(STEP - 4, b"h" * 20))
    assert verdict == Allowed("hardware token", device="4711")
    assert service.value("SELECT drift FROM devices WHERE serial = '4711'") == -4
    assert refused(await enter(service, totp(STEP - 4)), Reason.BAD_PASSCODE, "behind")


@pytest_twisted.ensureDeferred
async def test_digits_step_and_algorithm_of_a_device_are_its_own(service: LocalService) -> None:
    service.add_device(service.add_user(), digits=8, step=60, algorithm="sha256", seed=b"k" * 10)
    code = hotp(b"k" * 10, int(NOW // 60), 8, "sha256")
    assert isinstance(await enter(service, code), Allowed)


@pytest_twisted.ensureDeferred
async def test_each_of_several_devices_works(service: LocalService) -> None:
    user = service.add_user()
    service.add_device(user, seed=b"a" * 20)
    service.add_device(user, seed=b"b" * 20, kind="hotp")
    service.add_device(user, seed=b"c" * 20)
    assert await enter(service, totp(seed=b"c" * 20)) == Allowed("passcode", device="phone 3")
    assert await enter(service, hotp(b"b" * 20, 0)) == Allowed("passcode", device="phone 2")
    assert await enter(service, totp(seed=b"a" * 20)) == Allowed("passcode", device="phone 1")


@pytest_twisted.ensureDeferred
async def test_a_token_shared_by_two_users_accepts_each_code_from_one_of_them(service: LocalService) -> None:
    device = service.add_device(service.add_user())
    other = service.add_user("bob")
    service.change(f"INSERT INTO device_users VALUES ('{other}', '{device}', 1)")
    assert isinstance(await enter(service, totp(), "bob"), Allowed)
    assert refused(await enter(service, totp(), "alice"), Reason.REUSED_PASSCODE)


@pytest_twisted.ensureDeferred
async def test_a_seed_of_another_key_is_reported_and_lets_nobody_guess_on(service: LocalService) -> None:
    """The codes of the user's other token, of a message or for bypass could be tried without end."""
    user = service.add_user()
    service.add_device(user)
    service.change("UPDATE devices SET seed = x'00'")
    service.add_device(user, seed=b"b" * 20)
    for number in range(service.settings.lockout_after):
        assert refused(
            await enter(service, f"{number:06d}"), Reason.BAD_PASSCODE, "phone 1: sealed with another key"
        )
    assert refused(await enter(service, totp(seed=b"b" * 20)), Reason.USER_LOCKED_OUT)


# ---------------------------------------------------------------- HOTP


@pytest_twisted.ensureDeferred
async def test_hotp_looks_ahead_and_never_back(service: LocalService) -> None:
    service.add_device(service.add_user(), kind="hotp", counter=5)
    assert isinstance(await enter(service, hotp(SEED, 15)), Allowed)
    assert service.value("SELECT counter FROM devices") == 16
    assert refused(await enter(service, hotp(SEED, 15)), Reason.REUSED_PASSCODE)
    assert refused(await enter(service, hotp(SEED, 6)), Reason.REUSED_PASSCODE)
    assert isinstance(await enter(service, hotp(SEED, 16)), Allowed)
    assert refused(await enter(service, hotp(SEED, 28)), Reason.BAD_PASSCODE, "11 codes ahead: resynchronize")
    assert service.value("SELECT failures FROM users") == 1


# ---------------------------------------------------------------- bypass codes


@pytest_twisted.ensureDeferred
async def test_a_bypass_code_lets_in_as_often_as_it_may(service: LocalService) -> None:
    user = service.add_user()
    service.add_bypass(user, "123456789", uses_left=2)
    assert await enter(service, "123456789") == Allowed("bypass code")
    assert await enter(service, "123456789") == Allowed("bypass code")
    assert refused(await enter(service, "123456789"), Reason.REUSED_PASSCODE, "bypass code was already used")


@pytest_twisted.ensureDeferred
async def test_a_bypass_code_without_a_count_works_until_it_expires(service: LocalService) -> None:
    service.add_bypass(service.add_user(), "123456789", uses_left=None, expires=NOW + 60)
    for _ in range(3):
        assert await enter(service, "123456789") == Allowed("bypass code")
    service.now.now += 60
    assert refused(await enter(service, "123456789"), Reason.BAD_PASSCODE, "has expired")


@pytest_twisted.ensureDeferred
async def test_a_bypass_code_is_its_users_alone(service: LocalService) -> None:
    service.add_bypass(service.add_user("bob"), "123456789")
    service.add_user()
    assert refused(await enter(service, "123456789"), Reason.BAD_PASSCODE)
    assert await enter(service, "123456789", "bob") == Allowed("bypass code")


@pytest_twisted.ensureDeferred
async def test_where_passcodes_are_not_a_factor_only_bypass_codes_are_taken(service: LocalService) -> None:
    user = service.add_user()
    service.add_device(user)
    service.add_bypass(user, "123456789")
    verdict = await enter(service, totp(), factors=(Factor.PUSH,))
    assert refused(verdict, Reason.FACTOR_NOT_ALLOWED, "not allowed here")
    assert await enter(service, "123456789", factors=(Factor.PUSH,)) == Allowed("bypass code")
    assert service.value("SELECT last_step FROM devices") is None


# ---------------------------------------------------------------- lockout and statuses


@pytest_twisted.ensureDeferred
async def test_wrong_codes_in_a_row_lock_out_until_the_time_is_over(tmp_path: Path) -> None:
    service = LocalService(tmp_path, lockout_after=3, lockout_seconds=900)
    service.add_device(service.add_user())
    for _ in range(2):
        await enter(service, "000000")
    assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE, "3 wrong in a row: locked out for 900 s")
    assert refused(await enter(service, totp()), Reason.USER_LOCKED_OUT, "for another 900 s")
    service.now.now += 899
    assert refused(await enter(service, totp(STEP + 29)), Reason.USER_LOCKED_OUT)
    service.now.now += 1
    assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE)
    assert service.value("SELECT failures FROM users") == 1
    assert isinstance(await enter(service, totp(STEP + 30)), Allowed)
    assert service.value("SELECT failures FROM users") == 0
    assert service.value("SELECT locked_until FROM users") is None
    await service.stop()


@pytest_twisted.ensureDeferred
async def test_a_right_code_wipes_the_slate_and_a_repeated_one_is_no_strike(tmp_path: Path) -> None:
    service = LocalService(tmp_path, lockout_after=3)
    service.add_device(service.add_user())
    for round_ in range(3):
        service.now.now = NOW + 90 * round_
        for _ in range(2):
            await enter(service, "000000")
        assert isinstance(await enter(service, totp(STEP + 3 * round_)), Allowed)
    for _ in range(20):
        assert refused(await enter(service, totp(STEP + 6)), Reason.REUSED_PASSCODE)
    assert service.value("SELECT failures FROM users") == 0
    await service.stop()


@pytest_twisted.ensureDeferred
async def test_without_a_lockout_nobody_is_locked_out(tmp_path: Path) -> None:
    service = LocalService(tmp_path, lockout_after=0)
    service.add_device(service.add_user())
    for _ in range(30):
        assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE)
    assert isinstance(await enter(service, totp()), Allowed)
    await service.stop()


@pytest.mark.parametrize(
    ("own", "group", "outcome"),
    [
        ("active", "active", "passcode"),
        ("active", "bypass", "bypass status"),
        ("active", "disabled", "a group of the user is disabled"),
        ("bypass", "active", "bypass status"),
        ("bypass", "disabled", "a group of the user is disabled"),
        ("disabled", "bypass", ""),
    ],
)
@pytest_twisted.ensureDeferred
async def test_the_strictest_of_own_and_group_status_counts(
    service: LocalService, own: str, group: str, outcome: str
) -> None:
    user = service.add_user(status=own)
    service.add_device(user)
    service.add_group(user, group)
    verdict = await enter(service, totp())
    if isinstance(verdict, Allowed):
        assert verdict.factor == outcome
    else:
        assert refused(verdict, Reason.USER_DISABLED, outcome)
    used = service.value("SELECT last_step FROM devices") is not None
    assert used == (outcome == "passcode")


@pytest_twisted.ensureDeferred
async def test_an_unknown_user_is_dealt_with_by_the_new_user_policy(tmp_path: Path, service: LocalService) -> None:
    assert refused(await enter(service, "123456", "nobody"), Reason.NOT_ENROLLED)
    (tmp_path / "open").mkdir()
    friendly = LocalService(tmp_path / "open", new_user_policy="allow")
    assert await enter(friendly, "123456", "nobody") == Allowed("not enrolled", is_given=False)
    await friendly.stop()
