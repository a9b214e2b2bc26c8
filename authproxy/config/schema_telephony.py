"""``[telephony]``: the gateway for text messages and phone calls."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config import options_telephony as telephony
from authproxy.config.options_telephony import CALL_FIELDS, SMS_FIELDS
from authproxy.config.schema import Option, Role, SectionType, Shape
from authproxy.config.schema_shared import OUTBOUND
from authproxy.config.settings_telephony import SMS_MESSAGE

TWILIO = (
    Option("account_sid", kind.TEXT, "Twilio: the account"),
    Option("auth_token", kind.SECRET, "Twilio: its token, which also signs what Twilio tells us", secret=True),
    Option("api_base", telephony.GATEWAY_BASE, "Twilio: where its API is", "https://api.twilio.com"),
)
OWN = (
    Option(
        "username", kind.TEXT, "own gateway: account, for {username} or, if there is no such field, HTTP Basic"
    ),
    Option("password", kind.SECRET, "own gateway: its password, for {password}", secret=True),
)
REPORTS = (
    Option("report_parameter", kind.TEXT, "own gateway: parameter of a report that holds the state", "status"),
    Option(
        "report_delivered",
        telephony.EXPRESSION,
        "own gateway: states of a message that arrived, as a regular expression",
        "^(delivered|delivrd|ok)$",
    ),
    Option(
        "report_failed",
        telephony.EXPRESSION,
        "own gateway: states of a message that never will",
        "^(failed|undeliv.*|reject.*|expired|error)$",
    ),
)


def _request(name: str, what: str, fields: frozenset[str]) -> tuple[Option, ...]:
    """What the gateway is asked for a message (``sms``) or a call (``call``)."""
    return (
        Option(
            f"{name}_url",
            telephony.url_template(fields),
            f"own gateway: where it takes {what}; fields: {telephony.shown(fields)}",
        ),
        Option(f"{name}_method", kind.one_of("POST", "GET", "PUT"), "own gateway: HTTP method", "POST"),
        Option(
            f"{name}_header",
            telephony.HEADER,
            "own gateway: a header, with the same fields",
            shape=Shape.NUMBERED,
            secret=True,
        ),
        Option(
            f"{name}_body",
            telephony.template(fields),
            "own gateway: the request's body, with the same fields",
            default_note="none",
        ),
        Option(
            f"{name}_body_format",
            kind.one_of("auto", "form", "json", "xml", "text"),
            "own gateway: how fields are escaped in the body; auto: as json, xml or form, by how it begins",
            "auto",
        ),
        Option(f"{name}_success_status", telephony.STATUSES, "own gateway: HTTP statuses of success", "2xx"),
        Option(
            f"{name}_success_body",
            telephony.EXPRESSION,
            "own gateway: what the answer's body must match besides, as a regular expression",
            default_note="anything",
        ),
    )


SPOKEN = (
    Option("keypress_confirm", telephony.KEY, "key that approves the login", "#"),
    Option("keypress_fraud", telephony.KEY, "key that reports the login as fraud", "*"),
    Option(
        "call_message",
        telephony.template(frozenset(("application", "confirm", "fraud"))),
        "what a call says; fields: {application}, {confirm}, {fraud}",
        "This is the login service. Somebody logs in to {application} as you. If it is you, press {confirm}. "
        "If it is not, press {fraud} to report it.",
    ),
    Option("call_accepted", kind.TEXT, "what it says then", "Thank you. You are logged in."),
    Option("call_reported", kind.TEXT, "what it says to a report of fraud", "Thank you. The login was reported."),
    Option("call_denied", kind.TEXT, "what it says to any other key, or none", "The login was not approved."),
    Option("call_language", kind.TEXT, "language in which Twilio speaks", "en-US"),
    Option("call_seconds", kind.seconds(20, 60), "how long a call may take until the key is pressed", "60"),
)
COST = (
    Option("credits_per_sms", telephony.amount(1e6), "what a message costs, in credits", "1"),
    Option("credits_per_call", telephony.amount(1e6), "what a call costs that is answered, in credits", "2"),
    Option(
        "user_cost_max",
        telephony.amount(1e9),
        "credits that one user may cost within user_cost_days, then nothing is sent; 0: any number",
        "100",
    ),
    Option("user_cost_days", kind.whole_number(1, 366), "the time that user_cost_max counts, in days", "30"),
    Option(
        "credits_warn_below",
        telephony.amount(1e9),
        "log a warning when fewer credits are left (see `authproxy telephony credits`)",
        "100",
    ),
)

RATE = (
    Option(
        "user_rate",
        kind.whole_number(1, 100_000),
        "messages and calls that logins of one user may ask for within rate_seconds",
        "10",
    ),
    Option("number_rate", kind.whole_number(1, 100_000), "the same, to one number", "10"),
    Option("total_rate", kind.whole_number(1, 100_000), "the same, of all users together", "1000"),
    Option("rate_seconds", kind.whole_number(60, 86_400), "the time that these three count, in seconds", "600"),
)

TELEPHONY = SectionType(
    "telephony",
    Role.GLOBAL,
    "The gateway for text messages and phone calls: docs/telephony.md.",
    (
        Option("gateway", kind.one_of("twilio", "http"), "twilio, or one's own that takes HTTP", required=True),
        Option(
            "from", kind.TEXT, "number or name that messages come from; Twilio: or a messaging service (MG...)"
        ),
        Option(
            "caller_id", telephony.CALLER, "number that calls come from", default_note="`from`, if it is a number"
        ),
        Option(
            "sms_message",
            telephony.template(frozenset(("codes",))),
            "a message with passcodes; field: {codes}",
            SMS_MESSAGE,
        ),
        *TWILIO,
        *OWN,
        *_request("sms", "messages", SMS_FIELDS),
        *_request("call", "calls", CALL_FIELDS),
        *REPORTS,
        *SPOKEN,
        *COST,
        *RATE,
        Option("gateway_timeout", kind.seconds(1, 30), "longest wait for the gateway's answer", "10"),
        Option(
            "gateway_retries",
            kind.whole_number(0, 5),
            "how often a request that surely had no effect is repeated",
            "2",
        ),
        *OUTBOUND,
    ),
    repeatable=False,
)
