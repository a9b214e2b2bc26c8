"""Passwords checked against a real slapd: who gets in, who doesn't, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater

from authproxy.config.settings import Transport
from authproxy.errors import ConfigError, PrimaryUnavailable
from authproxy.ldap import messages
from authproxy.ldap.messages import Control
from authproxy.ldap.responses import Result
from authproxy.model import Denied, Identity, Reason
from authproxy.primary.bind_result import NotJudged, judge
from authproxy.primary.directory import DirectoryPrimary
from authproxy.secret import Secret
from tests.peers.slapd import POSIX, UNIQUE, VPN, Slapd, password_of
from tests.primary.directories import login, settings_for

Make = Callable[..., DirectoryPrimary]


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd") / "peer", users=520) as peer:
        yield peer


@pytest.fixture
def make(slapd: Slapd) -> Iterator[Make]:
    made: list[DirectoryPrimary] = []

    def make_one(transport: Transport = Transport.CLEAR, **changes: Any) -> DirectoryPrimary:
        port = slapd.tls_port if transport is Transport.LDAPS else slapd.port
        made.append(DirectoryPrimary(settings_for(slapd, ports=(port,), transport=transport, **changes), reactor))
        return made[-1]

    yield make_one
    for primary in made:
        primary.close()
    pytest_twisted.blockon(deferLater(reactor, 0.02, lambda: None))


def reason_of(verdict: Identity | Denied) -> Reason:
    assert isinstance(verdict, Denied), verdict
    return verdict.reason


@pytest.mark.parametrize("transport", Transport)
async def test_right_and_wrong_passwords_over_every_transport(make: Make, transport: Transport) -> None:
    primary = make(transport)
    who = await login(primary, "USER0001", b"pw-0001")
    assert who == Identity("user0001", f"uid=user0001,ou=People,{Slapd.base}", "user0001@example.test")
    assert reason_of(await login(primary, "user0001", b"pw-0002")) is Reason.BAD_PASSWORD
    await primary.verify()


@pytest.mark.parametrize(
    ("typed", "password", "username"),
    [
        ("user0002@example.test", "pw-0002", "user0002"),
        ("EXAMPLE\\user0002", "pw-0002", "user0002"),
        ("EXAMPLE\\user0002@example.test", "pw-0002", "user0002"),
        ("JÖRG", "pässwörd", "jörg"),
        ("comma", "pw-comma", "comma"),
    ],
)
async def test_names_in_every_form_become_the_directorys_spelling(
    make: Make, typed: str, password: str, username: str
) -> None:
    who = await login(make(), typed, password.encode())
    assert isinstance(who, Identity) and who.username == username


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        ("user0011", b"pw-0011", Reason.PASSWORD_MUST_CHANGE),
        ("user0012", b"pw-0012", Reason.ACCOUNT_LOCKED),
        ("user0013", b"pw-0013", Reason.PASSWORD_EXPIRED),
        ("shared@example.test", b"pw-0014", Reason.AMBIGUOUS_USER),
        ("nobody", b"pw", Reason.UNKNOWN_USER),
        ("user0001", b"", Reason.EMPTY_PASSWORD),
        ("user0001", b"\0\0", Reason.EMPTY_PASSWORD),
        ("user0001", b"pw-0001\0", Reason.BAD_PASSWORD),
        ("", b"pw", Reason.UNKNOWN_USER),
        ("EXAMPLE\\", b"pw", Reason.UNKNOWN_USER),
        ("*", b"pw", Reason.UNKNOWN_USER),
        ("*)(uid=*", b"pw", Reason.UNKNOWN_USER),
        ("user0001)(uid=user0001", b"pw-0001", Reason.UNKNOWN_USER),
        ("user0001\0", b"pw-0001", Reason.UNKNOWN_USER),
        ("x\\user0001\\", b"pw-0001", Reason.UNKNOWN_USER),
        ("\\2a", b"pw", Reason.UNKNOWN_USER),
        ("j\udcf6rg", b"pw", Reason.UNKNOWN_USER),
        ("\ud800", b"pw", Reason.UNKNOWN_USER),
        ("u" * 5000, b"pw", Reason.UNKNOWN_USER),
    ],
)
async def test_who_is_denied_and_why(make: Make, username: str, password: bytes, reason: Reason) -> None:
    assert reason_of(await login(make(), username, password)) is reason


@pytest.mark.parametrize("group", [VPN, VPN.upper(), UNIQUE, POSIX])
async def test_only_members_of_the_group_get_in(make: Make, group: str) -> None:
    primary = make(security_group_dn=group)
    who = await login(primary, "user0001", b"pw-0001")
    assert isinstance(who, Identity) and who.username == "user0001"
    assert reason_of(await login(primary, "user0020", b"pw-0020")) is Reason.NOT_IN_GROUP


async def test_a_wrong_password_says_nothing_of_groups(make: Make) -> None:
    primary = make(security_group_dn=VPN)
    assert reason_of(await login(primary, "user0020", b"wrong")) is Reason.BAD_PASSWORD


async def test_the_filter_narrows_the_search(make: Make) -> None:
    primary = make(ldap_filter="(|(uid=user0001)(uid=comma))")
    assert isinstance(await login(primary, "user0001", b"pw-0001"), Identity)
    assert reason_of(await login(primary, "user0002", b"pw-0002")) is Reason.UNKNOWN_USER


async def test_without_at_attribute_a_name_with_at_is_looked_up_whole(make: Make) -> None:
    assert reason_of(await login(make(at_attribute=None), "user0001@example.test", b"x")) is Reason.UNKNOWN_USER


async def test_a_password_in_another_charset_reaches_the_directory_as_utf_8(make: Make) -> None:
    assert isinstance(await login(make(pw_codec="latin-1"), "jörg", "pässwörd".encode("latin-1")), Identity)


async def test_an_entry_whose_name_cannot_be_read_is_denied(make: Make) -> None:
    primary = make(username_attribute="employeeNumber")
    verdict = await login(primary, "user0001@example.test", b"pw-0001")
    assert reason_of(verdict) is Reason.UNKNOWN_USER and "employeeNumber" in verdict.detail  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service_account_password": Secret("wrong")}, "service account 'cn=svc"),
        ({"search_dn": "dc=elsewhere"}, "search_dn 'dc=elsewhere' does not exist"),
        ({"security_group_dn": "cn=gone,dc=example,dc=test"}, "security_group_dn"),
    ],
)
async def test_a_mistake_in_the_section_judges_nobody_and_is_named(
    make: Make, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(PrimaryUnavailable, match=words):
        await login(make(**changes), "user0001", b"pw-0001")


async def test_a_wrong_service_password_is_not_tried_again_at_once(make: Make) -> None:
    primary = make(service_account_password=Secret("wrong"))
    for _ in range(3):
        with pytest.raises(PrimaryUnavailable, match="service account"):
            await login(primary, "user0001", b"pw-0001")
    assert primary._hosts.all[0]._factory.made == 1


async def test_verify_names_what_is_missing(make: Make) -> None:
    with pytest.raises(PrimaryUnavailable, match="dc=elsewhere"):
        await make(search_dn="dc=elsewhere").verify()


def test_an_unreadable_filter_is_a_configuration_error(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"\[ad_client\] ldap_filter: .*character"):
        make(ldap_filter="(&(a=1)")


async def test_500_logins_at_once_each_get_their_own_verdict(make: Make) -> None:
    primary = make(timeout=20.0)
    numbers = list(range(20, 520))

    def one(number: int) -> Deferred[Identity | Denied]:
        password = password_of(number if number % 2 else number + 1)
        return Deferred.fromCoroutine(login(primary, f"user{number:04d}", password))

    verdicts = await gatherResults([one(number) for number in numbers])
    for number, verdict in zip(numbers, verdicts, strict=True):
        if number % 2:
            assert isinstance(verdict, Identity) and verdict.username == f"user{number:04d}"
        else:
            assert reason_of(verdict) is Reason.BAD_PASSWORD


async def test_a_login_given_up_leaves_the_connections_usable(make: Make) -> None:
    primary = make()
    await primary.verify()
    for _ in range(40):
        attempt = Deferred.fromCoroutine(login(primary, "user0001", b"pw-0001"))
        attempt.cancel()
        with pytest.raises(CancelledError):
            await attempt
    assert isinstance(await login(primary, "user0001", b"pw-0001"), Identity)


async def test_an_unknown_user_waits_about_as_long_as_a_wrong_password(make: Make) -> None:
    primary = make()

    async def took(username: str) -> float:
        began = time.perf_counter()
        await login(primary, username, b"wrong")
        return time.perf_counter() - began

    pairs = [(await took("user0030"), await took("nobody")) for _ in range(30)]
    wrong, unknown = (min(each) for each in zip(*pairs, strict=True))
    assert wrong * 0.5 < unknown < wrong + 0.02


async def test_close_ends_waiting_logins_and_later_ones(make: Make) -> None:
    primary = make()
    waiting = Deferred.fromCoroutine(login(primary, "user0001", b"pw-0001"))
    primary.close()
    for attempt in (waiting, Deferred.fromCoroutine(login(primary, "user0001", b"pw-0001"))):
        with pytest.raises(PrimaryUnavailable):
            await attempt


# ---------------------------------------------------------------- what other directories answer

_AD = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {}, v2580"


def _policy(error: int) -> bytes:
    return messages.encode_controls(
        Control(b"1.3.6.1.4.1.42.2.27.8.5.1", False, b"\x30\x03\x81\x01" + bytes((error,)))
    )


_CONTROL_OF_389 = messages.encode_controls(Control(b"2.16.840.1.113730.3.4.4", False, b"0"))


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (Result(49, message=_AD.format("525")), Reason.UNKNOWN_USER),
        (Result(49, message=_AD.format("52e")), Reason.BAD_PASSWORD),
        (Result(49, message=_AD.format("52f")), Reason.LOGON_RESTRICTED),
        (Result(49, message=_AD.format("530")), Reason.LOGON_HOURS),
        (Result(49, message=_AD.format("531")), Reason.LOGON_RESTRICTED),
        (Result(49, message=_AD.format("532")), Reason.PASSWORD_EXPIRED),
        (Result(49, message=_AD.format("533")), Reason.ACCOUNT_DISABLED),
        (Result(49, message=_AD.format("568")), Reason.LOGON_RESTRICTED),
        (Result(49, message=_AD.format("569")), Reason.LOGON_RESTRICTED),
        (Result(49, message=_AD.format("701")), Reason.ACCOUNT_EXPIRED),
        (Result(49, message=_AD.format("773")), Reason.PASSWORD_MUST_CHANGE),
        (Result(49, message=_AD.format("775")), Reason.ACCOUNT_LOCKED),
        (Result(49, message=_AD.format("ffff")), Reason.BAD_PASSWORD),
        (Result(49, controls=_policy(0)), Reason.PASSWORD_EXPIRED),
        (Result(49, controls=_policy(1)), Reason.ACCOUNT_LOCKED),
        (Result(0, controls=_policy(2)), Reason.PASSWORD_MUST_CHANGE),
        (Result(19, message="Exceed password retry limit"), Reason.ACCOUNT_LOCKED),
        (Result(53, message="Account inactivated. Contact system administrator."), Reason.ACCOUNT_DISABLED),
        (Result(53, message="Too many failed logins."), Reason.ACCOUNT_LOCKED),
        (Result(53, message="Account inactivated.", controls=_policy(1)), Reason.ACCOUNT_DISABLED),
        (Result(53, message=_AD.format("533")), Reason.ACCOUNT_DISABLED),
        (Result(49, message="password expired!", controls=_CONTROL_OF_389), Reason.PASSWORD_EXPIRED),
        (Result(0, controls=_CONTROL_OF_389), Reason.PASSWORD_EXPIRED),
        (Result(48), Reason.BAD_PASSWORD),
        (Result(32), Reason.UNKNOWN_USER),
    ],
)
def test_why_directories_refuse(result: Result, reason: Reason) -> None:
    verdict = judge(result)
    assert verdict is not None and verdict.reason is reason


@pytest.mark.parametrize(
    ("code", "words"), [("532", "has to be changed"), ("773", "must be changed"), ("775", "unlock")]
)
def test_the_log_says_what_helps(code: str, words: str) -> None:
    verdict = judge(Result(49, message=_AD.format(code)))
    assert verdict is not None
    assert words in verdict.detail and f"data {code}" in verdict.detail


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Result(8, message="The server requires binds to turn on integrity checking"), "transport=ldaps"),
        (Result(13, message="confidentiality required"), "transport=ldaps or transport=starttls"),
        (Result(7), "auth_type=plain"),
    ],
)
def test_a_bind_that_was_refused_for_how_it_came_judges_nobody_and_the_remedy_is_named(
    result: Result, words: str
) -> None:
    with pytest.raises(NotJudged, match=words):
        judge(result)


@pytest.mark.parametrize("code", [1, 2, 3, 8, 10, 13, 50, 51, 52, 53, 80, 4711])
def test_other_results_judge_nobody(code: int) -> None:
    with pytest.raises(NotJudged, match=str(code)):
        judge(Result(code, message="sorry"))


def test_a_broken_control_judges_nobody() -> None:
    with pytest.raises(NotJudged):
        judge(Result(0, controls=b"\xa0\x03abc"))
    broken = messages.encode_controls(Control(b"1.3.6.1.4.1.42.2.27.8.5.1", False, b"\x30\x05"))
    with pytest.raises(NotJudged):
        judge(Result(0, controls=broken))
