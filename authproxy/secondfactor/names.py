"""User names: when two spellings mean the same user."""

from __future__ import annotations

import unicodedata


def normalize(username: str, mode: str = "simple") -> str:
    """The key by which a user is stored and found.

    ``simple``: ``DOMAIN\\alice``, ``alice@example.com`` and `` ALICE `` are all ``alice``.
    ``none``: the domain stays; case, surrounding blanks and Unicode's compatibility forms never matter.
    The result is empty only if the name was blank.
    """
    name = username.strip()
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode("utf-8"))
    if mode == "simple":
        name = name.rpartition("\\")[2].strip() or name
        name = name.partition("@")[0].strip() or name
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name.casefold())
