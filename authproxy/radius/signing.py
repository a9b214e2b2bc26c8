"""Whether a request without Message-Authenticator is served (``force_message_authenticator``). Pure.

Without that attribute an attacker between appliance and server can forge answers (CVE-2024-3596,
"BlastRADIUS"), above all by a Proxy-State of their choosing. In ``auto`` a client is judged by what it has shown:
once it has signed an Access-Request it must go on signing; and a client whose first unsigned request had no
Proxy-State is no proxy, so that later unsigned requests that have one are dropped. The second rule is the
one FreeRADIUS publishes as ``limit_proxy_state = auto``.
"""

from __future__ import annotations

from typing import Final

from authproxy.config.settings import RequireMessageAuthenticator

NO_SIGNATURE: Final = "no Message-Authenticator (force_message_authenticator=yes)"
NO_SIGNATURE_ANY_MORE: Final = "no Message-Authenticator, though this client has sent it before"
UNEXPECTED_PROXY_STATE: Final = "Proxy-State without Message-Authenticator from a client that is no proxy"

_MOST_SIGNING = 16_384
_MOST_UNSIGNING = 4_096


class SigningRule:
    """Remembers, by address and within bounds, what clients have shown."""

    def __init__(self, rule: RequireMessageAuthenticator) -> None:
        self._rule = rule
        self._signing: dict[str, None] = {}
        self._is_proxy: dict[str, bool] = {}

    def learn(self, other: SigningRule) -> None:
        """What another one has seen of the same clients counts here, too."""
        if self._rule is RequireMessageAuthenticator.AUTO:
            self.restore(*other.seen())

    def seen(self) -> tuple[list[str], dict[str, bool]]:
        """Who signs; and who does not, with whether it is a proxy."""
        return list(self._signing), dict(self._is_proxy)

    def restore(self, signing: list[str], is_proxy: dict[str, bool]) -> None:
        """What ``seen`` gave."""
        self._signing.update(dict.fromkeys(signing))
        self._is_proxy.update(is_proxy)

    def note_signed(self, address: str) -> bool:
        """An Access-Request with a right signature has come. True for the first one of this client."""
        if address in self._signing or self._rule is not RequireMessageAuthenticator.AUTO:
            return False
        _make_room(self._signing, _MOST_SIGNING)
        self._signing[address] = None
        self._is_proxy.pop(address, None)
        return True

    def is_first_unsigned(self, address: str) -> bool:
        """In ``auto``: nothing is known yet of a client that now does not sign."""
        is_unknown = address not in self._is_proxy and address not in self._signing
        return is_unknown and self._rule is RequireMessageAuthenticator.AUTO

    def refuse_unsigned(self, address: str, has_proxy_state: bool) -> str | None:
        """Why an unsigned Access-Request is dropped; None when it is served."""
        if self._rule is RequireMessageAuthenticator.NO:
            return None
        if self._rule is RequireMessageAuthenticator.YES:
            return NO_SIGNATURE
        if address in self._signing:
            return NO_SIGNATURE_ANY_MORE
        if address not in self._is_proxy:
            _make_room(self._is_proxy, _MOST_UNSIGNING)
            self._is_proxy[address] = has_proxy_state
        if has_proxy_state and not self._is_proxy[address]:
            return UNEXPECTED_PROXY_STATE
        return None


def _make_room(table: dict[str, None] | dict[str, bool], most: int) -> None:
    if len(table) >= most:
        del table[next(iter(table))]
