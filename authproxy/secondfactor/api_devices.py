"""What the Auth API lists of a user: devices, and a menu for clients that show text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from authproxy.model import Factor
from authproxy.secondfactor.account import Device
from authproxy.secondfactor.api_words import word
from authproxy.secondfactor.authapi import ApiDevice
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.menu import menu_text
from authproxy.secondfactor.prompts import menu_lines, option
from authproxy.secondfactor.reach import OUT_OF_BAND, Lines, Phone, can, first_choice, masked

_LONGEST_PROMPT = 500  # bytes; PAM takes 511, and a colon follows


def api_devices(
    known: Known, factors: Sequence[Factor], lines: Lines, generators: Collection[str]
) -> tuple[ApiDevice, ...]:
    """Phones first, then what makes codes by itself. ``generators``: the phones whose app makes codes."""
    tokens = known.devices if Factor.PASSCODE in factors else ()
    return (
        *(_phone(phone, known, factors, lines, phone.id in generators) for phone in known.phones),
        *(_token(device) for device in tokens if device.origin != "phone"),
    )


def _phone(phone: Phone, known: Known, factors: Sequence[Factor], lines: Lines, makes_codes: bool) -> ApiDevice:
    usable = [factor for factor in OUT_OF_BAND if factor in factors and can(phone, factor, lines)]
    is_auto = Factor.PUSH in usable or Factor.PHONE in usable
    words = ["auto"] if is_auto else []
    words += [str(factor) for factor in (Factor.PUSH, Factor.SMS, Factor.PHONE) if factor in usable]
    if makes_codes and Factor.PASSCODE in factors:
        words.append("mobile_otp")
    number = masked(phone.number)
    shown = phone.name or phone.platform or phone.type
    return ApiDevice(
        phone.id,
        "phone",
        phone.name,
        f"{shown} ({number})" if number else shown,
        number,
        tuple(words),
        known.hint(Factor.SMS, phone.id),
    )


def _token(device: Device) -> ApiDevice:
    return ApiDevice(device.id, "token", device.serial or device.name, device.label, "", ())


def text_menu(
    known: Known, factors: Sequence[Factor], lines: Lines, is_verified: bool = False
) -> tuple[str, dict[str, str]]:
    """The prompt, and what its numbers stand for; ``default`` is what needs nothing typed, if anything does. What
    doesn't fit into a message of PAM is left out at the end; it can still be typed (``sms3``)."""
    takes_passcode = Factor.PASSCODE in factors
    shown = menu_lines(known.phones, factors, lines, has_approver=False)
    options = [option(line, phone, known.hint(line.factor, line.phone_id)) for line, phone in shown]
    text = menu_text(known.username, options, takes_passcode)
    while len(text.encode()) > _LONGEST_PROMPT:
        options.pop()
        text = menu_text(known.username, options, takes_passcode)
    words = {
        str(position): word(line.factor, line.number, is_verified)
        for position, (line, _) in enumerate(shown[: len(options)], 1)
    }
    first = first_choice(known.phones, factors, lines)
    if first is not None and first.factor is not None:
        words["default"] = word(first.factor, first.number, is_verified)
    elif words:
        words["default"] = words["1"]
    return text, words
