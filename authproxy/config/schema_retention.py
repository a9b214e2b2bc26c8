"""How long the embedded service keeps its records."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option

_DAYS = kind.whole_number(0, 36_500)

RETENTION = (
    Option("login_retention_days", _DAYS, "days that logins are kept, with their pushes; 0: for ever", "180"),
    Option("message_retention_days", _DAYS, "days that mails and text messages are kept; 0: for ever", "180"),
    Option(
        "telephony_retention_days",
        _DAYS,
        "days that it is kept what text messages and calls have cost; 0: for ever",
        "400",
    ),
    Option(
        "audit_retention_days",
        _DAYS,
        "days that it is kept what administrators did, and how directories were synced; 0: for ever",
        "1826",
    ),
)
