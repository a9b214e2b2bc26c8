"""Whether one upstream host must sign its replies with Message-Authenticator (CVE-2024-3596). Pure."""

from __future__ import annotations

from authproxy.config.settings import RequireMessageAuthenticator
from authproxy.radius.packet import ACCESS_ACCEPT, ACCESS_REQUEST, EAP_MESSAGE, Packet


class ReplySigning:
    """YES and NO are fixed. AUTO: once the host has signed a reply to an Access-Request, it always must.

    EAP replies and answers to Status-Server prove nothing: servers sign these that sign no others.
    """

    __slots__ = ("_has_warned", "_is_learning", "is_required")

    def __init__(self, wanted: RequireMessageAuthenticator) -> None:
        self.is_required = wanted is RequireMessageAuthenticator.YES
        self._is_learning = wanted is RequireMessageAuthenticator.AUTO
        self._has_warned = False

    def is_to_be_warned_of(self, request_code: int, reply: Packet) -> bool:
        """Notes a verified reply. True for the host's first Access-Accept that could have been forged."""
        if reply.is_signed:
            if self._is_learning and request_code == ACCESS_REQUEST and reply.first(EAP_MESSAGE) is None:
                self.is_required, self._is_learning = True, False
            return False
        if self._has_warned or reply.code != ACCESS_ACCEPT or request_code != ACCESS_REQUEST:
            return False
        self._has_warned = True
        return True
