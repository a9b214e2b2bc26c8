"""EAP and MS-CHAPv2 through the real daemon: eapol_test as the device, FreeRADIUS as the upstream server."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from authproxy.store.engine import Database
from authproxy.store.journal import find_logins
from tests.peers.eap_radius import EapRadius
from tests.peers.eapol import EapLogin, Eapol, peap, plain, tls, ttls_pap
from tests.peers.mschap import MsChapAppliance, session_key
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.system.daemon import Daemon

SECRET = "the appliance's secret"
PASSWORDS = {"alice": "alice's own", "bob": "bob's own", "carol": "carol's own", "dave": "dave's own"}

_HEAD = """\
[main]
debug=true

[service]
state_dir={state}
seed_key={seed_key}

[radius_client]
host=127.0.0.1
port={naming}
secret={upstream_secret}
pass_through_all=true

[radius_client2]
host=127.0.0.1
port={repeating}
secret={upstream_secret}
pass_through_all=true

[radius_client3]
host=127.0.0.1
port={silent}
secret={upstream_secret}
pass_through_all=true

[radius_client4]
host=127.0.0.1
port={naming}
secret={upstream_secret}

[duo_only_client]
"""
_SECTION = """
[{name}]
client={client}
interface=127.0.0.1
port={port}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
{more}
"""
# name -> (client, more lines)
SECTIONS = {
    "radius_server_auto": ("radius_client", "exempt_username_1=dave"),
    "radius_server_auto2": ("radius_client", "eap_identity=reply"),
    "radius_server_auto3": ("radius_client2", "exempt_username_1=dave"),
    "radius_server_auto4": ("radius_client2", "eap_identity=outer"),
    "radius_server_auto5": ("radius_client3", ""),
    "radius_server_auto6": ("radius_client4", ""),
    "radius_server_auto7": ("duo_only_client", ""),
    "radius_server_concat": ("radius_client", ""),
    "radius_server_auto8": ("radius_client2", "eap_identity=reply"),
}
NAMING, NAMING_REPLY, REPEATING, OUTER, SILENT, PAP_ONLY, NO_UPSTREAM, CONCAT, REPEATING_REPLY = SECTIONS


@dataclass
class Network:
    """The daemon, the upstream servers behind it, and devices in front of it."""

    daemon: Daemon
    upstream: EapRadius
    ports: dict[str, int]
    directory: Path
    devices: int = field(default=0)

    def eapol(self, section: str = NAMING) -> Eapol:
        self.devices += 1
        folder = self.directory / f"device{self.devices}"
        folder.mkdir()
        return Eapol(("127.0.0.1", self.ports[section]), SECRET, folder)

    def peap(self, username: str, *, outer: str = "anonymous", password: str = "") -> str:
        return peap(username, password or PASSWORDS[username], outer=outer, ca=self.upstream.ca)

    def login(self, network: str, section: str = NAMING) -> EapLogin:
        return self.eapol(section).login(network)

    def login_by_push(self, network: str, answer: str, section: str = NAMING) -> EapLogin:
        device = self.eapol(section)
        process = device.start(network)
        self.answer_push(answer)
        return device.end(process)

    def answer_push(self, answer: str) -> None:
        """Waits for the only push, and answers it: ``approve`` or ``deny``."""
        give_up = time.monotonic() + 60
        while not (pushes := self.pushes()):
            assert time.monotonic() < give_up, self.daemon.log()[-9000:]
        assert len(pushes) == 1, pushes
        self.daemon.command("push", answer, str(pushes[0]["id"]))

    def pushes(self) -> list[dict[str, object]]:
        shown = self.daemon.json("push", "list")["pushes"]
        assert isinstance(shown, list)
        return shown

    def records(self, username: str) -> list[tuple[str, str, list[str]]]:
        """Result, reason and steps of every login of that name, newest first."""
        database = Database(f"sqlite:///{self.daemon.directory}/state/authproxy.db")
        with database.reading() as connection:
            return [
                (login.result, login.reason, [f"{step.stage} {step.result} {step.detail}" for step in login.steps])
                for login in find_logins(connection, username=username, limit=1000)
            ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("relay")
    authority = trustme.CA()
    with (
        EapRadius(folder / "naming", PASSWORDS, inner_name=True, authority=authority) as naming,
        EapRadius(folder / "repeating", PASSWORDS, authority=authority) as repeating,
        EapRadius(folder / "silent", PASSWORDS, anonymous_reply=True, authority=authority) as silent,
    ):
        ports = {name: free_port() for name in SECTIONS}
        config = _HEAD.format(
            state=folder / "daemon" / "state",
            seed_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            upstream_secret=naming.secret,
            naming=naming.port,
            repeating=repeating.port,
            silent=silent.port,
        ) + "".join(
            _SECTION.format(name=name, client=client, port=ports[name], secret=SECRET, more=more)
            for name, (client, more) in SECTIONS.items()
        )
        daemon = Daemon(folder / "daemon", config).start()
        try:
            for name in ("alice", "bob", "carol"):
                daemon.json("user", "add", name)
            daemon.json("user", "set", "bob", "--status", "bypass")
            yield Network(daemon, naming, ports, folder)
        finally:
            daemon.stop()


# ---------------------------------------------------------------- right passwords and pushes


def test_peap_asks_once_at_the_end_and_the_keys_are_right(site: Network) -> None:
    login = site.login_by_push(site.peap("alice"), "approve")
    assert login.is_allowed, login.output[-3000:]
    assert login.keys_agree
    assert login.name == "alice"
    ((result, _reason, steps), *_older) = site.records("alice")
    assert result == "accept"
    assert any("EAP PEAP" in step and "rounds" in step and "as anonymous" in step for step in steps), steps
    assert site.records("anonymous") == []


def test_refused_push_ends_in_an_eap_failure(site: Network) -> None:
    before = len(site.records("alice"))
    login = site.login_by_push(site.peap("alice"), "deny")
    assert not login.is_allowed
    assert login.is_told
    assert site.records("alice")[0][:2] == ("reject", "push denied")
    assert len(site.records("alice")) == before + 1


def test_ttls_with_pap_inside(site: Network) -> None:
    network = ttls_pap("alice", PASSWORDS["alice"], outer="@example.test", ca=site.upstream.ca)
    login = site.login_by_push(network, "approve")
    assert login.is_allowed and login.keys_agree, login.output[-3000:]
    assert "EAP TTLS" in "".join(site.records("alice")[0][2])


def test_many_devices_at_once_each_with_their_own_conversation(site: Network) -> None:
    eapol = site.eapol()
    running = [eapol.start(site.peap("bob"), f"02:00:00:00:01:{number:02x}") for number in range(8)]
    logins = [eapol.end(process) for process in running]
    assert all(login.is_allowed and login.keys_agree for login in logins)


def test_wrong_password_is_rejected_upstream_and_asks_nobody(site: Network) -> None:
    login = site.login(site.peap("alice", password="wrong"))
    assert not login.is_allowed
    assert login.is_told
    assert site.pushes() == []
    assert site.records("anonymous")[0][:2] == ("reject", "rejected by the upstream server")


# ---------------------------------------------------------------- whose second factor

ATTACK = {"outer": "bob"}  # bob has bypass status, the password inside is alice's


@pytest.mark.parametrize("section", [NAMING, NAMING_REPLY])
def test_outer_name_of_another_user_asks_the_user_inside(site: Network, section: str) -> None:
    login = site.login_by_push(site.peap("alice", **ATTACK), "deny", section)
    assert not login.is_allowed
    assert site.records("alice")[0][:2] == ("reject", "push denied")


@pytest.mark.parametrize("section", [REPEATING, SILENT])
def test_outer_name_of_another_user_lets_nobody_in_where_the_upstream_does_not_name_the_inner_user(
    site: Network, section: str
) -> None:
    login = site.login(site.peap("alice", **ATTACK), section)
    assert not login.is_allowed
    assert login.is_told
    assert site.records("bob")[0][:2] == ("reject", "not supported")
    assert "inner tunnel" in "".join(site.records("bob")[0][2])
    assert "docs/radius-upstream.md" in site.daemon.log()


def test_exempt_username_outside_exempts_nobody(site: Network) -> None:
    assert not site.login_by_push(site.peap("alice", outer="dave"), "deny").is_allowed
    assert not site.login(site.peap("alice", outer="dave"), REPEATING).is_allowed


def test_exempt_username_inside_is_exempt(site: Network) -> None:
    assert site.login(site.peap("dave")).is_allowed


def test_anonymous_name_that_is_only_repeated_is_nobodys(site: Network) -> None:
    for section in (REPEATING, REPEATING_REPLY):
        assert not site.login(site.peap("alice"), section).is_allowed


def test_same_name_inside_and_outside(site: Network) -> None:
    """It can't be told from a repeated one: by default only a factor that is really given lets the user in, and
    the log says how to go on."""
    assert site.login_by_push(site.peap("alice", outer="alice"), "approve").is_allowed
    assert not site.login(site.peap("bob", outer="bob")).is_allowed
    assert "eap_identity=reply" in "".join(site.records("bob")[0][2])
    assert site.login(site.peap("bob", outer="bob"), NAMING_REPLY).is_allowed


def test_outer_identity_by_option(site: Network) -> None:
    assert site.login(site.peap("alice", **ATTACK), OUTER).is_allowed


def test_certificate_does_not_vouch_for_the_name_outside(site: Network) -> None:
    network = tls("bob", certificate=site.upstream.client_certificate, ca=site.upstream.ca)
    assert not site.login(network, REPEATING).is_allowed
    assert "EAP TLS" in "".join(site.records("bob")[0][2])
    assert site.login(network, REPEATING_REPLY).is_allowed


@pytest.mark.parametrize("method", ["MSCHAPV2", "MD5", "GTC"])
def test_method_without_a_tunnel_proves_the_name_outside(site: Network, method: str) -> None:
    assert site.login(plain(method, "bob", PASSWORDS["bob"]), REPEATING).is_allowed


def test_mschapv2_without_a_tunnel_under_two_names(site: Network) -> None:
    assert not site.login(plain("MSCHAPV2", "alice", PASSWORDS["alice"], outer="bob"), REPEATING).is_allowed


# ---------------------------------------------------------------- MS-CHAPv2


def appliance(site: Network, section: str = NAMING) -> MsChapAppliance:
    return MsChapAppliance(("127.0.0.1", site.ports[section]), SECRET)


def test_mschapv2_proves_the_server_and_brings_the_keys(site: Network) -> None:
    direct = MsChapAppliance(("127.0.0.1", site.upstream.port), site.upstream.secret).login(
        "bob", PASSWORDS["bob"]
    )
    assert direct.is_server_proven and direct.keys_agree
    login = appliance(site).login("bob", PASSWORDS["bob"])
    assert login.code == "Access-Accept"
    assert login.is_server_proven
    assert login.keys_agree
    assert any("relay MS-CHAPv2 1 round" in step for step in site.records("bob")[0][2])


def test_mschapv2_with_a_wrong_password_brings_the_upstreams_error(site: Network) -> None:
    login = appliance(site).login("bob", "wrong")
    assert login.code == "Access-Reject"
    assert login.error.startswith("E=691 R=1")
    assert login.error_ident == 9


def test_mschapv2_refused_by_the_second_factor_brings_an_error_of_ours(site: Network) -> None:
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(appliance(site).login, "carol", PASSWORDS["carol"], 33)
        site.answer_push("deny")
        login = asking.result()
    assert login.code == "Access-Reject"
    assert login.error.startswith("E=691 R=0 C=")
    assert login.error.endswith("V=3 M=Access denied")
    assert login.error_ident == 33
    assert not login.is_server_proven


def test_mschapv1_by_radclient(site: Network) -> None:
    client = Radclient(("127.0.0.1", site.ports[NAMING]), SECRET)
    reply = client.login_mschap("bob", PASSWORDS["bob"])
    assert reply.code == "Access-Accept", reply.output
    assert session_key(PASSWORDS["bob"]).hex() in reply.attributes["MS-CHAP-MPPE-Keys"][0]
    refused = client.login_mschap("bob", "wrong")
    assert refused.code == "Access-Reject"
    assert "E=691" in refused.attributes["MS-CHAP-Error"][0]


# ---------------------------------------------------------------- where nothing is relayed


@pytest.mark.parametrize(
    ("section", "remedy"),
    [
        (PAP_ONLY, "pass_through_all=true"),
        (NO_UPSTREAM, "client=radius_client"),
        (CONCAT, "only [radius_server_auto]"),
    ],
)
def test_section_that_relays_nothing_says_why(site: Network, section: str, remedy: str) -> None:
    login = appliance(site, section).login("bob", PASSWORDS["bob"])
    assert login.code == "Access-Reject"
    assert login.error.startswith("E=691 R=0")
    denied = site.login(site.peap("bob"), section)
    assert not denied.is_allowed
    assert denied.is_told
    lines = [line for line in site.daemon.log().splitlines() if section in line and remedy in line]
    assert any("it uses MS-CHAPv2" in line for line in lines), site.daemon.log()[-3000:]
    assert any("it uses EAP" in line for line in lines)
