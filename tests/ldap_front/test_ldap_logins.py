"""Binds that are logins: who it is, what the directory is asked, and what the client is told."""

from __future__ import annotations

import pytest

from authproxy.ldap import messages, responses
from authproxy.ldap.messages import Control, Envelope, encode_controls, seal
from authproxy.ldap.requests import Abandon, Extended, SimpleBind, Unbind
from authproxy.ldap.responses import Code, Result
from tests.ldap_front.directory import ALICE, BASE, BOB, CAROL, ENTRIES, SERVICE, Directory, Line, settings_for
from tests.ldap_front.door import CODE, OTHER_CODE, Door, MakeDoor, until
from tests.ldap_front.wire import WireClient, notice_and_end

AD_TEXT = "80090308: LdapErr: DSID-0C090436, comment: AcceptSecurityContext error, data 52e, v4563"


async def test_right_password_and_code_bind_as_the_user(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.SUCCESS
    assert await client.who_am_i() == f"dn:{ALICE}"
    assert directory.binds() == [(ALICE, "wonderland")]
    (login,) = door.journal.logins
    assert (login.result, login.username, login.dn, login.factor) == ("accept", "alice", ALICE, "passcode")
    assert (login.nas, login.client_ip) == ("127.0.0.1", None)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("alice", ALICE),
        ("EXAMPLE\\alice", ALICE),
        ("alice@example.test", ALICE),
        (f"UID=Alice, OU=people,{BASE}", f"UID=Alice, OU=people,{BASE}"),  # seen without a search
        (CAROL.lower(), CAROL),
        ("carol", CAROL),
    ],
)
async def test_every_form_of_a_name_binds_as_the_entry_that_was_found(
    door: Door, directory: Directory, name: str, found: str
) -> None:
    password = "singer" if found == CAROL else "wonderland"
    client = await WireClient.to(door.port)
    assert (await client.bind(name, f"{password},{CODE}")).code == Code.SUCCESS
    assert directory.binds() == [(found, password)]
    (login,) = door.journal.logins  # under the user's name if a DN was typed, else as typed
    assert (login.username.lower(), login.dn) == (("carol" if found == CAROL else "alice"), name) or (
        (login.username, login.dn) == (name, "") and "=" not in name
    )


@pytest.mark.parametrize(
    "name",
    ["nobody", "nobody@example.test", f"uid=nobody,ou=people,{BASE}", "uid=alice,dc=elsewhere,dc=test", "a=b=c",
     "=", "<GUID=0123>", f"uid=alice\\,ou=people,{BASE}", f"cn=nobody,{BASE}"],
)  # fmt: skip
async def test_whoever_is_not_found_is_refused_as_for_a_wrong_password(
    door: Door, directory: Directory, name: str
) -> None:
    client = await WireClient.to(door.port)
    wrong = await client.bind(ALICE, "wrong")
    unknown = await client.bind(name, f"wonderland,{CODE}")
    assert unknown == wrong and wrong.code == Code.INVALID_CREDENTIALS
    assert [name for name, _ in directory.binds()] == [ALICE] or name.startswith("uid=nobody")


async def test_the_directorys_own_words_reach_the_client_also_for_who_does_not_exist(
    door: Door, directory: Directory
) -> None:
    def refuse(_line: Line, envelope: Envelope) -> bytes | None:
        if envelope.tag != messages.BIND_REQUEST or b"cn=svc" in envelope.frame:
            return None
        refused = Result(Code.INVALID_CREDENTIALS, message=AD_TEXT)
        return seal(envelope.message_id, responses.encode_result(messages.BIND_RESPONSE, refused))

    directory.say = refuse
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, "wrong")).message == AD_TEXT
    assert (await client.bind("nobody", "wrong")).message == AD_TEXT
    assert [login.reason for login in door.journal.logins] == ["bad password", "unknown user"]


async def test_a_locked_accounts_text_is_not_what_strangers_hear(door: Door, directory: Directory) -> None:
    locked = AD_TEXT.replace("52e", "775")

    def refuse(_line: Line, envelope: Envelope) -> bytes | None:
        if envelope.tag != messages.BIND_REQUEST or b"cn=svc" in envelope.frame:
            return None
        refused = Result(Code.INVALID_CREDENTIALS, message=locked)
        return seal(envelope.message_id, responses.encode_result(messages.BIND_RESPONSE, refused))

    directory.say = refuse
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, "wrong")).message == locked
    assert (await client.bind("nobody", "wrong")).message == ""


async def test_controls_and_the_answer_pass_byte_for_byte(door: Door, directory: Directory) -> None:
    asked = encode_controls(Control(b"2.16.840.1.113730.3.4.16", False, None))
    answered = seal(77, responses.encode_result(messages.BIND_RESPONSE, Result(0, message="hello")) + asked)
    # a length in a form that we would not write ourselves
    answered = b"\x30\x81" + answered[1:2] + answered[2:]

    def answer(_line: Line, envelope: Envelope) -> bytes | None:
        return answered if envelope.controls == asked and envelope.message_id == 77 else None

    directory.say = answer
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), f"wonderland,{CODE}".encode()), asked, message_id=77)
    assert (await client.next()).frame == answered


# ---------------------------------------------------------------- the second factor


async def test_refused_second_factor_leaves_nobody_bound(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    refused = await client.bind(ALICE, "wonderland,999999")
    assert (refused.code, refused.message) == (Code.INVALID_CREDENTIALS, "Access denied.")
    assert directory.binds() == [(ALICE, "wonderland")]
    assert await client.who_am_i() == ""
    assert all(line.bound_as != ALICE for line in directory.lines)
    assert (await client.search(BASE))[1] == Code.INSUFFICIENT_ACCESS  # the directory's own answer to nobody


async def test_nothing_goes_to_the_directory_before_the_push_is_answered(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    client.send(Extended(messages.WHO_AM_I))
    assert await door.push() == "alice"
    heard = len(directory.heard)
    client.send(Extended(messages.WHO_AM_I))
    await until(lambda: door.server.pending == 1)
    assert len(directory.heard) == heard and client.heard == []
    door.decide("alice", approve=True)
    assert [(await client.next()).message_id for _ in range(3)] == [1, 2, 3]
    assert len(directory.heard) == heard + 2


async def test_denied_push_refuses_and_what_waited_is_asked_as_nobody(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), b"wonderland,push"))
    client.send(Extended(messages.WHO_AM_I))
    await door.push()
    door.decide("alice", approve=False)
    assert (await client.result()).code == Code.INVALID_CREDENTIALS
    assert (await client.result()).value == b""


@pytest.mark.parametrize("how", ["unbind", "hang up"])
async def test_a_client_that_leaves_takes_its_push_along(door: Door, directory: Directory, how: str) -> None:
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    assert any(line.bound_as == ALICE for line in directory.lines)
    if how == "unbind":
        client.send(Unbind())
        await client.gone()
    else:
        client.hang_up()
    (login,) = await door.logins(1)
    assert (login.result, login.reason) == ("reject", "the client gave up")
    await until(lambda: not door.server.callers and all(line.bound_as != ALICE for line in directory.lines))
    assert door.second_factor.pushes[0][1].called  # withdrawn


async def test_an_abandoned_bind_gets_no_answer_and_binds_nobody(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    bind = client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    client.send(Abandon(bind))
    (login,) = await door.logins(1)
    assert login.reason == "the client gave up"
    assert await client.who_am_i() == ""
    assert client.heard == []


async def test_another_bind_takes_the_place_of_the_one_being_decided(door: Door, directory: Directory) -> None:
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    client.send(SimpleBind(ALICE.encode(), f"wonderland,{CODE}".encode()))
    first, second = await client.next(), await client.next()
    assert (first.message_id, responses.decode_result(first).code) == (1, Code.OPERATIONS_ERROR)
    assert (second.message_id, responses.decode_result(second).code) == (2, Code.SUCCESS)
    assert [login.reason for login in door.journal.logins] == ["the client gave up", ""]
    assert await client.who_am_i() == f"dn:{ALICE}"


async def test_too_much_behind_a_pending_login_ends_the_connection(door: Door) -> None:
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    for _ in range(3):
        client.send(Extended(b"1.2.3", bytes(100_000)))
    assert (await notice_and_end(client)).code == Code.BUSY
    assert (await door.logins(1))[0].reason == "the client gave up"


async def test_a_login_ends_before_the_application_gives_up(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(appliance_timeout=0.2)
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, "wonderland")).code == Code.INVALID_CREDENTIALS
    assert door.journal.logins[0].reason == "no answer in time"
    assert await client.who_am_i() == ""


# ---------------------------------------------------------------- when the directory fails


async def test_a_directory_that_dies_during_the_second_factor_lets_nobody_in(
    door: Door, directory: Directory
) -> None:
    client = await WireClient.to(door.port)
    client.send(SimpleBind(ALICE.encode(), b"wonderland"))
    await door.push()
    directory.close()
    assert (await client.result()).code == Code.UNAVAILABLE
    assert await client.who_am_i() == ""


async def test_without_a_directory_binds_and_searches_are_told_so(door: Door, directory: Directory) -> None:
    await directory.shut()
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.UNAVAILABLE
    assert (await client.search(BASE)) == (0, Code.UNAVAILABLE)
    assert door.journal.logins[0].reason == "no answer from the primary server"
    directory.open()
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.SUCCESS


async def test_a_directory_that_does_not_answer_a_bind_is_unavailable(
    make_door: MakeDoor, directory: Directory
) -> None:
    door = make_door(settings_for(directory.port, timeout=0.5))
    directory.say = lambda _line, envelope: b"" if b"wonderland" in envelope.frame else None
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.UNAVAILABLE
    assert (await client.bind(BOB, f"builder,{CODE}")).code == Code.SUCCESS


async def test_a_bind_on_a_connection_that_the_directory_has_just_closed_is_sent_again(
    door: Door, directory: Directory
) -> None:
    client = await WireClient.to(door.port)
    assert await client.who_am_i() == ""  # opens the connection

    def once(line: Line, envelope: Envelope) -> bytes | None:
        if envelope.tag != messages.BIND_REQUEST or b"cn=svc" in envelope.frame:
            return None
        directory.say = lambda _line, _envelope: None
        line.drop()
        return b""

    directory.say = once
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.SUCCESS
    assert directory.binds() == [(ALICE, "wonderland")] * 2


async def test_failover_to_the_second_host(make_door: MakeDoor, directory: Directory) -> None:
    from tests.peers.ports import free_port

    hosts = (("127.0.0.1", free_port()), ("127.0.0.1", directory.port))
    door = make_door(settings_for(directory.port, hosts=hosts))
    client = await WireClient.to(door.port)
    assert (await client.bind("alice", f"wonderland,{CODE}")).code == Code.SUCCESS
    assert await client.who_am_i() == f"dn:{ALICE}"


# ---------------------------------------------------------------- who needs none


async def test_first_bind_is_exempt_and_the_second_is_a_login(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(exempt_primary_bind=True)
    client = await WireClient.to(door.port)
    assert (await client.bind(SERVICE, "svc-secret")).code == Code.SUCCESS
    assert (await client.search(BASE)) == (ENTRIES, 0)
    assert (await client.bind(ALICE, "wonderland,999999")).code == Code.INVALID_CREDENTIALS
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.SUCCESS
    assert [login.result for login in door.journal.logins] == ["reject", "accept"]


async def test_exempt_accounts_are_exempt_by_every_name(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(exempt_ous=(f"UID=BOB, ou=People,{BASE}",))
    client = await WireClient.to(door.port)
    assert (await client.bind(BOB, "builder")).code == Code.SUCCESS
    assert door.journal.logins == []
    assert (await client.bind("bob@example.test", "builder")).code == Code.SUCCESS
    assert [(login.factor, login.reason) for login in door.journal.logins] == [("exempt", "exempt_ou")]
    assert (await client.bind(ALICE, "wonderland,999999")).code == Code.INVALID_CREDENTIALS


async def test_searches_can_be_forbidden_after_a_users_bind(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(allow_searches_after_bind=False, exempt_ous=(SERVICE,))
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, f"wonderland,{CODE}")).code == Code.SUCCESS
    assert await client.search(BASE) == (0, Code.INSUFFICIENT_ACCESS)
    assert await client.who_am_i() == f"dn:{ALICE}"
    assert (await client.bind(SERVICE, "svc-secret")).code == Code.SUCCESS
    assert await client.search(BASE) == (ENTRIES, 0)


async def test_remembered_binds_skip_the_second_factor_but_not_the_password(
    make_door: MakeDoor, directory: Directory
) -> None:
    door = make_door(remember_bind_seconds=60)
    client = await WireClient.to(door.port)
    field = f"wonderland,{CODE}"
    assert (await client.bind(ALICE, field)).code == Code.SUCCESS
    assert (await client.bind(ALICE, field)).code == Code.SUCCESS
    other = await WireClient.to(door.port)
    assert (await other.bind(ALICE, field)).code == Code.SUCCESS
    assert [login.factor for login in door.journal.logins] == ["passcode", "remembered bind", "remembered bind"]
    assert directory.binds() == [(ALICE, "wonderland")] * 3
    assert (await other.bind(ALICE, f"wrong,{CODE}")).code == Code.INVALID_CREDENTIALS
    assert (await client.bind(ALICE, field)).code == Code.INVALID_CREDENTIALS  # forgotten; the code is used up


async def test_a_remembered_user_who_is_disabled_is_asked_again(make_door: MakeDoor, directory: Directory) -> None:
    door = make_door(remember_bind_seconds=60)
    client = await WireClient.to(door.port)
    assert (await client.bind(ALICE, f"wonderland,{OTHER_CODE}")).code == Code.SUCCESS
    door.welcome = False
    assert (await client.bind(ALICE, f"wonderland,{OTHER_CODE}")).code == Code.INVALID_CREDENTIALS
