"""Platforms of phones: as requests name them, and as answers show them. Pure."""

from __future__ import annotations

from typing import Final

from authproxy.secondfactor.refusals import BadValue

_SHOWN: Final = {
    "unknown": "Unknown",
    "google android": "Google Android",
    "apple ios": "Apple iOS",
    "windows phone 7": "Windows Phone 7",
    "windows phone": "Windows Phone",
    "rim blackberry": "RIM Blackberry",
    "java j2me": "Java J2ME",
    "palm webos": "Palm WebOS",
    "symbian os": "Symbian OS",
    "windows mobile": "Windows Mobile",
    "generic smartphone": "Generic Smartphone",
}
_OURS: Final = {"ios": "apple ios", "android": "google android", "": "unknown"}


def shown(platform: str) -> str:
    word = platform.strip().lower()
    return _SHOWN.get(_OURS.get(word, word), platform)


def checked(platform: str) -> str:
    """Raises BadValue."""
    word = platform.strip().lower()
    if word not in _SHOWN:
        raise BadValue(f"{platform[:50]!r} is no platform; wanted {', '.join(_SHOWN)}")
    return word


def is_known(platform: str) -> bool:
    """Whether an app can be offered for it."""
    return shown(platform) != _SHOWN["unknown"]
