"""Logins under policies: each section's decision, who decided it, and that a change acts on the next login."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from authproxy.errors import StoreUnavailable
from authproxy.model import Allowed, Choice, Factor, Prompt, Reason, Refused, Verdict
from authproxy.secondfactor import policies
from authproxy.secondfactor.policy_set import Policy
from tests.secondfactor.local_service import LocalService, ask, request, totp, who

SECTION = "radius_server_auto"
COUNTRIES = {"198.51.100.7": "CH", "203.0.113.7": "KP"}


@pytest_twisted.async_yield_fixture
async def service(tmp_path: Path) -> AsyncIterator[LocalService]:
    made = LocalService(tmp_path, has_lines=True)
    made.book.country_of = lambda address: COUNTRIES.get(address, "")
    user = made.add_user()
    made.add_device(user)
    made.add_device(user, b"another seed of a token", origin="hardware", serial="4711")
    made.add_phone(user)
    yield made
    await made.stop()


def decide(service: LocalService, *, application: str = SECTION, group: str = "", **sections: Any) -> Policy:
    """A new policy, assigned as an administrator does it elsewhere."""
    with service.database.writing() as connection:
        name = f"of {group or application} {len(policies.list_policies(connection))}"
        made = policies.add_policy(connection, "admin:ann@example.com", name, sections)
        policies.assign(connection, "admin:ann@example.com", application, made, group)
    return made


async def enter(
    service: LocalService, typed: Any = None, user: str = "alice", ip: str | None = "198.51.100.7", **asked: Any
) -> Verdict:
    code = totp() if typed is None else typed
    return await service.second_factor().begin(who(user), ask(code, **asked), request(user, client_ip=ip))


def denied(verdict: Verdict, reason: Reason, detail: str) -> None:
    assert isinstance(verdict, Refused), verdict
    assert (verdict.reason, verdict.message) == (reason, "Access denied.")
    assert detail in verdict.detail


@pytest_twisted.ensureDeferred
async def test_authentication_denied_then_bypassed_then_enforced_acts_on_the_very_next_login(
    service: LocalService,
) -> None:
    made = decide(service, authentication={"behavior": "deny"})
    denied(
        await enter(service), Reason.POLICY_DENIED, f"policy {made.name!r} (application {SECTION}): authentication"
    )
    for behavior, factor in (("bypass", "allowed by policy"), ("enforce", "passcode")):
        with service.database.writing() as connection:
            policies.change_policy(connection, "x", made, sections={"authentication": {"behavior": behavior}})
        verdict = await enter(service)
        assert isinstance(verdict, Allowed)
        assert verdict.factor == factor
    with service.database.writing() as connection:
        policies.delete_policy(connection, "x", made)


@pytest_twisted.ensureDeferred
async def test_a_policy_of_another_application_changes_nothing(service: LocalService) -> None:
    decide(service, application="web", authentication={"behavior": "deny"})
    assert isinstance(await enter(service), Allowed)


@pytest_twisted.ensureDeferred
async def test_a_groups_policy_is_for_its_members_alone_and_outranks_the_applications(
    service: LocalService,
) -> None:
    service.add_group("USALICE", "active", "staff")
    bob = service.add_user("bob")
    service.add_device(bob)
    decide(service, authentication={"behavior": "deny"})
    decide(service, group="staff", authentication={"behavior": "enforce"})
    assert isinstance(await enter(service), Allowed)
    denied(await enter(service, user="bob"), Reason.POLICY_DENIED, "(application radius_server_auto)")


@pytest_twisted.ensureDeferred
async def test_new_users_are_let_in_refused_or_led_to_enroll(service: LocalService) -> None:
    denied(await enter(service, user="zoe"), Reason.NOT_ENROLLED, "zoe")
    made = decide(service, new_user={"behavior": "allow"})
    verdict = await enter(service, user="zoe")
    assert isinstance(verdict, Allowed)
    assert (verdict.factor, verdict.is_given) == ("not enrolled", False)
    assert made.name in verdict.detail
    with service.database.writing() as connection:
        policies.change_policy(connection, "x", made, sections={"new_user": {"behavior": "enroll"}})
    asked = ask(None, can_prompt=True)
    asked = type(asked)(None, asked.factors, can_prompt=True, can_enroll=True)
    prompt = await service.second_factor().begin(who("zoe"), asked, request("zoe"))
    assert isinstance(prompt, Prompt)
    assert "https://mfa.example/enroll/" in prompt.text


@pytest.mark.parametrize(
    ("allowed", "typed", "outcome"),
    [
        ("push", totp(), Reason.FACTOR_NOT_ALLOWED),
        ("hardware_token", totp(), Reason.BAD_PASSCODE),
        ("hardware_token", totp(seed=b"another seed of a token"), "hardware token"),
        ("passcode", totp(seed=b"another seed of a token"), Reason.BAD_PASSCODE),
        ("passcode", totp(), "passcode"),
        ("passcode", Choice(Factor.PUSH), Reason.FACTOR_NOT_ALLOWED),
        ("passcode", Choice(Factor.PHONE), Reason.FACTOR_NOT_ALLOWED),
        ("verified_push", Choice(Factor.PUSH), Reason.FACTOR_NOT_ALLOWED),
    ],
)
@pytest_twisted.ensureDeferred
async def test_only_factors_that_a_policy_names_count(
    service: LocalService, allowed: str, typed: Any, outcome: Reason | str
) -> None:
    made = decide(service, factors={"allowed": allowed})
    verdict = await enter(service, typed)
    if isinstance(outcome, Reason):
        denied(verdict, outcome, made.name)
    else:
        assert isinstance(verdict, Allowed)
        assert verdict.factor == outcome


@pytest_twisted.ensureDeferred
async def test_a_bypass_code_counts_only_where_the_policy_has_them(service: LocalService) -> None:
    service.add_bypass("USALICE", "123456789")
    made = decide(service, factors={"allowed": "passcode"})
    denied(await enter(service, "123456789"), Reason.BAD_PASSCODE, made.name)
    with service.database.writing() as connection:
        policies.change_policy(connection, "x", made, sections={"factors": {"allowed": "bypass_code"}})
    verdict = await enter(service, "123456789")
    assert isinstance(verdict, Allowed)
    assert verdict.factor == "bypass code"


@pytest_twisted.ensureDeferred
async def test_the_menu_leaves_out_what_the_policy_leaves_out(service: LocalService) -> None:
    decide(service, factors={"allowed": "sms passcode"})
    prompt = await service.second_factor().begin(who(), ask(None, can_prompt=True), request())
    assert isinstance(prompt, Prompt)
    assert "Push" not in prompt.text
    assert "Phone call" not in prompt.text


@pytest_twisted.ensureDeferred
async def test_a_push_must_be_verified_with_as_many_digits_as_the_policy_says(service: LocalService) -> None:
    decide(service, factors={"allowed": "verified_push passcode"}, verified_push={"digits": 6})
    second = service.second_factor()
    prompt = await second.begin(who(), ask(Choice(Factor.PUSH), can_prompt=True), request())
    assert isinstance(prompt, Prompt)
    assert "enter the code" in prompt.text
    answer = service.value("SELECT answer FROM pushes")
    assert len(answer) == 6
    assert service.value("SELECT mode FROM pushes") == "code"


@pytest_twisted.ensureDeferred
async def test_trusted_networks_save_the_factor_but_not_the_enrollment(service: LocalService) -> None:
    made = decide(service, trusted_networks={"networks": "198.51.100.0/24"})
    verdict = await enter(service, "no code at all")
    assert isinstance(verdict, Allowed)
    assert (verdict.factor, verdict.is_given) == ("trusted network", False)
    assert made.name in verdict.detail
    denied(await enter(service, "000000", ip="192.0.2.1"), Reason.BAD_PASSCODE, "")
    denied(await enter(service, "000000", ip=None), Reason.BAD_PASSCODE, "")
    denied(await enter(service, "", user="zoe"), Reason.NOT_ENROLLED, "zoe")
    service.add_phone(service.add_user("erin"))
    service.change("UPDATE phone_apps SET is_untested = 2")  # it has yet to answer
    denied(await enter(service, "000000", user="erin"), Reason.BAD_PASSCODE, "")
    service.change("UPDATE phone_apps SET is_untested = 0")
    assert isinstance(await enter(service, "000000", user="erin"), Allowed)
    service.change("DELETE FROM phones")
    with service.database.writing() as connection:
        sections = {"trusted_networks": {"networks": "198.51.100.0/24", "require_enrollment": False}}
        policies.change_policy(connection, "x", made, sections=sections)
    for user in ("zoe", "erin"):
        assert isinstance(await enter(service, "000000", user=user), Allowed)


@pytest_twisted.ensureDeferred
async def test_a_denied_country_is_refused_with_address_and_country_told(service: LocalService) -> None:
    decide(service, user_location={"countries": "KP=deny"})
    denied(await enter(service, ip="203.0.113.7"), Reason.LOCATION_DENIED, "203.0.113.7 is in KP")
    assert isinstance(await enter(service), Allowed)


@pytest_twisted.ensureDeferred
async def test_where_only_named_countries_may_an_unknown_place_is_refused(service: LocalService) -> None:
    decide(service, user_location={"countries": "CH=none", "others": "deny"})
    denied(await enter(service, ip="192.0.2.200"), Reason.LOCATION_DENIED, "no country is known for 192.0.2.200")
    denied(await enter(service, ip=None), Reason.LOCATION_DENIED, "no country is known for the user")
    assert isinstance(await enter(service), Allowed)


@pytest_twisted.ensureDeferred
async def test_lockout_is_the_policys(service: LocalService) -> None:
    decide(service, lockout={"threshold": 1, "minutes": 5})
    denied(await enter(service, "000000"), Reason.BAD_PASSCODE, "locked out for 300 s")
    denied(await enter(service), Reason.USER_LOCKED_OUT, "another 300 s")


@pytest_twisted.ensureDeferred
async def test_statuses_outrank_every_policy(service: LocalService) -> None:
    decide(service, authentication={"behavior": "deny"})
    service.change("UPDATE users SET status = 'bypass' WHERE username = 'alice'")
    verdict = await enter(service)
    assert isinstance(verdict, Allowed)
    assert verdict.factor == "bypass status"
    service.change("UPDATE users SET status = 'disabled' WHERE username = 'alice'")
    denied(await enter(service), Reason.USER_DISABLED, "")


@pytest_twisted.ensureDeferred
async def test_a_policy_that_can_not_be_read_lets_nobody_in(service: LocalService) -> None:
    decide(service, authentication={"behavior": "bypass"})
    service.change('UPDATE policies SET sections = \'{"authentication": {"behavior": "perhaps"}}\'')
    with pytest.raises(StoreUnavailable, match=r"authentication\.behavior"):
        await enter(service)
    service.change("UPDATE policies SET sections = '{}'")
    assert isinstance(await enter(service), Allowed)


@pytest_twisted.ensureDeferred
async def test_groups_are_looked_up_only_where_a_policy_is_for_one(service: LocalService) -> None:
    seen: list[str] = []
    connection = service.writer._connection  # the statements that a login costs
    await service.writer.run(lambda _: connection.set_trace_callback(seen.append))
    await enter(service, "000000")
    assert not any("user_groups.group_id" in sql and "groups.status" not in sql for sql in seen)
    service.add_group("USALICE", "active", "staff")
    decide(service, group="staff", authentication={"behavior": "enforce"})
    await enter(service, "000000")
    assert any("SELECT user_groups.group_id" in sql for sql in seen)
    await service.writer.run(lambda _: connection.set_trace_callback(None))
