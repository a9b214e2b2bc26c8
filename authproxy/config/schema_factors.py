"""``[service]``: the options of pushes and SMS passcodes, and how a section verifies its pushes."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option

PUSH_AND_SMS = (
    Option("push_seconds", kind.whole_number(10, 600), "how long a push can be answered, in seconds", "60"),
    Option(
        "push_limit",
        kind.whole_number(0, 1000),
        "pushes that a user may leave unapproved within push_limit_seconds, then none is sent; 0: any number",
        "5",
    ),
    Option(
        "push_limit_seconds", kind.whole_number(10, 86_400), "the time that push_limit counts, in seconds", "300"
    ),
    Option(
        "fraud_locks_user",
        kind.BOOLEAN,
        "lock a user out who reports a push or call as fraud, until an administrator unlocks",
        "false",
    ),
    Option("sms_batch", kind.whole_number(1, 10), "passcodes in one text message", "3"),
    Option(
        "sms_valid_seconds",
        kind.whole_number(0, 31_536_000),
        "how long they can be used, in seconds; 0: until the next message",
        "0",
    ),
)
VERIFIED_PUSH = Option(
    "verified_push",
    kind.one_of("none", "number", "code"),
    "what a push wants besides approval: number, to be picked on the phone, is shown at the login; code is shown "
    "on the phone, to be typed at the login. The appliance must be able to show a challenge",
    "none",
)
