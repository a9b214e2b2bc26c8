"""Two daemons in a row: the first asks the second as it would ask Duo's cloud, and answers as the second does."""

from __future__ import annotations

import base64
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest
import trustme

from authproxy.secondfactor.applications import Keys, add_application
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import Database
from authproxy.store.tables import phone_apps
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient, Reply
from tests.system.daemon import Daemon

SECRET = "a radius secret"
WRONG = "000000"

_SERVERS = """\
[duo_only_client]

[radius_server_duo_only]
interface=127.0.0.1
port={only}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
{keys}

[radius_server_challenge]
interface=127.0.0.1
port={challenge}
radius_ip_1=127.0.0.1
radius_secret_1={secret}
{keys}
"""

_PROXY = """\
[http_proxy]
api_host=localhost
interface=127.0.0.1
port={proxy}
client_ip=127.0.0.1
"""


@dataclass
class Door:
    """A daemon's ports: ``only`` and ``challenge`` of RADIUS, and ``proxy``."""

    daemon: Daemon
    ports: dict[str, int]

    def login(self, name: str, typed: str, section: str = "only", state: str = "") -> Reply:
        client = Radclient(("127.0.0.1", self.ports[section]), SECRET, timeout=40)
        return client.login(name, typed, [f"State = {state}"] if state else [])

    def log(self) -> str:
        return self.daemon.log()


@dataclass
class Chain:
    """``near`` has the keys of ``far``, whose own service knows the users."""

    near: Door
    far: Door
    counter: pyotp.HOTP
    used: int = 0

    def fresh(self) -> str:
        self.used += 1
        return self.counter.at(self.used - 1)


def _door(directory: Path, service: str, keys: str, more: str = "") -> Door:
    ports = {name: free_port() for name in ("only", "challenge")} | {"proxy": free_port()}
    seed_key = base64.b64encode(secrets.token_bytes(32)).decode()
    head = f"[main]\ndebug=true\n[service]\nstate_dir={directory}/state\nseed_key={seed_key}\n{service}\n"
    daemon = Daemon(directory, head + (_SERVERS + more).format(**ports, secret=SECRET, keys=keys))
    return Door(daemon, ports)


def _database(daemon: Daemon) -> Database:
    return Database(f"sqlite:///{daemon.directory}/state/authproxy.db")


def _give_app(daemon: Daemon, phone_id: str) -> None:
    """As if somebody had activated one there."""
    app = {"phone_id": phone_id, "kind": "web", "serial": phone_id, "public_key": b"none", "created": time.time()}
    with _database(daemon).writing() as connection:
        connection.execute(phone_apps.insert().values(**app))


def _application(daemon: Daemon) -> Keys:
    seed_key = daemon.config.read_text().partition("seed_key=")[2].partition("\n")[0]
    with _database(daemon).writing() as connection:
        return add_application(connection, SeedBox(base64.b64decode(seed_key)), "near", "authapi")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    directory = tmp_path_factory.mktemp("chain")
    port = free_port()
    authority, certificate = trustme.CA(), directory / "far.pem"
    authority.cert_pem.write_to_path(directory / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    web = f"base_url=https://localhost:{port}\ninterface=127.0.0.1\nport={port}\n"
    web += f"ssl_cert_path={certificate}\nssl_key_path={certificate}\n"
    far = _door(directory / "far", web, "")
    with ExitStack() as running:
        running.callback(far.daemon.stop)
        far.daemon.start()
        far.daemon.command("user", "add", "alice")
        far.daemon.command("user", "add", "bob", "--status", "bypass")
        secret = str(far.daemon.json("device", "add-hotp", "alice")["secret"])
        _give_app(far.daemon, str(far.daemon.json("phone", "add", "alice", "--name", "Tablet")["phone_id"]))
        keys = _application(far.daemon)
        api = f"ikey={keys.ikey}\nskey={keys.skey}\napi_host=localhost\napi_port={port}\n"
        near = _door(directory / "near", "", f"{api}http_ca_certs_file={directory}/ca.pem\nfailmode=safe", _PROXY)
        running.callback(near.daemon.stop)
        near.daemon.start()
        yield Chain(near, far, pyotp.HOTP(secret))


@pytest.mark.parametrize(
    ("name", "typed", "answer"),
    [
        ("alice", "", "Access-Accept"),
        ("alice", WRONG, "Access-Reject"),
        ("alice", "phone", "Access-Reject"),
        ("alice", "nonsense", "Access-Reject"),
        ("bob", WRONG, "Access-Accept"),
        ("nobody", WRONG, "Access-Reject"),
    ],
)
def test_both_answer_alike(chain: Chain, name: str, typed: str, answer: str) -> None:
    """Without anything typed, a fresh code is."""
    answers = [door.login(name, typed or chain.fresh()).code for door in (chain.far, chain.near)]
    assert answers == [answer, answer], chain.near.log()


@pytest.mark.parametrize("door", ["far", "near"])
def test_a_code_is_good_once_whichever_way_it_comes(chain: Chain, door: str) -> None:
    code, ways = chain.fresh(), [chain.far, chain.near]
    if door == "near":
        ways.reverse()
    assert [way.login("alice", code).code for way in ways] == ["Access-Accept", "Access-Reject"]


@pytest.mark.parametrize("door", ["far", "near"])
def test_the_menu_asks_for_what_the_service_has(chain: Chain, door: str) -> None:
    way: Door = getattr(chain, door)
    challenge = way.login("alice", "checked elsewhere", "challenge")
    assert challenge.code == "Access-Challenge", way.log()
    assert "passcode" in "".join(challenge.attributes["Reply-Message"])
    answer = way.login("alice", chain.fresh(), "challenge", challenge.attributes["State"][0])
    assert answer.code == "Access-Accept", way.log()


@pytest.mark.parametrize(("verb", "answer"), [("approve", "Access-Accept"), ("deny", "Access-Reject")])
def test_a_push_of_the_far_one_decides_the_login_at_the_near_one(chain: Chain, verb: str, answer: str) -> None:
    with ThreadPoolExecutor(1) as elsewhere:
        waiting = elsewhere.submit(chain.near.login, "alice", "push")
        pushes: object = []
        while not pushes and not waiting.done():
            pushes = chain.far.daemon.json("push", "list")["pushes"]
        assert isinstance(pushes, list), chain.near.log()
        assert len(pushes) == 1, chain.near.log()
        chain.far.daemon.command("push", verb, str(pushes[0]["id"]))
        assert waiting.result().code == answer, chain.near.log()


def test_the_near_one_records_who_it_was_and_what_was_asked(chain: Chain) -> None:
    assert chain.near.login("alice", chain.fresh()).code == "Access-Accept"
    shown = chain.near.daemon.command("explain", "alice").stdout
    assert "second-factor service" in shown
    assert "passcode" in shown


def test_the_http_proxy_reaches_its_host_only(chain: Chain) -> None:
    answers = []
    for host in ("localhost", "other.example"):
        with socket.create_connection(("127.0.0.1", chain.near.ports["proxy"])) as client:
            client.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
            answers.append(client.recv(1000).split()[1])
    assert answers[0] in (b"200", b"502")  # whether anybody listens on this host's port 443 is not for us to say
    assert answers[1] == b"403"


def test_without_the_service_failmode_decides_and_then_it_is_back(chain: Chain) -> None:
    chain.far.daemon.stop()
    assert chain.near.login("alice", WRONG).code == "Access-Accept"
    assert "can't connect" in chain.near.log()
    chain.far.daemon.start()
    assert chain.near.login("alice", WRONG).code == "Access-Reject"
