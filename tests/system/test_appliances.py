"""Appliances that know nothing of our code, against an upstream that does not, either: FreeRADIUS. It shows that
the peers of other tests tell accept, reject, challenge and silence apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.freeradius import FreeRadius, User
from tests.peers.pam import PamHost
from tests.peers.radclient import Radclient

USERS = [User("bob", b'pa ss"word', {"Reply-Message": ['"one"', '"two"']}), User("eve", None)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeRadius]:
    directory = tmp_path_factory.mktemp("freeradius")
    with FreeRadius(directory, USERS, require_message_authenticator=False) as peer:  # pam_radius_auth sends none
        yield peer


def test_radclient_tells_accept_from_reject_and_silence(server: FreeRadius) -> None:
    client = Radclient(("127.0.0.1", server.port), server.secret)
    reply = client.login("bob", 'pa ss"word')
    assert reply.code == "Access-Accept", reply.output
    assert reply.attributes["Reply-Message"] == ["one", "two"]
    assert client.login("bob", "wrong").code == "Access-Reject"
    assert client.status().code == "Access-Accept"
    wrong_secret = Radclient(("127.0.0.1", server.port), "other", timeout=0.5)
    assert wrong_secret.login("bob", 'pa ss"word').code == ""


def test_radclient_counts_many(server: FreeRadius) -> None:
    logins = [("bob", 'pa ss"word'), ("bob", "wrong"), ("eve", "x")] * 10
    tally = Radclient(("127.0.0.1", server.port), server.secret).many(logins, parallel=8)
    assert (tally.accepted, tally.rejected, tally.lost) == (10, 20, 0)


def test_pam_tells_accept_from_reject(server: FreeRadius, tmp_path: Path) -> None:
    with PamHost(tmp_path, ("127.0.0.1", server.port), server.secret) as host:
        allowed = host.login("bob", ['pa ss"word'])
        assert allowed.is_allowed, allowed.output
        assert not host.login("bob", ["wrong"]).is_allowed


def test_pam_answers_a_challenge(server: FreeRadius, tmp_path: Path) -> None:
    with PamHost(tmp_path, ("127.0.0.1", server.challenge_port), server.secret) as host:
        allowed = host.login("bob", ['pa ss"word', "123456"])
        assert allowed.is_allowed, allowed.output
        assert "one-time code" in allowed.output
        assert not host.login("bob", ['pa ss"word', "654321"]).is_allowed
