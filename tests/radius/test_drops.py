"""How often a drop is logged, and who is served without a signature."""

from __future__ import annotations

import pytest

from authproxy.config.settings import RequireMessageAuthenticator as Require
from authproxy.drops import OTHERS, Drops
from authproxy.radius.signing import (
    NO_SIGNATURE,
    NO_SIGNATURE_ANY_MORE,
    UNEXPECTED_PROXY_STATE,
    SigningRule,
)

NAS = "192.0.2.1"


def test_drop_is_logged_once_a_minute_with_a_count_of_the_others() -> None:
    drops = Drops()
    assert drops.note(NAS, "why", 0.0) == (NAS, 0)
    assert [drops.note(NAS, "why", now) for now in (1.0, 30.0, 59.9)] == [None, None, None]
    assert drops.note(NAS, "why", 60.0) == (NAS, 3)
    assert drops.note(NAS, "why", 61.0) is None


def test_sources_and_reasons_are_told_apart() -> None:
    drops = Drops()
    assert drops.note(NAS, "why", 0.0) == (NAS, 0)
    assert drops.note(NAS, "another reason", 0.0) == (NAS, 0)
    assert drops.note("192.0.2.2", "why", 0.0) == ("192.0.2.2", 0)


def test_flood_from_many_sources_fills_neither_memory_nor_log() -> None:
    drops = Drops()
    logged = [drops.note(f"10.0.{number // 250}.{number % 250}", "why", number / 1000) for number in range(50_000)]
    lines = [line for line in logged if line is not None]
    assert len(lines) == 257
    assert (OTHERS, 0) in lines
    assert len(drops._table) <= 258


def test_after_a_flood_new_sources_are_named_again() -> None:
    drops = Drops()
    for number in range(1000):
        drops.note(f"10.0.{number // 250}.{number % 250}", "why", 0.0)
    assert drops.note(NAS, "why", 100.0) == (NAS, 0)


# ---------------------------------------------------------------- Message-Authenticator


def test_yes_refuses_every_unsigned_request() -> None:
    assert SigningRule(Require.YES).refuse_unsigned(NAS, False) == NO_SIGNATURE


@pytest.mark.parametrize("has_proxy_state", [True, False])
def test_no_refuses_nothing(has_proxy_state: bool) -> None:
    rule = SigningRule(Require.NO)
    assert not rule.note_signed(NAS)
    assert rule.refuse_unsigned(NAS, False) is None
    assert rule.refuse_unsigned(NAS, has_proxy_state) is None
    assert not rule.is_first_unsigned(NAS)


def test_auto_demands_of_a_client_what_it_has_shown() -> None:
    rule = SigningRule(Require.AUTO)
    assert rule.is_first_unsigned(NAS)
    assert rule.refuse_unsigned(NAS, False) is None
    assert not rule.is_first_unsigned(NAS)
    assert rule.note_signed(NAS)
    assert not rule.note_signed(NAS)
    assert rule.refuse_unsigned(NAS, False) == NO_SIGNATURE_ANY_MORE
    assert rule.refuse_unsigned("192.0.2.2", False) is None


def test_auto_refuses_proxy_state_of_a_client_that_is_no_proxy() -> None:
    rule = SigningRule(Require.AUTO)
    assert rule.refuse_unsigned(NAS, False) is None
    assert rule.refuse_unsigned(NAS, True) == UNEXPECTED_PROXY_STATE
    assert rule.refuse_unsigned(NAS, False) is None


def test_auto_takes_a_client_that_begins_with_proxy_state_for_a_proxy() -> None:
    rule = SigningRule(Require.AUTO)
    assert rule.refuse_unsigned(NAS, True) is None
    assert rule.refuse_unsigned(NAS, False) is None
    assert rule.refuse_unsigned(NAS, True) is None


def test_memory_of_clients_is_bounded_and_invented_ones_do_not_displace_those_that_sign() -> None:
    rule = SigningRule(Require.AUTO)
    rule.note_signed(NAS)
    for number in range(20_000):
        rule.refuse_unsigned(f"10.{number // 62500}.{number // 250 % 250}.{number % 250}", False)
    assert len(rule._is_proxy) == 4096
    assert rule.refuse_unsigned(NAS, False) == NO_SIGNATURE_ANY_MORE
