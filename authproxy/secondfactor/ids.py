"""IDs of what the service keeps: two letters for the kind, then random characters."""

from __future__ import annotations

import base64
import secrets

_RANDOM_BYTES, _LENGTH = 12, 18


def new_id(kind: str) -> str:
    """``kind``: ``DU`` user, ``DP`` phone, ``DH`` token or code generator, ``DB`` bypass code, ``DG`` group,
    ``DI`` application, ``DE`` administrator. Twenty characters in all, as clients of the service expect them."""
    return kind + base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii")[:_LENGTH]
