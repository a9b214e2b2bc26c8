"""login_duo and pam_duo of Debian, which speak BSON and sign without a date, and the real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
import trustme

from authproxy.secondfactor.pushes import PushStatus
from tests.peers.duo_unix import DuoUnix, require_duo_unix
from tests.peers.ports import free_port
from tests.web.apihost import ApiHost
from tests.web.twin import APPS, SKEY, TwinWeb, called


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHost]:
    require_duo_unix()
    host = ApiHost.make(tmp_path_factory.mktemp("unix") / "host")
    host.daemon.start()
    try:
        yield host
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
    assert "Traceback" not in host.daemon.log()


@pytest.fixture(autouse=True)
def _fresh(host: ApiHost) -> None:
    host.unlock()


def unix(host: ApiHost, directory: Path, *options: str, app: str = "unix", skey: str = "") -> DuoUnix:
    keys = host.keys[app]
    return DuoUnix(directory, keys.ikey, skey or keys.skey, host.port, host.ca, options=options)


def test_without_a_terminal_a_push_is_sent_and_approved(host: ApiHost, tmp_path: Path) -> None:
    client = unix(host, tmp_path, "pushinfo=yes")
    with host.answering() as shown:
        answer = client.login("alice")
    assert answer.is_in, answer.output
    assert "Successful Duo login for 'alice'" in answer.output
    assert "198.51.100.7" in str(shown[0])
    assert "LOGGED-IN" in str(shown[0])  # the command


def test_a_push_that_is_denied_keeps_the_user_out(host: ApiHost, tmp_path: Path) -> None:
    with host.answering(PushStatus.DENIED):
        answer = unix(host, tmp_path).login("alice")
    assert answer.status == 1
    assert answer.output.splitlines() == ["[4] Failed Duo login for 'alice' from 198.51.100.7"]


def test_a_passcode_on_a_terminal(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path).login("alice", [host.code("alice")])
    assert answer.is_in, answer.output
    assert "1. " in answer.output  # the menu


def test_a_wrong_passcode_and_then_the_first_option(host: ApiHost, tmp_path: Path) -> None:
    with host.answering():
        answer = unix(host, tmp_path).login("alice", ["000000", "1"])
    assert answer.is_in, answer.output
    assert "Incorrect passcode. Please try again." in answer.output


@pytest.mark.parametrize("typed", ["9", "push2", "nonsense", "é"])
def test_what_is_not_in_the_menu_is_a_failed_attempt_and_the_next_may_be_right(
    host: ApiHost, tmp_path: Path, typed: str
) -> None:
    answer = unix(host, tmp_path).login("alice", [typed, host.code("alice")])
    assert answer.is_in, answer.output
    assert "HTTP" not in answer.output


def test_a_bypassed_user_is_asked_nothing(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path).login("carol")
    assert answer.is_in, answer.output
    assert "Skipped Duo login for 'carol'" in answer.output


def test_a_disabled_user_stays_out_whatever_the_failmode(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path, "failmode=safe").login("dave")
    assert answer.status == 1
    assert "LOGGED-IN\n" not in answer.output
    assert "Aborted Duo login for 'dave'" in answer.output


def test_a_user_without_a_device_is_told_where_to_enroll(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path).login("erin", [])
    assert not answer.is_in
    assert f"https://localhost:{host.port}/enroll/" in answer.output


@pytest.mark.parametrize(("failmode", "status"), [("secure", 1), ("safe", 0)])
def test_a_wrong_key_follows_the_failmode(host: ApiHost, tmp_path: Path, failmode: str, status: int) -> None:
    answer = unix(host, tmp_path, f"failmode={failmode}", skey="x" * 40).login("alice")
    assert answer.status == status
    assert f"Fail{failmode} Duo login" in answer.output
    assert "Invalid ikey or skey" in answer.output


def test_an_application_that_wants_dated_signatures_refuses_the_old_client(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path, "failmode=secure", app="strict").login("alice")
    assert answer.status == 1
    assert "Invalid ikey or skey" in answer.output
    assert "refused 127.0.0.1: Missing request timestamp" in host.daemon.log()


@pytest.mark.parametrize(("failmode", "status"), [("secure", 1), ("safe", 0)])
@pytest_twisted.ensureDeferred
async def test_a_database_that_is_out_of_order_follows_the_failmode(
    web: TwinWeb, tmp_path: Path, failmode: str, status: int
) -> None:
    require_duo_unix()
    options = [f"failmode={failmode}"]
    client = DuoUnix(tmp_path, APPS["unix"].ikey, SKEY, web.listener.port, web.ca, options=options)
    answer = await called(client.login, "broken")
    assert answer.status == status, answer.output
    assert f"Fail{failmode} Duo login" in answer.output


@pytest.mark.parametrize(("failmode", "status"), [("secure", 1), ("safe", 0)])
def test_no_server_follows_the_failmode(host: ApiHost, tmp_path: Path, failmode: str, status: int) -> None:
    keys, port = host.keys["unix"], free_port()
    client = DuoUnix(tmp_path, keys.ikey, keys.skey, port, host.ca, options=[f"failmode={failmode}"])
    assert client.login("alice").status == status


def test_a_certificate_of_a_stranger_is_not_accepted_unless_nobody_looks(host: ApiHost, tmp_path: Path) -> None:
    keys, stranger = host.keys["unix"], tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    client = DuoUnix(tmp_path, keys.ikey, keys.skey, host.port, stranger, options=["failmode=secure"])
    assert client.login("carol").status == 1
    assert DuoUnix(tmp_path, keys.ikey, keys.skey, host.port, None).login("carol").is_in


def test_a_passcode_from_the_environment_needs_no_prompt(host: ApiHost, tmp_path: Path) -> None:
    client = unix(host, tmp_path, "accept_env_factor=yes")
    answer = client.login("alice", environment={"DUO_PASSCODE": host.code("alice")})
    assert answer.is_in, answer.output


def test_autopush_asks_nothing(host: ApiHost, tmp_path: Path) -> None:
    with host.answering():
        answer = unix(host, tmp_path, "autopush=yes", "prompts=1").login("alice", [])
    assert answer.is_in, answer.output


def test_pam_duo_lets_in_with_a_right_code(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path).pam("daemon", ["000000", host.code("daemon")])
    assert answer.status == 0, answer.output
    assert "successfully authenticated" in answer.output


def test_pam_duo_gives_up_after_three_wrong_codes(host: ApiHost, tmp_path: Path) -> None:
    answer = unix(host, tmp_path).pam("daemon", ["000000"] * 3)
    assert answer.status != 0
    assert "Have exhausted maximum number of retries for service" in answer.output
