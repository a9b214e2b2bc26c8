"""IDs of what the service keeps: two letters for the kind, then random characters."""

from __future__ import annotations

import base64
import secrets

_RANDOM_BYTES = 10


def new_id(kind: str) -> str:
    """``kind``: ``US`` user, ``DV`` device, ``BC`` bypass code, ``GR`` group."""
    return kind + base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii")
