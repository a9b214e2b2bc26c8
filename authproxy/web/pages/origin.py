"""Where a request was made: what changes something must come from a page of this very host.

Sec-Fetch-Site is a header that no script can set (Fetch Metadata, W3C); Origin is sent with every POST (RFC 6454).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

SAFE_METHODS: Final = frozenset(("GET", "HEAD"))


def is_own(headers: Mapping[str, str]) -> bool:
    """``headers``: names in lower case."""
    origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "")
    if site not in ("", "same-origin"):
        return False
    if origin in ("", "null"):  # a page whose referrer policy hides it
        return site == "same-origin"
    return urlsplit(origin).scheme == "https" and urlsplit(origin).netloc == headers.get("host", "")
