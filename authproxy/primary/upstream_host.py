"""What ``[radius_client]`` logins need of the client that asks upstream servers."""

from __future__ import annotations

from typing import Protocol

from authproxy.radius.packet import NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS
from authproxy.radius.pending import Body, UpstreamReply

_OURS = frozenset((NAS_IP_ADDRESS, NAS_IDENTIFIER, NAS_IPV6_ADDRESS))  # the client sends its own


class AsksUpstream(Protocol):
    """``radius.client.UpstreamClient``, as far as it is needed here."""

    async def exchange(self, code: int, body: Body, host: str = "") -> UpstreamReply:
        """Raises PrimaryUnavailable, or PacketError when ``body`` does not fit into a packet. ``host``: ask the
        one that gave an earlier reply, and no other."""
        ...


def not_ours(attributes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Without what says who asks: that is us."""
    return tuple(raw for raw in attributes if raw[0] not in _OURS)
