"""RADIUS logins under policies that ``authproxy policy`` changes beside the running daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from authproxy.secondfactor import policies
from authproxy.store import tables
from tests.system.sites import Site

SECTION = "radius_server_duo_only"
ACCEPT, REJECT = "Access-Accept", "Access-Reject"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site.without_directory(tmp_path_factory.mktemp("policies"))
    made.enroll("alice")
    made.daemon.start()
    yield made
    assert made.daemon.stop() == 0


def policy(site: Site, **sections: dict[str, object]) -> None:
    """The application's one policy has nothing but these sections from now on, as another process decides."""
    with site.database.writing() as connection:
        for each in policies.list_policies(connection):
            policies.delete_policy(connection, "test", each)
        made = policies.add_policy(connection, "test", "P", sections)
        policies.assign(connection, "test", SECTION, made)


def unlock(site: Site) -> None:
    with site.database.writing() as connection:
        connection.execute(tables.users.update().values(failures=0, locked_until=None))


def login(site: Site, typed: str, *more: str, name: str = "alice") -> str:
    reply = site.appliance("only").login(name, typed, list(more))
    assert reply.code, reply.output
    return reply.code


def steps(site: Site, name: str = "alice") -> str:
    """What ``authproxy explain`` tells of the newest login."""
    return "\n".join(f"{step.stage}: {step.result}: {step.detail}" for step in site.records(name)[0].steps)


@pytest.mark.peer("radclient")
def test_a_changed_policy_decides_the_next_login_and_the_trail_names_it(site: Site) -> None:
    assert login(site, site.codes["alice"].fresh()) == ACCEPT
    policy(site, authentication={"behavior": "deny"})
    assert login(site, site.codes["alice"].fresh()) == REJECT
    assert f"denied by a policy: policy 'P' (application {SECTION}): authentication" in steps(site)
    site.daemon.json("policy", "set", "P", "authentication.behavior=bypass")  # by the command, beside the daemon
    assert login(site, "push") == ACCEPT
    assert f"allowed by policy: policy 'P' (application {SECTION}): authentication" in steps(site)


@pytest.mark.peer("radclient")
def test_factors_that_a_policy_leaves_out_do_not_count(site: Site) -> None:
    policy(site, factors={"allowed": "push"})
    assert login(site, site.codes["alice"].fresh()) == REJECT
    assert f"policy 'P' (application {SECTION}): factors leave out" in steps(site)
    policy(site, factors={"allowed": "passcode"})
    assert login(site, "push") == REJECT
    assert f"factor not allowed here: policy 'P' (application {SECTION}): factors" in steps(site)
    assert login(site, site.codes["alice"].fresh()) == ACCEPT


@pytest.mark.peer("radclient")
def test_the_address_that_the_appliance_tells_is_what_a_trusted_network_goes_by(site: Site) -> None:
    policy(site, trusted_networks={"networks": "198.51.100.0/24"})
    assert login(site, "000000", 'Calling-Station-Id = "198.51.100.7"') == ACCEPT
    assert "trusted network: policy 'P'" in steps(site)
    assert login(site, "000000", 'Calling-Station-Id = "192.0.2.7"') == REJECT
    assert login(site, "000000") == REJECT


@pytest.mark.peer("radclient")
def test_without_a_known_country_only_named_countries_means_nobody(site: Site) -> None:
    policy(site, user_location={"countries": "DE=none", "others": "deny"})
    assert login(site, site.codes["alice"].fresh(), 'Calling-Station-Id = "198.51.100.7"') == REJECT
    assert "location not allowed" in steps(site)
    assert "no country is known for 198.51.100.7" in steps(site)


@pytest.mark.peer("radclient")
def test_new_users_and_a_lockout_of_its_own(site: Site) -> None:
    policy(site, new_user={"behavior": "allow"}, lockout={"threshold": "1", "minutes": "0"})
    assert login(site, "000000", name="stranger") == ACCEPT
    assert login(site, "000000") == REJECT
    assert "locked out until an administrator unlocks" in steps(site)
    assert login(site, site.codes["alice"].fresh()) == REJECT
    unlock(site)
    policy(site)
    assert login(site, "000000", name="stranger") == REJECT


@pytest.mark.peer("radclient")
def test_an_account_setting_counts_from_the_next_login_on(site: Site) -> None:
    policy(site)
    site.daemon.json("settings", "set", "lockout_threshold=1")
    assert login(site, "000000") == REJECT
    assert "1 wrong in a row: locked out for 900 s" in steps(site)
    site.daemon.json("settings", "unset", "lockout_threshold")
    unlock(site)
    assert login(site, "000000") == REJECT
    assert "locked out" not in steps(site)
