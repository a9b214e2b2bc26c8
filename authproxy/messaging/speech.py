"""What people hear in a call. Pure."""

from __future__ import annotations

from authproxy.config.settings_telephony import CallSettings
from authproxy.messaging.gateway import Say
from authproxy.messaging.templates import fill


def spoken(settings: CallSettings, say: Say, application: str) -> str:
    match say:
        case Say.ASK:
            values = {"application": application, "confirm": settings.confirm, "fraud": settings.fraud}
            return fill(settings.message, values, _key_name)
        case Say.ACCEPTED:
            return settings.accepted
        case Say.REPORTED:
            return settings.reported
        case Say.DENIED:
            return settings.denied
        case Say.NOTHING:
            return ""


def _key_name(text: str) -> str:
    """Voices read signs out strangely or not at all."""
    return {"#": "the hash key", "*": "the star key"}.get(text, text)
