"""Clients, and directories, that mean harm or are merely odd: who a connection stands for, and whole answers."""

from __future__ import annotations

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from authproxy.config.settings import LdapServerSettings
from authproxy.errors import ConfigError
from authproxy.ldap import ber, messages, requests, responses
from authproxy.ldap.binds import BindRules, Login, Unfit
from authproxy.ldap.messages import Envelope, seal
from authproxy.ldap.requests import Abandon, Extended, SaslBind, SimpleBind
from authproxy.ldap.responses import Code
from authproxy.model import AuthRequest, Outcome, Primary, Reject
from tests.ldap_front.directory import ALICE, BASE, BOB, SERVICE, Directory, Line, settings_for
from tests.ldap_front.door import CODE, OTHER_CODE, Door, MakeDoor, until
from tests.ldap_front.test_relaying import SEARCH, answer
from tests.ldap_front.wire import WireClient, notice_and_end

ENTRY = seal(1, responses.encode_entry(ALICE.encode(), {b"jpegPhoto": [bytes(50_000)]}))
DONE = answer(1, messages.SEARCH_DONE)
NTLM = ber.tlv(messages.BIND_REQUEST, ber.integer(3) + ber.tlv(ber.OCTETS, b"") + ber.tlv(0x8A, b"NTLMSSP\0"))


# ---------------------------------------------------------------- whoever fails to bind is nobody (RFC 4511 4.2.1)


@pytest.mark.parametrize(
    "bind",
    [
        SimpleBind(b"nobody", b"wonderland"),  # not found: the directory is not asked
        SimpleBind(BOB.encode(), b"builder,999999"),
        SimpleBind(BOB.encode(), b"wrong"),
        SimpleBind(BOB.encode(), b""),
        SimpleBind(b"", b"wrong"),
        SimpleBind(BOB.encode(), b"builder", version=2),
        SimpleBind(b"uid=bob\0,dc=test", b"builder"),
        SaslBind(b"", b"PLAIN", b"\0a\0b"),
        NTLM,
    ],
)
@pytest.mark.parametrize("before", [ALICE, SERVICE])
async def test_who_was_bound_is_nobody_after_any_refused_bind(
    make_door: MakeDoor, directory: Directory, before: str, bind: requests.Request | bytes
) -> None:
    door = make_door(exempt_ous=(SERVICE,))
    client = await WireClient.to(door.port)
    assert (await client.bind(before, "svc-secret" if before == SERVICE else f"wonderland,{CODE}")).code == 0
    assert await client.who_am_i() == f"dn:{before}"
    client.send(bind)
    assert (await client.result()).code != Code.SUCCESS
    assert await client.who_am_i() == ""
    assert (await client.bind(ALICE, f"wonderland,{OTHER_CODE}")).code == Code.SUCCESS


async def test_a_login_that_goes_on_though_it_was_given_up_leaves_nobody_bound(
    door: Door, directory: Directory
) -> None:
    """Whatever in the pipeline swallowed the cancellation."""
    started: list[Deferred[None]] = []

    class Stubborn:
        async def start(self, request: AuthRequest, primary: Primary | None = None) -> Outcome:
            assert primary is not None
            waiting: Deferred[None] = Deferred(lambda _: None)
            started.append(waiting)
            try:
                await waiting
            except CancelledError:
                await primary.check(request, b"wonderland")
            return Reject()

        resume = start

    door.server.section.authenticator = Stubborn()  # type: ignore[assignment]
    client = await WireClient.to(door.port)
    bind = client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await until(lambda: started)
    client.send(Abandon(bind))
    assert await client.who_am_i() == ""
    assert directory.binds() == [(ALICE, "wonderland")]
    await until(lambda: all(line.bound_as != ALICE for line in directory.lines))


# ---------------------------------------------------------------- an answer of ours never stands inside another


async def half_an_entry(client: WireClient, directory: Directory) -> Line:
    """A search whose first entry stops in its midst; its connection."""
    lines: list[Line] = []

    def say(line: Line, envelope: Envelope) -> bytes | None:
        if envelope.tag != messages.SEARCH_REQUEST or b"cn=svc" in line.bound_as.encode():
            return None
        lines.append(line)
        return ENTRY[:20_000]

    directory.say = say
    client.send(SEARCH, message_id=1)
    await until(lambda: lines)
    await deferLater(reactor, 0.05, lambda: None)
    return lines[0]


@pytest.mark.parametrize(
    "bind",
    [SaslBind(b"", b"PLAIN", b"\0a\0b"), SimpleBind(BOB.encode(), b""), SimpleBind(b"nobody", b"x", version=2)],
)
async def test_a_refusal_waits_until_the_directorys_message_is_whole(
    door: Door, directory: Directory, bind: requests.Request
) -> None:
    client = await WireClient.to(door.port)
    line = await half_an_entry(client, directory)
    client.send(bind, message_id=2)
    await deferLater(reactor, 0.05, lambda: None)
    assert line.transport is not None
    line.transport.write(ENTRY[20_000:] + ENTRY + DONE)
    assert [(await client.next()).message_id for _ in range(4)] == [1, 2, 1, 1]


async def test_a_login_is_answered_between_two_of_the_directorys_messages(
    door: Door, directory: Directory
) -> None:
    client = await WireClient.to(door.port)
    line = await half_an_entry(client, directory)
    assert line.transport is not None
    line.transport.write(ENTRY[20_000:])
    client.send(SimpleBind(ALICE.encode(), b"wonderland"), message_id=2)
    await door.push()
    line.transport.write(ENTRY[:20_000])  # the directory still answers what was asked before
    await deferLater(reactor, 0.05, lambda: None)
    door.decide("alice", approve=True)
    await door.logins(1)
    line.transport.write(ENTRY[20_000:] + DONE)
    assert [(await client.next()).message_id for _ in range(4)] == [1, 1, 2, 1]
    assert await client.who_am_i() == f"dn:{ALICE}"


async def test_a_client_that_has_half_an_answer_hears_nothing_more_when_the_directory_dies(
    door: Door, directory: Directory
) -> None:
    client = await WireClient.to(door.port)
    heard: list[bytes] = []
    client.dataReceived = heard.append  # type: ignore[method-assign]
    line = await half_an_entry(client, directory)
    line.drop()
    await client.gone()
    assert b"".join(heard) == ENTRY[:20_000]
    assert not door.server.callers


async def test_a_refused_second_factor_in_the_midst_of_an_answer_ends_the_connection(
    door: Door, directory: Directory
) -> None:
    """The directory's connection must end, so the rest of the answer can't come."""
    client = await WireClient.to(door.port)
    line = await half_an_entry(client, directory)
    assert line.transport is not None
    line.transport.write(ENTRY[20_000:])
    client.send(SimpleBind(ALICE.encode(), b"wonderland"), message_id=2)
    await door.push()
    line.transport.write(ENTRY[:20_000])
    await deferLater(reactor, 0.05, lambda: None)
    door.decide("alice", approve=False)
    await client.gone()
    assert len(client.heard) == 1
    await until(lambda: not directory.lines or all(line.bound_as != ALICE for line in directory.lines))


async def test_starttls_waits_for_the_rest_of_an_answer_that_was_abandoned(
    door: Door, directory: Directory
) -> None:
    client = await WireClient.to(door.port)
    line = await half_an_entry(client, directory)
    client.send(Abandon(1))
    client.send(Extended(messages.START_TLS), message_id=7)
    await deferLater(reactor, 0.05, lambda: None)
    assert line.transport is not None
    line.transport.write(ENTRY[20_000:])
    assert [(await client.next()).message_id for _ in range(2)] == [1, 7]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name", [f"uid=alice\0,{BASE}", f"uid=x,{BASE}\0", "alice\0", "x" * 5000, f"uid={'x' * 5000}"]
)
def test_names_that_nobody_has_are_refused_unasked(name: str) -> None:
    """A directory that is written in C might read a name up to the NUL."""
    for is_first_exempt in (True, False):
        rules = BindRules(is_first_exempt)
        decision = rules.decide(SimpleBind(name.encode(), b"secret"), 0)
        assert decision == Unfit(Code.INVALID_CREDENTIALS, "")


@pytest.mark.parametrize(
    "name",
    ["cn=x,ou=stra\N{LATIN SMALL LETTER SHARP S}e,dc=test", "cn=x,ou=\N{LATIN SMALL LIGATURE FI}le,dc=test",
     "cn=x,ou=dis\N{KELVIN SIGN},dc=test", "cn=x,ou=di\N{LATIN SMALL LETTER LONG S}k,dc=test"],
)  # fmt: skip
def test_what_only_looks_like_an_exempt_name_is_a_login(name: str) -> None:
    """Directories differ in which letters are the same; what is exempt must not depend on it."""
    exempt = tuple(f"ou={unit},dc=test" for unit in ("strasse", "file", "disk"))
    rules = BindRules.of(LdapServerSettings("x", "y", exempt_primary_bind=False, exempt_ous=exempt))
    assert isinstance(rules.decide(SimpleBind(name.encode(), b"secret"), 0), Login)


def test_exempt_names_with_other_letters_are_found_in_either_case() -> None:
    section = LdapServerSettings("x", "y", exempt_primary_bind=False, exempt_ous=("ou=Zürich,dc=test",))
    rules = BindRules.of(section)
    assert rules.is_exempt("CN=svc,OU=ZÜRICH,DC=test") and rules.is_exempt("cn=svc, ou=zürich,dc=test")


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_exempt_ou_does_not_exempt_everybody(blank: str) -> None:
    section = LdapServerSettings("x", "y", exempt_primary_bind=False, exempt_ous=(blank,))
    with pytest.raises(ConfigError, match="exempt_ou"):
        BindRules.of(section)


@pytest.mark.parametrize("attribute", ["sAMAccountName", "cn"])
async def test_whose_dn_it_is_is_taken_from_the_entry_where_names_have_other_forms(
    make_door: MakeDoor, directory: Directory, attribute: str
) -> None:
    """Active Directory also takes display names: ``sAMAccountName=alice,...`` may be anybody's."""
    name = f"{attribute}=alice,ou=people,{BASE}"
    directory.say = lambda _line, envelope: (
        answer(envelope.message_id, messages.BIND_RESPONSE)
        if envelope.tag == messages.BIND_REQUEST and name.encode() in envelope.frame
        else None
    )
    client = await WireClient.to(make_door(settings_for(directory.port, username_attribute=attribute)).port)
    assert (await client.bind(name, f"mallory,{CODE}")).code == Code.INVALID_CREDENTIALS
    assert directory.binds() == []


# ---------------------------------------------------------------- what is passed on is one message


@pytest.mark.parametrize(
    "operation",
    [
        b"\x63\x05abcde" + requests.encode(SimpleBind(ALICE.encode(), b"wonderland")),
        b"\x63\x7fabcde",
        b"\x77\x05\x80\x031.2" + b"\x42\x00",
        b"\x4a\x02ab\xa0\x7f",
        b"\x63\x84\xff\xff\xff\xff",
    ],
)
async def test_nothing_is_passed_on_that_another_reader_might_take_for_two_messages(
    door: Door, directory: Directory, operation: bytes
) -> None:
    client = await WireClient.to(door.port)
    client.send_bytes(seal(1, operation))
    assert (await client.result()).code == Code.PROTOCOL_ERROR
    await client.gone()
    assert directory.heard == []


async def test_what_a_bind_ended_is_not_waited_for(make_door: MakeDoor, directory: Directory) -> None:
    """slapd answers nothing that was asked before a bind and has no answer when the bind comes."""
    directory.say = lambda _line, envelope: b"" if envelope.tag == messages.SEARCH_REQUEST else None
    door = make_door(idle_timeout=0.5, network_timeout=60, exempt_ous=(SERVICE,))
    client = await WireClient.to(door.port)
    client.send(SEARCH)
    await until(lambda: directory.heard)
    assert (await client.bind(SERVICE, "svc-secret")).code == Code.SUCCESS
    assert (await notice_and_end(client)).code == Code.UNAVAILABLE  # it counts as idle
