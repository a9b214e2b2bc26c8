"""No connection ever acts as somebody who did not bind on it with password and second factor: two hundred users
at once, who err, hang up, change their minds and send several things at a time. Behind the door is a real slapd.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.ldap import messages, requests, responses
from authproxy.ldap.filters import Present
from authproxy.ldap.messages import seal
from authproxy.ldap.requests import Abandon, Extended, SaslBind, Scope, Search, SimpleBind, Unbind
from authproxy.ldap.responses import Code, Result
from authproxy.secret import Secret
from tests.ldap_front.door import Door, until
from tests.ldap_front.wire import WireClient
from tests.peers.slapd import PEOPLE, Slapd

USERS = 200
FIRST = 21  # those before have special accounts
STEPS = 12
WHO_AM_I = Extended(messages.WHO_AM_I)


class Person(NamedTuple):
    name: str
    dn: str
    password: str
    codes: Iterator[str]

    @classmethod
    def numbered(cls, number: int) -> Person:
        name = f"user{number:04d}"
        return cls(name, f"uid={name},{PEOPLE}", f"pw-{number:04d}", iter(CODES))


CODES = [f"{number:06d}" for number in range(100, 400)]


class Visitor:
    """One connection, and who it must stand for by now: a DN, or ``""``."""

    def __init__(self, chance: Random, door: Door, home: Person, people: list[Person], slapd: Slapd) -> None:
        self._chance = chance
        self._door = door
        self._home = home  # whose pushes are this visitor's
        self._people = people
        self._service = (slapd.service_dn, slapd.service_password)
        self.is_expected = ""
        self.seen = 0

    async def visit(self) -> None:
        await self._come()
        for _ in range(STEPS):
            step = self._chance.choice((
                self._log_in, self._log_in, self._err, self._serve, self._all_at_once, self._push,
                self._change_mind, self._leave,
            ))  # fmt: skip
            await step()
            await self._look_around()
        self._client.hang_up()

    async def _come(self) -> None:
        self._client = await WireClient.to(self._door.port)
        self.is_expected = ""

    def _anybody(self) -> Person:
        return self._chance.choice(self._people)

    def _name(self, person: Person) -> str:
        return self._chance.choice((person.dn, person.name, f"{person.name}@example.test", person.dn.upper()))

    # ------------------------------------------------------------ steps

    async def _log_in(self) -> None:
        person = self._anybody()
        result = await self._client.bind(self._name(person), f"{person.password},{next(person.codes)}")
        assert result.code == Code.SUCCESS, result
        self.is_expected = person.dn

    async def _err(self) -> None:
        person = self._anybody()
        wrong = self._chance.choice((
            SimpleBind(self._name(person).encode(), f"{person.password},999999".encode()),
            SimpleBind(self._name(person).encode(), f"{self._anybody().name},{next(person.codes)}".encode()),
            SimpleBind(person.dn.encode(), b""),
            SimpleBind(f"uid=nobody,{PEOPLE}".encode(), person.password.encode()),
            SimpleBind(b"nobody", person.password.encode()),
            SaslBind(b"", b"PLAIN", b"\0" + person.name.encode() + b"\0" + person.password.encode()),
        ))  # fmt: skip
        assert (await self._ask(wrong)).code != Code.SUCCESS
        self.is_expected = ""

    async def _serve(self) -> None:
        assert (await self._client.bind(*self._service)).code == Code.SUCCESS
        self.is_expected = self._service[0]

    async def _all_at_once(self) -> None:
        """Several binds and questions in one piece; what was asked behind a bind is answered as it went. A bind
        may leave what was asked before without an answer (RFC 4511 4.2.1)."""
        one, other = self._anybody(), self._anybody()
        is_right = self._chance.random() < 0.5
        code = next(other.codes) if is_right else "999999"
        first = self._client.send(WHO_AM_I)
        self._client.send(SimpleBind(one.dn.encode(), f"{one.password},999999".encode()))
        second = self._client.send(WHO_AM_I)
        self._client.send(SimpleBind(other.dn.encode(), f"{other.password},{code}".encode()))
        third = self._client.send(WHO_AM_I)
        said: dict[int, Result] = {}
        while third not in said:
            envelope = await self._client.next()
            said[envelope.message_id] = responses.decode_result(envelope)
        assert first not in said or _name_in(said[first]) == self.is_expected
        assert second not in said or _name_in(said[second]) == ""
        self.is_expected = other.dn if is_right else ""
        assert _name_in(said[third]) == self.is_expected

    async def _push(self) -> None:
        home = self._home
        bind = self._client.send(SimpleBind(home.dn.encode(), home.password.encode()))
        await self._until_asked()
        question = self._client.send(WHO_AM_I) if self._chance.random() < 0.3 else 0
        approve = self._chance.random() < 0.5
        self._door.second_factor.decide(home.name, approve)
        assert (await self._answer_to(bind)).code == (Code.SUCCESS if approve else Code.INVALID_CREDENTIALS)
        self.is_expected = home.dn if approve else ""
        if question:
            assert _name_in(await self._answer_to(question)) == self.is_expected

    async def _change_mind(self) -> None:
        """While a push is waited for: abandons it, binds as somebody else, or hangs up; then it is approved."""
        home = self._home
        bind = self._client.send(SimpleBind(home.dn.encode(), home.password.encode()))
        if self._chance.random() < 0.8:
            await self._until_asked()
        self.is_expected = ""
        match self._chance.randrange(3):
            case 0:
                self._client.send(Abandon(bind))
                await until(lambda: all(waiting.called for name, waiting in self._pushes if name == home.name))
            case 1:
                person = self._anybody()
                field = f"{person.password},{next(person.codes)}"
                other = self._client.send(SimpleBind(person.dn.encode(), field.encode()))
                assert (await self._answer_to(bind)).code == Code.OPERATIONS_ERROR
                assert (await self._answer_to(other)).code == Code.SUCCESS
                self.is_expected = person.dn
            case _:
                self._client.hang_up()
                await self._come()
        self._door.second_factor.decide(home.name, approve=True)

    async def _until_asked(self) -> None:
        await until(lambda: any(name == self._home.name for name, _ in self._pushes), 15)

    @property
    def _pushes(self) -> list[tuple[str, Deferred[bool]]]:
        return self._door.second_factor.pushes

    async def _leave(self) -> None:
        match self._chance.randrange(3):
            case 0:
                self._client.hang_up()
            case 1:
                self._client.send(Unbind())
                await self._client.gone()
            case _:  # in the midst of a request
                self._client.send_bytes(seal(1, requests.encode(SimpleBind(self._home.dn.encode(), b"x")))[:-3])
                await deferLater(reactor, self._chance.random() / 100, lambda: None)
                self._client.hang_up()
        await self._come()

    # ------------------------------------------------------------ who it is

    async def _look_around(self) -> None:
        assert _name_in(await self._ask(WHO_AM_I)) == self.is_expected
        mine = next((person for person in self._people if person.dn == self.is_expected), None)
        for person in {mine or self._home, self._anybody()}:
            assert await self._description(person) is (person is mine)
        self.seen += 1

    async def _ask(self, request: requests.Request) -> Result:
        return await self._answer_to(self._client.send(request))

    async def _answer_to(self, message_id: int) -> Result:
        envelope = await self._client.next()
        assert envelope.message_id == message_id
        return responses.decode_result(envelope)

    async def _description(self, person: Person) -> bool:
        """Whether it can be read: each user's own alone."""
        self._client.send(Search(person.dn.encode(), Scope.BASE, Present("objectClass"), (b"description",)))
        found = b""
        while (envelope := await self._client.next()).tag == messages.SEARCH_ENTRY:
            found = envelope.frame
        return f"only for {person.name}".encode() in found


def _name_in(result: Result) -> str:
    assert result.code == Code.SUCCESS, result
    return (result.value or b"").decode().removeprefix("dn:")


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd") / "peer", users=FIRST + USERS) as peer:
        yield peer


async def test_no_connection_acts_as_anybody_who_did_not_log_in_on_it(slapd: Slapd, tmp_path: Path) -> None:
    people = [Person.numbered(number) for number in range(FIRST, FIRST + USERS)]
    settings = AdClientSettings(
        "ad_client", (("127.0.0.1", slapd.port),), slapd.base, "", Secret(slapd.service_password), AuthType.PLAIN,
        bind_dn=slapd.service_dn, username_attribute="uid", at_attribute="mail", timeout=30.0,
    )  # fmt: skip
    door = Door(settings, tuple(person.name for person in people), exempt_ous=(slapd.service_dn,))
    for user in door.second_factor._users.values():
        user.codes = set(CODES)
    chance = Random(1)
    visitors = [Visitor(Random(chance.random()), door, home, people, slapd) for home in people]
    try:
        await gatherResults([Deferred.fromCoroutine(visitor.visit()) for visitor in visitors], consumeErrors=True)
        assert sum(visitor.seen for visitor in visitors) == USERS * STEPS
        await until(lambda: not door.server.callers)
        assert {login.result for login in door.journal.logins} == {"accept", "reject"}
    finally:
        await door.close()
