"""Where a gateway is told to report: addresses of our web side that only it knows. Pure.

What makes them secret is in the query, which is never logged.
"""

from __future__ import annotations

import hmac
import secrets

from authproxy.messaging.gateway import CallUrls

_BYTES = 20


class Addresses:
    def __init__(self, base_url: str, key: bytes) -> None:
        """``base_url``: empty: there is no web side. ``key``: proves that an address was given by us."""
        self._base_url = base_url
        self._key = key

    def of_message(self, row: int) -> str:
        """Empty without a web side."""
        return f"{self._base_url}/telephony/sms?row={row}&token={self._token(row)}" if self._base_url else ""

    def row_of(self, row: str, token: str) -> int | None:
        """The row that an address names; None if it is none of ours."""
        if not (row.isascii() and row.isdigit() and len(row) < 16):
            return None
        offered = token.encode("utf-8", "replace")
        return int(row) if hmac.compare_digest(self._token(int(row)).encode(), offered) else None

    def of_call(self, token: str) -> CallUrls:
        answer, key, status = (
            f"{self._base_url}/telephony/call/{step}?token={token}" for step in ("answer", "key", "status")
        )
        return CallUrls(answer, key, status)

    def _token(self, row: int) -> str:
        return hmac.digest(self._key, f"sms {row}".encode(), "sha256")[:_BYTES].hex()


def new_token() -> str:
    """Of one call."""
    return secrets.token_hex(_BYTES)
