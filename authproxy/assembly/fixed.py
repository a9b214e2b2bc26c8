"""What can't be changed while the daemon runs: whatever rooms besides the server sections began with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from authproxy.config.settings import Settings, WebSettings

_CHANGEABLE = frozenset(
    ("path", "main", "clients", "radius_servers", "ldap_servers", "http_proxies", "unsupported")
)


def fixed_differences(running: Settings, wanted: Settings) -> list[str]:
    """The options that would need a restart: ``[service] database``, without their values."""
    return [
        f"[{each.name}]{option}"
        for each in fields(Settings)
        if each.name not in _CHANGEABLE
        for option in _differing(getattr(running, each.name), getattr(wanted, each.name))
    ]


def _differing(before: object, after: object) -> Iterator[str]:
    """`` option``, or nothing more than that there is a difference."""
    if before == after:
        return
    if not is_dataclass(before) or not is_dataclass(after):
        yield ""
        return
    for each in fields(before):
        was, wanted = getattr(before, each.name), getattr(after, each.name)
        if is_dataclass(was) and is_dataclass(wanted):
            yield from _differing(was, wanted)
        elif was != wanted:
            yield from _options(each.name, wanted if was is None else was)


def _options(name: str, value: object) -> Iterator[str]:
    """The option; or, for a whole side that is turned on or off (the web's), what was given of it."""
    if not isinstance(value, WebSettings):
        yield f" {name}"
        return
    yield from (f" {each.name}" for each in fields(value) if getattr(value, each.name) != each.default)
