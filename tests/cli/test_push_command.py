"""``authproxy push``."""

from __future__ import annotations

import socket
import time

import pytest

from authproxy.secondfactor.wakeup import socket_path
from authproxy.store.tables import pushes
from tests.cli.console import Console


@pytest.fixture
def asked(console: Console) -> Console:
    """alice has two pushes, of which one has expired."""
    user_id = console.json("user", "add", "alice")["user_id"]
    now = time.time()
    for push_id, created in (("PUOLD", now - 100), ("PUNEW", now - 10)):
        console.insert(
            pushes, id=push_id, user_id=user_id, username="alice", application="vpn", client_ip="198.51.100.7",
            nas="192.0.2.1", login_id="ABCDEFGHJK", created=created, expires=created + 60,
        )  # fmt: skip
    return console


def test_pending_requests_are_listed(asked: Console) -> None:
    (push,) = asked.json("push", "list")["pushes"]
    assert set(push) == {
        "id", "username", "application", "client_ip", "nas", "phone_id", "mode", "login_id", "created", "expires",
        "seconds_left",
    }  # fmt: skip
    assert (push["id"], push["username"], push["login_id"]) == ("PUNEW", "alice", "ABCDEFGHJK")
    assert 40 <= push["seconds_left"] <= 50
    assert asked.run("push", "list").splitlines()[1].split()[:4] == ["PUNEW", "alice", "vpn", "198.51.100.7"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["approve"], "approved"), (["deny"], "denied"), (["deny", "--fraud"], "fraud")],
)
def test_a_request_is_decided_once_and_the_daemon_told(asked: Console, arguments: list[str], status: str) -> None:
    asked.state.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(socket_path(asked.state)))
        daemon.setblocking(False)
        assert asked.json("push", *arguments, " punew ") == {"id": "PUNEW", "status": status}
        assert daemon.recv(100) == b"PUNEW"
    assert asked.rows("SELECT status FROM pushes WHERE id = 'PUNEW'") == [(status,)]
    assert str(asked.value("SELECT decided_by FROM pushes WHERE id = 'PUNEW'")).startswith("shell:")
    assert asked.audit()[-1] == (f"push {status}", "PUNEW", {})
    assert asked.fails("push", "approve", "PUNEW") == f"too late: push PUNEW was {status} before"
    assert asked.rows("SELECT status FROM pushes WHERE id = 'PUNEW'") == [(status,)]
    assert asked.run("push", "list") == "no push is pending\n"


def test_text_output_names_the_push(asked: Console) -> None:
    assert asked.run("push", "approve", "PUNEW") == "push PUNEW is approved\n"


def test_what_has_expired_or_never_was_is_not_decided(asked: Console) -> None:
    assert asked.fails("push", "approve", "PUOLD") == "too late: push PUOLD was expired before"
    told = asked.fails("push", "deny", "PUNONE")
    assert told == "there is no push 'PUNONE'; `authproxy push list` shows those that are pending"
    assert [action for action, *_ in asked.audit()] == ["user add"]


def test_a_verified_push_wants_its_number(asked: Console) -> None:
    with asked.writing() as connection:
        connection.exec_driver_sql("UPDATE pushes SET mode = 'number', answer = '42', options = '17,42,93'")
    assert asked.json("push", "list")["pushes"][0]["mode"] == "number"
    assert asked.json("push", "approve", "PUNEW", "--number", "17")["status"] == "denied"
    with asked.writing() as connection:
        connection.exec_driver_sql("UPDATE pushes SET status = 'pending' WHERE id = 'PUNEW'")
    assert asked.json("push", "approve", "PUNEW", "--number", "42")["status"] == "approved"
