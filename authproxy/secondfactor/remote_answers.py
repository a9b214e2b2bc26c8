"""What a remote service's answers say, in our words. Pure; nothing in an answer is believed to be of its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authproxy.model import (
    ACCESS_DENIED,
    SUCCESS,
    Allowed,
    Factor,
    JsonValue,
    Reason,
    Refused,
    Verdict,
)
from authproxy.secondfactor.authapi import ApiDevice, Preauth, Progress

WAITING: Final = "waiting"
_LONGEST_MESSAGE, _LONGEST_NAME, _LONGEST_ID = 400, 40, 64
_MOST_DEVICES = 99
_REASONS = {
    "timeout": Reason.TIMED_OUT,
    "fraud": Reason.PUSH_FRAUD,
    "locked_out": Reason.USER_LOCKED_OUT,
}
_DENIED = {
    Factor.PUSH: Reason.PUSH_DENIED,
    Factor.PHONE: Reason.CALL_DENIED,
    Factor.PASSCODE: Reason.BAD_PASSCODE,
    Factor.SMS: Reason.NO_PASSCODE,
}


def read_preauth(response: Mapping[str, JsonValue]) -> Preauth:
    """``result`` is empty when the answer has none."""
    found = response.get("devices")
    devices = (_device(entry) for entry in (found if isinstance(found, list) else [])[:_MOST_DEVICES])
    return Preauth(
        result=_text(response.get("result")),
        message=_text(response.get("status_msg")),
        devices=tuple(device for device in devices if device is not None),
        enroll_portal_url=_text(response.get("enroll_portal_url")),
    )


def read_progress(response: Mapping[str, JsonValue]) -> Progress:
    """``result`` is empty when the answer has none."""
    return Progress(
        _text(response.get("result")), _text(response.get("status")), _text(response.get("status_msg"))
    )


def read_txid(response: Mapping[str, JsonValue]) -> str:
    """Empty when there is none."""
    txid = response.get("txid")
    return txid if isinstance(txid, str) and len(txid) <= 4 * _LONGEST_ID and txid.isascii() else ""


def verdict_of(progress: Progress, factor: Factor, device: str = "") -> Verdict:
    """What a decided factor means. Only the result counts, and only ``allow`` lets anybody in."""
    if progress.result == "allow":
        return Allowed(factor, progress.message or SUCCESS, device)
    if progress.result != "deny":
        return Refused(Reason.SERVICE_DENIED, factor=factor, detail=f"its result was {progress.result!r}")
    reason = _REASONS.get(progress.status, _DENIED[factor])
    return Refused(reason, progress.message or ACCESS_DENIED, factor, progress.status)


def _device(entry: JsonValue) -> ApiDevice | None:
    """None: it can't be asked for by a name."""
    if not isinstance(entry, dict):
        return None
    id_, capabilities = entry.get("device"), entry.get("capabilities")
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID or not (id_.isascii() and id_.isprintable()):
        return None
    known = [word for word in capabilities if isinstance(word, str)] if isinstance(capabilities, list) else []
    return ApiDevice(
        device=id_,
        type=_text(entry.get("type"), _LONGEST_NAME),
        name=_text(entry.get("name"), _LONGEST_NAME),
        display_name=_text(entry.get("display_name"), _LONGEST_NAME),
        number=_text(entry.get("number"), _LONGEST_NAME),
        capabilities=tuple(known),
        sms_nextcode=_text(entry.get("sms_nextcode"), 4),
    )


def _text(value: JsonValue, longest: int = _LONGEST_MESSAGE) -> str:
    """One bounded, printable line; empty for what is no text."""
    line = " ".join(value[: 2 * longest].split()) if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in line[:longest])
