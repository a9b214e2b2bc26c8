"""Typed settings of ``[telephony]``: which gateway, what it is asked, what it costs, what people hear."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from authproxy.secret import Secret

SMS_MESSAGE = "SMS passcodes: {codes}"


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """``api_base``: ``https://host[:port]``."""

    account_sid: str
    auth_token: Secret
    api_base: str = "https://api.twilio.com"


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """What a gateway is sent for one message or call; texts with ``{fields}``. ``body_format``: form, json, xml or
    text. It was taken if the status is in one of ``success_status`` and the body matches ``success_body``."""

    url: str = field(repr=False)
    method: str = "POST"
    headers: tuple[Secret, ...] = ()  # "Name: value"
    body: str = field(default="", repr=False)
    body_format: str = "form"
    success_status: tuple[range, ...] = (range(200, 300),)
    success_body: str = ""  # a regular expression; "": any


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """How a gateway of one's own tells how a message or call goes on. Regular expressions, any case."""

    parameter: str = "status"
    delivered: str = "^(delivered|delivrd|ok)$"
    failed: str = "^(failed|undeliv.*|reject.*|expired|error)$"


@dataclass(frozen=True, slots=True)
class HttpGatewaySettings:
    username: str = ""
    password: Secret | None = None
    sms: RequestTemplate | None = None
    call: RequestTemplate | None = None
    reports: ReportSettings = ReportSettings()


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What people hear; ``message`` with ``{application}``, ``{confirm}`` and ``{fraud}``."""

    confirm: str = "#"
    fraud: str = "*"
    language: str = "en-US"
    message: str = ""
    accepted: str = ""
    reported: str = ""
    denied: str = ""
    seconds: float = 60.0  # from the request until the key


@dataclass(frozen=True, slots=True)
class Prices:
    """Credits. ``user_most`` of one user within ``user_days``; 0: any number."""

    sms: float = 1.0
    call: float = 2.0
    user_most: float = 100.0
    user_days: int = 30
    warn_below: float = 100.0
    stops_at_zero: bool = False  # the account's setting telephony_at_zero


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages and calls logins may ask for within ``seconds``: of one user, to one number, of all."""

    user: int = 10
    number: int = 10
    everybody: int = 1000
    seconds: int = 600


@dataclass(frozen=True, slots=True)
class TelephonySettings:
    gateway: TwilioSettings | HttpGatewaySettings
    sender: str  # of messages
    caller_id: str
    prices: Prices
    calls: CallSettings
    limits: Limits = Limits()
    timeout: float = 10.0
    retries: int = 2
    http_proxy: tuple[str, int] | None = None
    http_ca_certs_file: Path | None = None  # None: the operating system's
