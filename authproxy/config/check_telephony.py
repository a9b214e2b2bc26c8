"""``[telephony]``: what the gateway of one's choice needs, and what belongs to the other one."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from authproxy.config.check_web import is_web_wanted
from authproxy.config.options import BadValue
from authproxy.config.options_telephony import CALLER
from authproxy.config.problems import Findings, quoted
from authproxy.config.schema_telephony import OWN, TWILIO
from authproxy.config.values import SectionValues

_ADDRESSES = ("api_base", "sms_url", "call_url")
_TWILIO_ONLY = tuple(option.name for option in TWILIO)
_OWN_ONLY = (*(option.name for option in OWN), "sms_url", "call_url")


def check_telephony(section: SectionValues, findings: Findings) -> None:
    is_twilio = section.text("gateway") == "twilio"
    if section.is_given("gateway"):
        _needed(section, findings, is_twilio=is_twilio)
        for name in _OWN_ONLY if is_twilio else _TWILIO_ONLY:
            if section.is_given(name):
                message = f"has no effect: gateway={section.text('gateway')}"
                findings.warning(section.line_of(name), section.name, section.key_of(name), message)
    for name in _ADDRESSES:
        if section.is_given(name) and _is_clear(section.text(name)):
            message = "passcodes and keys cross the network in clear"
            findings.warning(section.line_of(name), section.name, name, message, wanted="https://")
    if section.text("keypress_confirm") == section.text("keypress_fraud"):
        line, key = section.line_of("keypress_fraud"), section.text("keypress_fraud")
        message = "the same as keypress_confirm: no login could be approved"
        findings.error(line, section.name, "keypress_fraud", message, quoted(key), "another key")
    if "{codes}" not in section.text("sms_message"):
        line, message = section.line_of("sms_message"), "the passcodes would not be in the message"
        findings.error(line, section.name, "sms_message", message, wanted="a text with {codes}")


def _needed(section: SectionValues, findings: Findings, *, is_twilio: bool) -> None:
    if not is_twilio:
        if not (section.is_mentioned("sms_url") or section.is_mentioned("call_url")):
            message = "missing, and so is call_url: the gateway is never asked for anything"
            findings.error(section.line, section.name, "sms_url", message, wanted="sms_url= or call_url=")
        return
    for name in ("account_sid", "auth_token", "from"):
        if not section.is_mentioned(name):
            message = "missing: gateway=twilio needs it"
            findings.error(section.line_of("gateway"), section.name, name, message, wanted=f"{name}=")


def _is_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_here(parts.hostname or "")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def caller_of(section: SectionValues) -> str:
    """The number that calls come from; empty without one."""
    given = section.text("caller_id")
    if given:
        return given
    try:
        return str(CALLER.parse(section.text("from")))
    except BadValue:
        return ""


def can_call(section: SectionValues) -> bool:
    """Whether calls are wanted and the gateway knows how, apart from the web side."""
    if section.text("gateway") == "twilio":
        return bool(caller_of(section))
    return section.is_given("call_url")


def check_calls(sections: Sequence[SectionValues], service: SectionValues, findings: Findings) -> None:
    """The key that is pressed is told to the web side."""
    for section in sections:
        if section.type.name != "telephony" or is_web_wanted(service):
            continue
        message = "no calls, and no reports of delivery: the web side is off, which the gateway must reach"
        if section.is_given("call_url"):
            findings.warning(
                section.line_of("call_url"), section.name, "call_url", message, wanted="base_url= in [service]"
            )
        elif can_call(section):
            findings.info(section.line, section.name, "", f"{message}; see base_url of [service]")
