"""What is said of an address: never the password in it, and whether it leads here."""

from __future__ import annotations

from pathlib import Path

import pytest

from authproxy.config.build import examine
from authproxy.config.problems import Severity, quoted

TELEPHONY = "[telephony]\ngateway=http\nfrom=Firm\n"


def said(tmp_path: Path, text: str) -> str:
    file = tmp_path / "authproxy.cfg"
    file.write_text(text)
    return "\n".join(problem.render() for problem in examine(file, syntax_only=True).problems)


@pytest.mark.parametrize(
    "url",
    [
        "https://mfa:hunter2@sms.example.com/send",
        "https//mfa:hunter2@sms.example.com/send",
        "ftp://mfa:hunter2@sms.example.com",
        "ftp://sms.example.com/send?user=mfa&password=hunter2",
        '"https://mfa:hunter2@sms.example.com/send"',
        "https://mfa:hunter2@sms.example.com/send ; our gateway",
    ],
)
@pytest.mark.parametrize("option", ["sms_url", "call_url"])
def test_a_bad_address_is_shown_without_its_password(tmp_path: Path, option: str, url: str) -> None:
    told = said(tmp_path, f"{TELEPHONY}{option}={url}\n")
    assert f"{option}: " in told
    assert "*****" in told
    assert "hunter2" not in told


def test_other_values_are_shown_as_they_are() -> None:
    for text in ("user@example.com", "10.0.0.1:1812", "CN=a:b,DC=example", "https://host:8443/path", "a=b&c=d"):
        assert quoted(text) == f"'{text}'"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("base_url=https://mfa.example.com", "leads to port 443, the daemon listens on 8443"),
        ("base_url=https://mfa.example.com:8443\nport=9443", "leads to port 8443, the daemon listens on 9443"),
        ("base_url=https://mfa.example.com:8443", ""),
        ("base_url=https://mfa.example.com\nport=443", ""),
        ("base_url=https://mfa.example.com\nweb=false", ""),
    ],
)
def test_an_address_that_leads_to_another_port_is_noted(tmp_path: Path, lines: str, told: str) -> None:
    file = tmp_path / "authproxy.cfg"
    file.write_text(f"[service]\n{lines}\n")
    notes = [problem for problem in examine(file, syntax_only=True).problems if "leads to port" in problem.message]
    assert [problem.severity for problem in notes] == ([Severity.INFO] if told else [])
    assert all(told in problem.message for problem in notes)
