"""Where an upstream host is, as its name's addresses change and the name service fails."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.task import Clock
from zope.interface import implementer

from authproxy.radius.names import HostAddress
from authproxy.radius.pending import NoAnswer


@implementer(IHostnameResolver)
class NameService:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def resolveHostName(self, receiver: Any, hostName: str, **_options: Any) -> None:  # type: ignore[override] # noqa: N803
        self.asked.append(receiver)

    def answer(self, *addresses: str) -> None:
        receiver = self.asked.pop()
        for address in addresses:
            receiver.addressResolved(IPv4Address("UDP", address, 0))
        receiver.resolutionComplete()


class Bench:
    def __init__(self, name: str = "radius.example.com") -> None:
        self.clock = Clock()
        self.names = NameService()
        self.host = HostAddress(name, self.clock, self.names, 8.0)

    def get(self) -> Deferred[str]:
        return Deferred.fromCoroutine(self.host.get())


@pytest.mark.parametrize("literal", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
@pytest_twisted.ensureDeferred
async def test_address_is_not_looked_up(literal: str) -> None:
    bench = Bench(literal)
    assert await bench.get() == literal
    bench.host.failed()
    assert bench.names.asked == []


@pytest_twisted.ensureDeferred
async def test_many_logins_share_the_first_look_up() -> None:
    bench = Bench()
    waiting = [bench.get() for _ in range(3)]
    impatient = waiting.pop()
    impatient.cancel()
    with pytest.raises(CancelledError):
        await impatient
    assert len(bench.names.asked) == 1
    bench.names.answer("192.0.2.1", "192.0.2.2")
    assert [await one for one in waiting] == ["192.0.2.1"] * 2
    assert bench.clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_name_is_looked_up_anew_after_a_minute_without_keeping_anybody_waiting() -> None:
    bench = Bench()
    first = bench.get()
    bench.names.answer("192.0.2.1")
    assert await first == "192.0.2.1"
    bench.clock.advance(59.0)
    assert await bench.get() == "192.0.2.1"
    assert bench.names.asked == []
    bench.clock.advance(1.0)
    assert await bench.get() == "192.0.2.1"
    bench.names.answer("192.0.2.9")
    assert await bench.get() == "192.0.2.9"


@pytest_twisted.ensureDeferred
async def test_silent_host_is_looked_up_at_once_and_its_next_address_tried() -> None:
    bench = Bench()
    first = bench.get()
    bench.names.answer("192.0.2.1", "192.0.2.2")
    await first
    bench.host.failed()
    bench.names.answer("192.0.2.1", "192.0.2.2")
    assert await bench.get() == "192.0.2.2"


@pytest_twisted.ensureDeferred
async def test_last_address_is_kept_while_the_name_service_fails() -> None:
    bench = Bench()
    first = bench.get()
    bench.names.answer("192.0.2.1")
    await first
    bench.clock.advance(60.0)
    assert await bench.get() == "192.0.2.1"
    bench.names.answer()
    assert await bench.get() == "192.0.2.1"


@pytest_twisted.ensureDeferred
async def test_name_without_address_and_silent_name_service_are_told_apart() -> None:
    bench = Bench()
    unknown = bench.get()
    bench.names.answer()
    with pytest.raises(NoAnswer, match=r"radius\.example\.com: the name service knows no address"):
        await unknown
    silent = bench.get()
    bench.clock.advance(8.0)
    with pytest.raises(NoAnswer, match="did not answer in 8 s"):
        await silent
    again = bench.get()
    bench.names.answer("192.0.2.1")
    assert await again == "192.0.2.1"
