"""Which device of a remote service's user is meant by ``push2``, and what the menu offers. Pure.

Devices are numbered factor by factor in the service's order: ``phone2`` is the second that can be called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from authproxy.model import Choice, Factor, JsonValue
from authproxy.secondfactor.authapi import ApiDevice
from authproxy.secondfactor.menu import Option

_OUT_OF_BAND = (Factor.PUSH, Factor.PHONE, Factor.SMS)


def capable(devices: Sequence[ApiDevice], factor: Factor) -> list[ApiDevice]:
    return [device for device in devices if factor in device.capabilities]


def pick(devices: Sequence[ApiDevice], factor: Factor, number: int) -> ApiDevice | None:
    found = capable(devices, factor)
    return found[number - 1] if 1 <= number <= len(found) else None


def first_choice(devices: Sequence[ApiDevice], factors: Sequence[Factor]) -> Choice | None:
    """What ``auto`` comes to: the first allowed factor that reaches somebody without anything being typed."""
    usable = (factor for factor in factors if factor in (Factor.PUSH, Factor.PHONE) and capable(devices, factor))
    return next((Choice(factor) for factor in usable), None)


def options(devices: Sequence[ApiDevice], factors: Sequence[Factor]) -> list[Option]:
    """The lines of the menu."""
    return [
        Option(factor, number, _line(device, factor))
        for factor in _OUT_OF_BAND
        if factor in factors
        for number, device in enumerate(capable(devices, factor), 1)
    ]


def label(device: ApiDevice) -> str:
    """How its user knows it."""
    return device.number or device.display_name or device.name or "your device"


def _line(device: ApiDevice, factor: Factor) -> str:
    if factor is Factor.SMS and device.sms_nextcode:
        return f"{label(device)[:32]} (next code starts with: {device.sms_nextcode})"
    return label(device)


# ---------------------------------------------------------------- across a challenge


def to_json(devices: Sequence[ApiDevice]) -> list[JsonValue]:
    """What an answer to the menu must still know of them."""
    return [
        [device.device, label(device), device.sms_nextcode, *device.capabilities]
        for device in devices
        if any(factor in device.capabilities for factor in _OUT_OF_BAND)
    ]


def from_json(kept: Mapping[str, JsonValue]) -> tuple[ApiDevice, ...]:
    rows = kept.get("devices")
    assert isinstance(rows, list)
    return tuple(_kept(row) for row in rows)


def _kept(row: JsonValue) -> ApiDevice:
    assert isinstance(row, list)
    id_, name, nextcode, *capabilities = map(str, row)
    return ApiDevice(id_, "", "", name, "", tuple(capabilities), nextcode)
