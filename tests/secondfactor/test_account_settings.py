"""Settings of the account: what they may be, what outranks what, and that a login goes by them at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted

from authproxy.config.settings import ServiceSettings
from authproxy.config.settings_telephony import Prices
from authproxy.errors import StoreUnavailable
from authproxy.model import Allowed, Reason
from authproxy.secondfactor.account_settings import Defaults, account_id, change_settings, read_settings
from authproxy.secondfactor.api_policy import own_layer
from authproxy.secondfactor.lockout import UNTIL_UNLOCKED
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.setting_list import SETTINGS, Setting, read_value
from tests.secondfactor.local_service import LocalService, enter, refused, totp


@pytest_twisted.async_yield_fixture
async def service(tmp_path: Path) -> AsyncIterator[LocalService]:
    made = LocalService(tmp_path, lockout_after=10)
    yield made
    await made.stop()


def change(service: LocalService, **changes: object) -> None:
    """As another process does it: on a connection of its own."""
    with service.database.writing() as connection:
        change_settings(connection, Defaults(service.settings), "admin:ann@example.com", changes, "192.0.2.9")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_default_is_a_value_that_could_be_typed(setting: Setting, tmp_path: Path) -> None:
    defaults = Defaults(ServiceSettings(tmp_path, "sqlite:///x.db"), Prices())
    value = defaults.value(setting)
    assert read_value(setting.name, value) == value


@pytest.mark.parametrize(
    ("name", "typed", "meant"),
    [
        ("lockout_threshold", " 5 ", 5),
        ("lockout_expire_duration", "0", 0),
        ("fraud_email_enabled", "0", False),
        ("fraud_email_enabled", True, True),
        ("language", "de", "DE"),
        ("fraud_email", "a@example.com,b@example.org ", "a@example.com, b@example.org"),
        ("sms_message", "Codes:", "Codes: {codes}"),
        ("timezone", "Europe/Berlin", "Europe/Berlin"),
        ("telephony_warning_min", "12.5", 12.5),
    ],
)
def test_values_as_they_are_typed(name: str, typed: object, meant: object) -> None:
    assert read_value(name, typed) == meant


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("lockout_threshold", "10000"),
        ("lockout_threshold", "five"),
        ("lockout_expire_duration", "4"),
        ("sms_batch", "11"),
        ("helpdesk_bypass", "perhaps"),
        ("fraud_email", "not an address"),
        ("fraud_email", "a@example.com\nBcc: b@example.com"),
        ("timezone", "Middle/Earth"),
        ("telephony_warning_min", "nan"),
        ("helpdesk_message", "x" * 201),
        ("minimum_password_length", "11"),
        ("no_such_setting", "1"),
    ],
)
def test_values_that_can_not_be(name: str, typed: object) -> None:
    with pytest.raises(BadValue, match=name):
        read_value(name, typed)


@pytest_twisted.ensureDeferred
async def test_a_login_goes_by_what_another_process_has_just_changed(service: LocalService) -> None:
    service.add_device(service.add_user())
    assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE)
    change(service, lockout_threshold=2, lockout_expire_duration=0)
    assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE, "until an administrator unlocks")
    assert service.value("SELECT locked_until FROM users") == UNTIL_UNLOCKED
    assert refused(await enter(service, totp()), Reason.USER_LOCKED_OUT)


@pytest_twisted.ensureDeferred
async def test_factors_that_are_switched_off_do_not_count_where_no_policy_says_otherwise(
    service: LocalService,
) -> None:
    alice = service.add_user()
    service.add_device(alice)
    token = b"abcdefghijklmnopqrst"
    service.add_device(alice, seed=token, origin="hardware", serial="1")
    change(service, mobile_otp_enabled=False, push_enabled=False, voice_enabled=False, sms_enabled=False)
    left_out = "configuration and account settings: factors leave out passcode, sms"
    assert refused(await enter(service, totp()), Reason.BAD_PASSCODE, left_out)
    assert isinstance(await enter(service, totp(seed=token)), Allowed)
    allowed = service.book.rules.effective("vpn").factors.allowed
    assert allowed == {"hardware_token", "security_key", "bypass_code"}
    own = own_layer("vpn", {"factors": ["push"]})
    assert service.book.rules.effective("vpn", own=own).factors.allowed >= {"push"}
    change(service, mobile_otp_enabled=None)
    assert isinstance(await enter(service, totp()), Allowed)


@pytest_twisted.ensureDeferred
async def test_without_a_stored_value_the_configuration_counts_again(service: LocalService) -> None:
    service.add_user()
    change(service, lockout_threshold=1)
    change(service, lockout_threshold=None)
    assert refused(await enter(service, "000000"), Reason.BAD_PASSCODE)
    assert service.value("SELECT failures FROM users") == 1
    assert service.value("SELECT locked_until FROM users") is None


@pytest_twisted.ensureDeferred
async def test_rows_that_mean_nothing_let_nobody_in_until_they_are_mended(service: LocalService) -> None:
    service.add_device(service.add_user())
    service.change("INSERT INTO settings VALUES ('account.lockout_threshold', '\"many\"')")
    with pytest.raises(StoreUnavailable, match=r"lockout_threshold|settings"):
        await enter(service, totp())
    service.change("DELETE FROM settings WHERE key = 'account.lockout_threshold'")
    assert isinstance(await enter(service, totp()), Allowed)


@pytest_twisted.ensureDeferred
async def test_the_account_has_one_id_for_ever(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        made = LocalService(tmp_path)
        with made.database.reading() as connection:
            found.append(account_id(connection))
        await made.stop()
    assert found[0] == found[1]
    assert found[0].startswith("DA")
    assert len(found[0]) == 20


def test_a_change_is_recorded_with_before_and_after_and_all_or_nothing(service: LocalService) -> None:
    with pytest.raises(BadValue):
        change(service, sms_batch=5, language="XX")
    assert service.value("SELECT count(*) FROM audit") == 0
    change(service, sms_batch=5, language="EN")
    assert json.loads(service.value("SELECT detail FROM audit")) == {
        "before": {"language": "EN", "sms_batch": 3},
        "after": {"language": "EN", "sms_batch": 5},
    }
    assert service.value("SELECT actor || ' ' || address FROM audit") == "admin:ann@example.com 192.0.2.9"
    change(service, sms_batch=5)
    assert service.value("SELECT count(*) FROM audit") == 1
    with service.database.reading() as connection:
        settings = read_settings(connection, Defaults(service.settings))
    assert settings.number("sms_batch") == 5
    assert settings.all()["sms_message"] == service.settings.sms_message
