"""Names with a domain, in a forest of two domains and in two forests: small directories in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.ldap.responses import Entry
from authproxy.ldap.sample_server import MemoryDirectory
from authproxy.model import AuthRequest, Denied, Identity, Reason, Trail
from authproxy.primary import account_state, login_name
from authproxy.primary.directory import DirectoryPrimary
from authproxy.primary.group import primary_group_sid
from authproxy.secret import Secret

Attributes = dict[str, list[str | bytes]]

ROOT = "DC=corp,DC=test"
CHILD = f"DC=emea,{ROOT}"
SERVICE = f"CN=svc,{ROOT}"


def person(name: str, password: str, upn: str = "") -> Attributes:
    found: Attributes = {"sAMAccountName": [name], "userPassword": [password]}
    return found | ({"userPrincipalName": [upn]} if upn else {})


def domain(short: str, dns: str) -> Attributes:
    return {"nETBIOSName": [short], "dnsRoot": [dns]}


PARTITIONS = f"CN=Partitions,CN=Configuration,{ROOT}"
FOREST: dict[str, Attributes] = {
    "": {
        "objectClass": ["top"],
        "supportedCapabilities": ["1.2.840.113556.1.4.800"],
        "configurationNamingContext": [f"CN=Configuration,{ROOT}"],
    },
    PARTITIONS: {"cn": ["Partitions"]},
    f"CN=CORP,{PARTITIONS}": domain("CORP", "corp.test"),
    f"CN=EMEA,{PARTITIONS}": domain("EMEA", "emea.corp.test"),
    f"CN=Schema,{PARTITIONS}": {"dnsRoot": ["corp.test"]},
    ROOT: {"dc": ["corp"]},
    SERVICE: {"cn": ["svc"], "userPassword": ["svc"]},
    f"CN=bob,{ROOT}": person("bob", "of-corp", "bob@alias.example"),
    f"CN=bob,{CHILD}": person("bob", "of-emea"),
    f"CN=eve,{ROOT}": person("eve", "of-eve", "ann@corp.test"),
    f"CN=ann,{ROOT}": person("ann", "of-ann"),
}

Serve = Callable[[dict[str, Attributes]], DirectoryPrimary]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running = []

    def start(entries: dict[str, Attributes]) -> DirectoryPrimary:
        directory = MemoryDirectory(entries)
        port = directory.listen(reactor, "127.0.0.1", 0)
        settings = AdClientSettings(
            "ad_client",
            (("127.0.0.1", port.getHost().port),),
            ROOT,
            "",
            Secret("svc"),
            AuthType.PLAIN,
            SERVICE,
            timeout=20.0,
        )
        primary = DirectoryPrimary(settings, reactor)
        running.append((primary, directory, port))
        return primary

    async def stop() -> None:
        for primary, directory, port in running:
            primary.close()
            directory.close()
            await port.stopListening()

    yield start
    pytest_twisted.blockon(Deferred.fromCoroutine(stop()))


async def login(primary: DirectoryPrimary, name: str, password: str) -> Identity | Denied:
    request = AuthRequest("ID", "test", name, b"", "192.0.2.1", None, Trail(time.monotonic))
    return await primary.check(request, password.encode())


@pytest.mark.parametrize(
    ("typed", "password", "entry"),
    [
        ("CORP\\bob", "of-corp", f"CN=bob,{ROOT}"),
        ("emea\\BOB", "of-emea", f"CN=bob,{CHILD}"),
        ("emea.corp.test\\bob", "of-emea", f"CN=bob,{CHILD}"),
        ("bob@corp.test", "of-corp", f"CN=bob,{ROOT}"),
        ("bob@EMEA.corp.test", "of-emea", f"CN=bob,{CHILD}"),
        ("bob@alias.example", "of-corp", f"CN=bob,{ROOT}"),
        ("ann@corp.test", "of-eve", f"CN=eve,{ROOT}"),  # who has the name comes before the account called so
        ("CORP\\ann", "of-ann", f"CN=ann,{ROOT}"),
        ("ann", "of-ann", f"CN=ann,{ROOT}"),
    ],
)
async def test_the_domain_says_whose_entry_is_meant(serve: Serve, typed: str, password: str, entry: str) -> None:
    who = await login(serve(FOREST), typed, password)
    assert isinstance(who, Identity), who
    assert who.dn == entry


@pytest.mark.parametrize(
    ("typed", "password", "reason"),
    [
        ("bob", "of-corp", Reason.AMBIGUOUS_USER),
        ("CORP\\bob", "of-emea", Reason.BAD_PASSWORD),
        ("EMEA\\ann", "of-ann", Reason.UNKNOWN_USER),
        ("OTHER\\ann", "of-ann", Reason.UNKNOWN_USER),
        (".\\ann", "of-ann", Reason.UNKNOWN_USER),
        ("ann@emea.corp.test", "of-ann", Reason.UNKNOWN_USER),
        ("ann@other.example", "of-ann", Reason.UNKNOWN_USER),
        ("bob@alias.example", "of-emea", Reason.BAD_PASSWORD),
        ("@corp.test", "of-ann", Reason.UNKNOWN_USER),
    ],
)
async def test_another_domain_is_another_person(serve: Serve, typed: str, password: str, reason: Reason) -> None:
    who = await login(serve(FOREST), typed, password)
    assert isinstance(who, Denied)
    assert who.reason is reason


async def test_an_unknown_domain_is_named_with_those_that_are_known(serve: Serve) -> None:
    who = await login(serve(FOREST), "OTHER\\ann", "of-ann")
    assert isinstance(who, Denied)
    assert "'other'" in who.detail and "corp, corp.test, emea, emea.corp.test" in who.detail


async def test_without_the_right_to_read_the_domains_a_domain_is_not_looked_at(serve: Serve) -> None:
    hidden = {name: values for name, values in FOREST.items() if PARTITIONS not in name}
    assert isinstance(await login(serve(hidden), "OTHER\\ann", "of-ann"), Identity)


async def test_other_directories_have_no_domains(serve: Serve) -> None:
    plain = FOREST | {"": {"objectClass": ["top"]}}
    primary = serve(plain)
    assert isinstance(await login(primary, "OTHER\\ann", "of-ann"), Identity)
    who = await login(primary, "bob@corp.test", "of-corp")
    assert isinstance(who, Denied) and who.reason is Reason.UNKNOWN_USER


async def test_two_forests_are_two_sections_and_do_not_mix(serve: Serve) -> None:
    second = FOREST | {f"CN=ann,{ROOT}": person("ann", "elsewhere")}
    one, other = serve(FOREST), serve(second)
    assert isinstance(await login(one, "ann", "of-ann"), Identity)
    assert isinstance(await login(other, "ann", "elsewhere"), Identity)
    for primary, password in ((one, "elsewhere"), (other, "of-ann")):
        who = await login(primary, "ann", password)
        assert isinstance(who, Denied) and who.reason is Reason.BAD_PASSWORD


# ---------------------------------------------------------------- pure


@pytest.mark.parametrize(
    ("typed", "account", "realm", "behind"),
    [
        ("ann", "ann", "", ""),
        ("CORP\\ann", "ann", "corp", ""),
        ("ann@Corp.Test", "ann@Corp.Test", "", "corp.test"),
        ("CORP\\ann@corp.test", "ann@corp.test", "corp", "corp.test"),
        ("a@b@corp.test", "a@b@corp.test", "", "corp.test"),
        ("\\ann", "ann", "", ""),
    ],
)
def test_a_name_taken_apart(typed: str, account: str, realm: str, behind: str) -> None:
    name = login_name.parse(typed)
    assert name is not None
    assert (name.account, name.realm, name.behind_at) == (account, realm, behind)


@pytest.mark.parametrize("typed", ["", "CORP\\", "\ud800", "x" * 1025])
def test_names_that_nobody_can_have(typed: str) -> None:
    assert login_name.parse(typed) is None


SID = bytes((1, 5, 0, 0, 0, 0, 0, 5)) + b"".join(part.to_bytes(4, "little") for part in (21, 1, 2, 3, 1105))


def test_the_sid_of_a_primary_group_is_the_domains_with_another_end() -> None:
    user = Entry(b"", {b"objectsid": [SID], b"primarygroupid": [b"513"]})
    assert primary_group_sid(user) == SID[:-4] + (513).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("sid", "number"),
    [(b"", b"513"), (SID[:-1], b"513"), (SID + b"\0", b"513"), (SID, b"x"), (SID, b"-1"), (SID, b"4294967296")],
)
def test_what_is_no_sid_gives_no_group(sid: bytes, number: bytes) -> None:
    assert primary_group_sid(Entry(b"", {b"objectsid": [sid], b"primarygroupid": [number]})) is None


NOW = 1_700_000_000.0
PAST, FUTURE = b"133000000000000000", b"143000000000000000"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({b"useraccountcontrol": [b"514"], b"lockouttime": [b"1"]}, Reason.ACCOUNT_DISABLED),
        ({b"useraccountcontrol": [b"512"], b"accountexpires": [PAST]}, Reason.ACCOUNT_EXPIRED),
        ({b"accountexpires": [FUTURE], b"lockouttime": [b"133"]}, Reason.ACCOUNT_LOCKED),
        ({b"accountexpires": [b"9223372036854775807"], b"lockouttime": [b"0"]}, Reason.LOGON_HOURS),
        ({b"accountexpires": [b"0"]}, Reason.LOGON_HOURS),
        ({b"accountexpires": [b"x"]}, Reason.LOGON_HOURS),
    ],
)
def test_why_the_kdc_revoked_an_account(attributes: dict[bytes, list[bytes]], reason: Reason) -> None:
    revoked = Denied(Reason.ACCOUNT_DISABLED, "revoked")
    assert account_state.refine(revoked, Entry(b"", attributes), NOW) == replace(revoked, reason=reason)


def test_other_refusals_stay_what_they_are() -> None:
    never_set = Entry(b"", {b"pwdlastset": [b"0"]})
    expired = Denied(Reason.PASSWORD_EXPIRED)
    assert account_state.refine(expired, never_set, NOW).reason is Reason.PASSWORD_MUST_CHANGE
    assert account_state.refine(expired, Entry(b"", {b"pwdlastset": [b"1"]}), NOW) == expired
    wrong = Denied(Reason.BAD_PASSWORD)
    assert account_state.refine(wrong, never_set, NOW) is wrong
