"""``[telephony]`` to settings."""

from __future__ import annotations

from authproxy.config.check_telephony import caller_of
from authproxy.config.places import Places
from authproxy.config.reveal import Secrets
from authproxy.config.settings_telephony import (
    CallSettings,
    HttpGatewaySettings,
    Limits,
    Prices,
    ReportSettings,
    RequestTemplate,
    TelephonySettings,
    TwilioSettings,
)
from authproxy.config.values import SectionValues

_BODY_FORMATS = {"{": "json", "[": "json", "<": "xml"}


def telephony(section: SectionValues, secrets: Secrets, places: Places) -> TelephonySettings:
    proxy, authorities = section.optional_text("http_proxy_host"), section.optional_text("http_ca_certs_file")
    return TelephonySettings(
        gateway=_gateway(section, secrets),
        sender=section.text("from"),
        caller_id=caller_of(section),
        prices=_prices(section),
        calls=_calls(section),
        limits=Limits(
            section.integer("user_rate"),
            section.integer("number_rate"),
            section.integer("total_rate"),
            section.integer("rate_seconds"),
        ),
        timeout=section.seconds("gateway_timeout"),
        retries=section.integer("gateway_retries"),
        http_proxy=(proxy, section.integer("http_proxy_port")) if proxy else None,
        http_ca_certs_file=places.to_read(authorities) if authorities else None,
    )


def _gateway(section: SectionValues, secrets: Secrets) -> TwilioSettings | HttpGatewaySettings:
    if section.text("gateway") == "twilio":
        token = secrets.required(section, "auth_token")
        return TwilioSettings(section.text("account_sid"), token, section.text("api_base"))
    return HttpGatewaySettings(
        section.text("username"),
        secrets.optional(section, "password"),
        _request(section, "sms", secrets),
        _request(section, "call", secrets),
        ReportSettings(
            section.text("report_parameter"), section.text("report_delivered"), section.text("report_failed")
        ),
    )


def _request(section: SectionValues, name: str, secrets: Secrets) -> RequestTemplate | None:
    if not section.is_given(f"{name}_url"):
        return None
    body, body_format = section.text(f"{name}_body"), section.text(f"{name}_body_format")
    spans = section.get(f"{name}_success_status")
    assert isinstance(spans, tuple)
    return RequestTemplate(
        url=section.text(f"{name}_url"),
        method=section.text(f"{name}_method").upper(),
        headers=tuple(
            secrets.required(section, f"{name}_header", number) for number in section.numbers(f"{name}_header")
        ),
        body=body,
        body_format=_BODY_FORMATS.get(body[:1], "form") if body_format == "auto" else body_format,
        success_status=spans,
        success_body=section.text(f"{name}_success_body"),
    )


def _prices(section: SectionValues) -> Prices:
    return Prices(
        sms=_amount(section, "credits_per_sms"),
        call=_amount(section, "credits_per_call"),
        user_most=_amount(section, "user_cost_max"),
        user_days=section.integer("user_cost_days"),
        warn_below=_amount(section, "credits_warn_below"),
    )


def _amount(section: SectionValues, name: str) -> float:
    return section.seconds(name)


def _calls(section: SectionValues) -> CallSettings:
    return CallSettings(
        confirm=section.text("keypress_confirm"),
        fraud=section.text("keypress_fraud"),
        language=section.text("call_language"),
        message=section.text("call_message"),
        accepted=section.text("call_accepted"),
        reported=section.text("call_reported"),
        denied=section.text("call_denied"),
        seconds=section.seconds("call_seconds"),
    )
