"""``[telephony]`` in the file: what it needs, what has no effect, and secrets that stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from authproxy.config import ini
from authproxy.config.build import load
from authproxy.config.settings import Settings
from authproxy.config.settings_telephony import HttpGatewaySettings, TwilioSettings
from authproxy.config.validate import check

TWILIO = "gateway=twilio\naccount_sid=AC1\nauth_token=canary\nfrom=+1 555 555 0100\n"
OWN = "gateway=http\nsms_url=https://sms.example/send\n"
NOTHING = "missing, and so is call_url: the gateway is never asked for anything"
SAME = "the same as keypress_confirm: no login could be approved"
CLEAR = "passcodes and keys cross the network in clear"
REST = "[duo_only_client]\n[radius_server_duo_only]\nradius_ip_1=192.0.2.1\nradius_secret_1=s3cret\n"


def problems(section: str, service: str = "base_url=https://mfa.example:8443\n") -> list[str]:
    """Severity, key and message of each."""
    document = ini.parse(f"[service]\n{service}[telephony]\n{section}{REST}", "f")
    return [f"{each.severity} {each.key}: {each.message}" for each in check(document).problems]


def loaded(tmp_path: Path, section: str) -> Settings:
    path = tmp_path / "authproxy.cfg"
    state = f"[service]\nstate_dir={tmp_path}\n"
    path.write_text(f"{state}[telephony]\n{section}{REST}")
    path.chmod(0o600)
    return load(path)


@pytest.mark.parametrize("section", [TWILIO, OWN, OWN + "from=Firm\ncaller_id=+15555550100\n"])
def test_what_is_enough(section: str) -> None:
    assert problems(section) == []


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("", ["error gateway: missing"]),
        ("gateway=sms\n", ["error gateway: bad value"]),
        (
            "gateway=twilio\n",
            [f"error {name}: missing: gateway=twilio needs it" for name in ("account_sid", "auth_token", "from")],
        ),
        ("gateway=http\n", [f"error sms_url: {NOTHING}"]),
        (OWN + "account_sid=AC1\n", ["warning account_sid: has no effect: gateway=http"]),
        (TWILIO + "sms_url=https://x.example\n", ["warning sms_url: has no effect: gateway=twilio"]),
        (OWN + "keypress_fraud=#\n", [f"error keypress_fraud: {SAME}"]),
        (OWN + "keypress_fraud=12\n", ["error keypress_fraud: bad value"]),
        (OWN + "sms_message=Hello\n", ["error sms_message: the passcodes would not be in the message"]),
        (OWN + "sms_message={code}{codes}\n", ["error sms_message: bad value"]),
        (OWN + "sms_body={txt}\n", ["error sms_body: bad value"]),
        (OWN + "sms_header_1=no colon\n", ["error sms_header_1: bad value"]),
        (OWN + "sms_success_status=2xx,600\n", ["error sms_success_status: bad value"]),
        (OWN + "sms_success_body=(\n", ["error sms_success_body: bad value"]),
        (OWN + "call_seconds=120\n", ["error call_seconds: bad value"]),
        ("gateway=http\nsms_url=http://sms.example/\n", [f"warning sms_url: {CLEAR}"]),
        ("gateway=http\nsms_url=http://127.0.0.1:13013/\n", []),
        ("gateway=http\nsms_url=https://{number}.example/\n", ["error sms_url: bad value"]),
        ("gateway=http\nsms_url=https://me:pw@sms.example/\n", ["error sms_url: bad value"]),
        ("gateway=http\nsms_url=ftp://sms.example/\n", ["error sms_url: bad value"]),
        ("gateway=http\nsms_url=https://sms.example:99999/\n", ["error sms_url: bad value"]),
        (TWILIO + "api_base=https://x.example/path\n", ["error api_base: bad value"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(section: str, expected: list[str]) -> None:
    assert problems(section) == expected


def test_calls_without_a_web_side_are_noted() -> None:
    why = "no calls, and no reports of delivery: the web side is off, which the gateway must reach"
    assert problems(OWN + "call_url=https://c.example/\n", service="") == [f"warning call_url: {why}"]
    assert problems(TWILIO, service="") == [f"info : {why}; see base_url of [service]"]
    assert problems(OWN, service="") == []


def test_twilio_s_settings(tmp_path: Path) -> None:
    settings = loaded(tmp_path, TWILIO + "sms_message=Codes {codes}.\nuser_cost_max=0\nkeypress_confirm=1\n")
    telephony = settings.telephony
    assert telephony is not None
    assert isinstance(telephony.gateway, TwilioSettings)
    assert telephony.gateway.auth_token.reveal() == "canary"
    assert (telephony.sender, telephony.caller_id) == ("+1 555 555 0100", "+15555550100")
    assert (telephony.prices.user_most, telephony.calls.confirm) == (0.0, "1")
    assert settings.service.sms_message == "Codes {codes}."
    assert "canary" not in repr(settings)


def test_settings_of_a_gateway_of_ones_own(tmp_path: Path) -> None:
    more = (
        'sms_body={"t": "{text}"}\nsms_success_status=202, 3xx\n'
        "sms_header_2=B: canary\nsms_header_7=A: {password}\n"
        "password=canary\ncall_url=https://c.example/\ncall_body=<c>{text}</c>\ncall_method=put\n"
    )
    telephony = loaded(tmp_path, OWN + more).telephony
    assert telephony is not None
    gateway = telephony.gateway
    assert isinstance(gateway, HttpGatewaySettings)
    assert gateway.sms is not None and gateway.call is not None
    assert (gateway.sms.body_format, gateway.call.body_format, gateway.call.method) == ("json", "xml", "PUT")
    assert gateway.sms.success_status == (range(202, 203), range(300, 400))
    assert [header.reveal() for header in gateway.sms.headers] == ["B: canary", "A: {password}"]
    assert "canary" not in repr(telephony)
