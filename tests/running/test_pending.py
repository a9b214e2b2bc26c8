"""What is under way when the daemon is replaced: it ends in the old process, and the new one knows."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_REQUEST,
    STATUS_SERVER,
    USER_NAME,
    USER_PASSWORD,
    attribute,
    encode_request,
)
from authproxy.radius.password import hide
from authproxy.running.talk import is_alive
from tests.running.running_site import RunningSite, running_site
from tests.system.sites import SECRET


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(tmp_path / "site") as made:
        made.site.enroll("alice")
        yield made


def login(identifier: int, typed: str) -> bytes:
    secret, authenticator = SECRET.encode(), os.urandom(16)
    attributes = [
        attribute(USER_NAME, b"alice"),
        attribute(USER_PASSWORD, hide(typed.encode(), secret, authenticator)),
    ]
    return encode_request(ACCESS_REQUEST, identifier, authenticator, attributes, secret)


def status(identifier: int) -> bytes:
    return encode_request(STATUS_SERVER, identifier, os.urandom(16), [], SECRET.encode())


def until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    give_up = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)


def pushes(running: RunningSite) -> list[str]:
    listed = running.site.daemon.json("push", "list")["pushes"]
    assert isinstance(listed, list)
    return [str(push["id"]) for push in listed]


def test_a_push_that_waits_is_answered_by_the_old_process_and_its_repetitions_by_the_new_one(
    running: RunningSite,
) -> None:
    old, port = running.pid(), running.site.ports["only"]
    request = login(7, "push")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as appliance:
        appliance.connect(("127.0.0.1", port))
        appliance.settimeout(60)
        appliance.send(request)
        until(lambda: len(pushes(running)) == 1)
        assert running.ask("restart")["done"]
        new = running.pid()
        assert new != old
        assert is_alive(old)
        for _ in range(3):
            appliance.send(request)
        appliance.send(status(8))  # the new one reads in order: it has seen the repetitions now
        assert appliance.recv(4096)[1] == 8
        (push,) = pushes(running)  # no second login began
        running.site.daemon.json("push", "approve", push)
        answer = appliance.recv(4096)
        assert (answer[0], answer[1]) == (ACCESS_ACCEPT, 7)
        until(lambda: has_ended(running))
        appliance.send(request)
        assert appliance.recv(4096) == answer
    accepts = [record for record in running.site.records("alice") if record.result == "accept"]
    assert len(accepts) == 1
    assert running.pid() == new


def has_ended(running: RunningSite) -> bool:
    """The process that was started first."""
    process = running.site.daemon.process
    return process is not None and process.poll() is not None


def test_answers_given_before_a_restart_are_given_again_after_it(running: RunningSite) -> None:
    request = login(9, "000000")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as appliance:
        appliance.connect(("127.0.0.1", running.site.ports["only"]))
        appliance.settimeout(60)
        appliance.send(request)
        answer = appliance.recv(4096)
        assert running.ask("restart")["done"]
        appliance.send(request)
        assert appliance.recv(4096) == answer
    assert len(running.site.records("alice")) == 1


def test_a_configuration_that_is_wrong_keeps_the_old_process(running: RunningSite) -> None:
    old = running.pid()
    running.change(r"^port=\d+", "port=seven")
    answer = running.ask("restart")
    assert answer["done"] is False
    assert "port" in str(answer["text"]) and "seven" in str(answer["text"])
    assert running.pid() == old
    assert running.ask("status")["done"]
    assert running.site.login("alice", "000000", "only") == "Access-Reject"  # it still answers
