"""Where an upstream host is: its address, looked up again every minute and when the host stops answering."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from authproxy.radius.pending import NoAnswer

LIFETIME = 60.0


@implementer(IResolutionReceiver)
class _Lookup:
    """One question to the resolver; ``done`` fires with the addresses, best first, perhaps none."""

    def __init__(self) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._found: list[str] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N803
        return

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address) and address.host not in self._found:
            self._found.append(address.host)

    def resolutionComplete(self) -> None:
        self.done.callback(self._found)


class HostAddress:
    """The current address of ``name``, which may be an address itself.

    An address that was once found is used while it is looked up anew, and kept when the name service fails.
    """

    def __init__(self, name: str, clock: IReactorTime, names: IHostnameResolver, timeout: float) -> None:
        self._name = name
        self._clock = clock
        self._names = names
        self._timeout = timeout
        self._is_literal = isIPAddress(name) or isIPv6Address(name)
        self._address: str | None = name if self._is_literal else None
        self._found_at = 0.0
        self._has_failed = False
        self._is_looking = False
        self._waiting: list[Deferred[str]] = []

    async def get(self) -> str:
        """Raises NoAnswer when the name can't be resolved within ``timeout`` seconds."""
        address = self._address
        if self._is_literal:
            assert address is not None
            return address
        if address is None or self._clock.seconds() - self._found_at >= LIFETIME:
            self._look_up()
            address = self._address
        return address if address is not None else await self._wait()

    def failed(self) -> None:
        """The host at the current address does not answer: look the name up again."""
        if not self._is_literal and self._address is not None:
            self._has_failed = True
            self._look_up()

    async def _wait(self) -> str:
        if not self._is_looking:  # the resolver answered at once, and with nothing
            raise self._unknown()
        found: Deferred[str] = Deferred()
        self._waiting.append(found)
        found.addTimeout(self._timeout, self._clock)
        try:
            return await found
        except DeferredTimeout as error:
            raise NoAnswer(f"{self._name}: the name service did not answer in {self._timeout:g} s") from error
        finally:
            if found in self._waiting:
                self._waiting.remove(found)

    def _look_up(self) -> None:
        if self._is_looking:
            return
        self._is_looking = True
        lookup = _Lookup()
        lookup.done.addCallback(self._looked_up)
        self._names.resolveHostName(
            lookup, self._name, addressTypes=[IPv4Address, IPv6Address], transportSemantics="UDP"
        )

    def _looked_up(self, found: Sequence[str]) -> None:
        self._is_looking = False
        self._found_at = self._clock.seconds()
        self._address = self._choose(found)
        self._has_failed = False
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            if self._address is not None:
                deferred.callback(self._address)
            else:
                deferred.errback(self._unknown())

    def _choose(self, found: Sequence[str]) -> str | None:
        """Stays with an address that works; moves on to the next one of several when it doesn't."""
        if not found:
            return self._address
        if self._address not in found:
            return found[0]
        step = 1 if self._has_failed else 0
        return found[(found.index(self._address) + step) % len(found)]

    def _unknown(self) -> NoAnswer:
        return NoAnswer(f"{self._name}: the name service knows no address for this name")
