"""Whole logins: radclient, the real daemon, a real directory. The same cases for OpenLDAP and Active Directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.samba import BASE as AD_BASE
from tests.peers.samba import HOST as AD_HOST
from tests.peers.samba import PASSWORD as AD_PASSWORD
from tests.peers.samba import SERVICE_USER, SambaAD
from tests.peers.slapd import BASE, Slapd
from tests.system.sites import People, Site

ACCEPT, REJECT, CHALLENGE = "Access-Accept", "Access-Reject", "Access-Challenge"

_SLAPD = """\
[ad_client]
host=127.0.0.1
port={port}
auth_type=plain
bind_dn={user}
service_account_password={password}
search_dn={base}
username_attribute=uid
at_attribute=mail
transport=starttls
ssl_ca_certs_file={ca}
"""
_SAMBA = """\
[ad_client]
host={host}
auth_type=plain
service_account_username={user}
service_account_password={password}
search_dn={base}
transport=ldaps
ssl_ca_certs_file={ca}
"""


@pytest.fixture(scope="module", params=["slapd", "samba"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "slapd":
        with Slapd(folder / "slapd", users=30) as peer:
            section = _SLAPD.format(
                port=peer.port,
                user=peer.service_dn,
                password=peer.service_password,
                base=BASE,
                ca=peer.ca_file,
            )
            refused = {"user0012": "account locked in the directory", "user0013": "password expired"}
            passwords = {f"user{number:04d}": f"pw-{number:04d}" for number in range(1, 31)}
            yield from serve(folder, section, People("user0001", "user0002", passwords, refused))
    else:
        with SambaAD(folder / "dc") as peer:
            section = _SAMBA.format(
                host=AD_HOST, user=SERVICE_USER, password=AD_PASSWORD, base=AD_BASE, ca=peer.ca_file
            )
            refused = {"disabled": "account disabled", "accexpired": "account expired"}
            passwords = dict.fromkeys([*(f"u{n:02d}" for n in range(1, 9)), *refused], AD_PASSWORD)
            yield from serve(folder, section, People("u01", "u02", passwords, refused))


def serve(folder: Path, section: str, people: People) -> Iterator[Site]:
    site = Site.make(folder / "site", section, people)
    site.enroll(people.alice)
    site.enroll(people.bob)
    for name in people.refused:
        site.enroll(name)
    site.daemon.start()
    try:
        yield site
        assert site.daemon.stop() == 0
    finally:
        site.daemon.kill()
    assert "Traceback" not in site.daemon.log()


def right(site: Site, name: str) -> str:
    """The user's password and a fresh code."""
    return f"{site.people.passwords[name]},{site.codes[name].fresh()}"


def test_right_password_and_code_are_accepted_and_the_code_is_used_up(site: Site) -> None:
    typed = right(site, site.people.alice)
    reply = site.appliance().login(site.people.alice, typed)
    assert reply.code == ACCEPT, reply.output + site.daemon.log()
    assert reply.attributes["Reply-Message"] == ["Success. Logging you in..."]
    assert site.login(site.people.alice, typed) == REJECT
    assert site.why(site.people.alice) == "passcode was already used"


def test_a_wrong_password_is_rejected_whatever_the_code(site: Site) -> None:
    code = site.codes[site.people.bob].fresh()
    assert site.login(site.people.bob, f"wrong,{code}") == REJECT
    assert site.why(site.people.bob) == "bad password"
    password = site.people.passwords[site.people.bob]
    assert site.login(site.people.bob, f"{password},{code}") == ACCEPT  # the code was not spent on it


def test_a_wrong_code_is_rejected_whatever_the_password(site: Site) -> None:
    password = site.people.passwords[site.people.bob]
    assert site.login(site.people.bob, f"{password},000000") == REJECT
    assert site.why(site.people.bob) == "wrong passcode"


def test_unknown_users_are_rejected_with_the_same_words_as_wrong_passwords(site: Site) -> None:
    unknown = site.appliance().login("nobody-here", "secret,123456")
    wrong = site.appliance().login(site.people.bob, "secret,123456")
    assert unknown.code == wrong.code == REJECT
    assert unknown.attributes["Reply-Message"] == wrong.attributes["Reply-Message"] == ["Access denied."]
    assert site.why("nobody-here") == "unknown user"


def test_accounts_that_the_directory_refuses_are_rejected_with_the_reason_in_the_record(site: Site) -> None:
    for name, reason in site.people.refused.items():
        assert site.login(name, right(site, name)) == REJECT
        assert site.why(name) == reason


def test_a_user_disabled_in_the_service_is_rejected_until_active_again(site: Site) -> None:
    bob = site.people.bob
    site.daemon.json("user", "set", bob, "--status", "disabled")
    assert site.login(bob, right(site, bob)) == REJECT
    assert site.why(bob) == "user is disabled"
    site.daemon.json("user", "set", bob, "--status", "active")
    assert site.login(bob, right(site, bob)) == ACCEPT


def test_a_hundred_copies_of_one_login_give_exactly_one_accept(site: Site) -> None:
    typed = right(site, site.people.alice)
    tally = site.appliance().many([(site.people.alice, typed)] * 100, parallel=100)
    assert (tally.accepted, tally.rejected, tally.lost) == (1, 99, 0)


def test_a_bypass_code_lets_in_as_often_as_it_may(site: Site) -> None:
    bob = site.people.bob
    codes = site.daemon.json("bypass", "create", bob, "--uses", "2")["codes"]
    assert isinstance(codes, list)
    typed = f"{site.people.passwords[bob]},{codes[0]}"
    assert [site.login(bob, typed) for _ in range(3)] == [ACCEPT, ACCEPT, REJECT]


def test_challenge_mode_shows_the_menu_and_takes_the_code_once(site: Site) -> None:
    alice = site.people.alice
    asked = site.appliance("challenge").login(alice, site.people.passwords[alice])
    assert asked.code == CHALLENGE, asked.output
    assert "Enter a passcode" in "".join(asked.attributes["Reply-Message"])
    code = site.codes[alice].fresh()
    assert site.answer(asked, alice, code).code == ACCEPT
    assert site.answer(asked, alice, site.codes[alice].fresh()).code == REJECT
    assert site.why(alice) == "unknown, used or expired challenge"


def test_concat_mode_wants_a_factor_and_duo_only_mode_nothing_else(site: Site) -> None:
    bob = site.people.bob
    assert site.login(bob, site.people.passwords[bob], "concat") == REJECT
    assert site.login(bob, right(site, bob), "concat") == ACCEPT
    assert site.login(bob, site.codes[bob].fresh(), "only") == ACCEPT
    assert site.login(bob, site.people.passwords[bob], "only") == REJECT


@pytest.mark.parametrize(
    ("decision", "code", "reason"), [(["approve"], ACCEPT, ""), (["deny"], REJECT, "push denied")]
)
def test_a_push_holds_the_login_until_it_is_answered(
    site: Site, decision: list[str], code: str, reason: str
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    bob = site.people.bob
    with ThreadPoolExecutor() as pool:
        login = pool.submit(site.login, bob, f"{site.people.passwords[bob]},push")
        pending: object = []
        while not pending:
            pending = site.daemon.json("push", "list")["pushes"]
            assert not login.done(), login.result()
        assert isinstance(pending, list)
        assert (pending[0]["username"], pending[0]["application"]) == (bob, "radius_server_auto")
        site.daemon.json("push", *decision, pending[0]["id"])
        assert login.result(60) == code
    assert site.why(bob) == reason


def test_the_log_tells_each_login_by_its_id_and_has_the_words_that_scripts_look_for(site: Site) -> None:
    assert site.login(site.people.bob, right(site, site.people.bob)) == ACCEPT
    text = (site.daemon.directory / "state/log/authproxy.log").read_text()
    last = [line for line in text.splitlines() if "Success. Logging you in..." in line][-1]
    login_id = re.search(r"\[([A-Z2-9]{10})\]", last)
    assert login_id is not None
    assert f"[{login_id[1]}] radius_server_auto: Returning response code 2: AccessAccept" in text
    events = (site.daemon.directory / "state/log/authevents.log").read_text()
    assert f'"login_id": "{login_id[1]}"' in events
    assert '"auth_stage": "Secondary authentication", "status": "Allow"' in events
