"""``[ldap_server_auto]`` from a file to settings, and what the administrator is told of it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from authproxy.config import ini
from authproxy.config.build import load
from authproxy.config.settings import Failmode, LdapServerSettings
from authproxy.config.validate import check
from authproxy.model import Factor

DIRECTORY = """
[ad_client]
host=localhost
service_account_username=lookup@firm.example
service_account_password=pw
search_dn=DC=firm,DC=example
"""
SECTION = DIRECTORY + "[ldap_server_auto]\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "authproxy.cfg"


def test_defaults(config: Path) -> None:
    config.write_text(SECTION)
    (server,) = load(config).ldap_servers
    assert server == LdapServerSettings("ldap_server_auto", "ad_client", application="ldap_server_auto")
    assert server.allow_unlimited_binds and server.exempt_primary_bind


def test_every_option(config: Path) -> None:
    from tests.ldap_front.certificate import Certificate

    Certificate.make(config.parent)
    config.write_text(
        SECTION
        + "interface=127.0.0.1\nport=55389\nssl_port=55636\nssl_cert_path=cert.pem\nssl_key_path=key.pem\n"
        + "minimum_tls_version=tls1.3\ncipher_list=HIGH\napplication=wiki\nfailmode=secure\nfactors=passcode\n"
        + "delimiter=+\ndelimited_password_length=8\nallow_concat=no\nexempt_primary_bind=false\n"
        + "exempt_ou_1=OU=A,DC=firm,DC=example\nexempt_ou_7=CN=b,DC=firm,DC=example\n"
        + "allow_searches_after_bind=false\nallow_unlimited_binds=false\nallow_sasl_mechanisms=plain, External\n"
        + "remember_bind_seconds=300\nproxy_protocol=192.0.2.1, 2001:db8::/64\nnetwork_timeout=60\n"
        + "idle_timeout=0\nmax_connections=9\nmax_connections_per_client=3\nappliance_timeout=30\n"
    )
    (server,) = load(config).ldap_servers
    balancer = ip_address("192.0.2.1")
    assert server == LdapServerSettings(
        "ldap_server_auto", "ad_client", "127.0.0.1", 55389, 55636, config.parent / "cert.pem",
        config.parent / "key.pem", "tls1.3", "HIGH", "wiki", None, Failmode.SECURE, (Factor.PASSCODE,), "+", 8,
        False, False, ("OU=A,DC=firm,DC=example", "CN=b,DC=firm,DC=example"), False, False, ("PLAIN", "EXTERNAL"),
        300.0,
        ((balancer, balancer), (ip_address("2001:db8::"), ip_address("2001:db8::ffff:ffff:ffff:ffff"))),
        60.0, 0.0, 9, 3, 30.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "severity", "told"),
    [
        ("exempt_primary_bind=false", "warning", "passwords and passcodes cross the network in clear text"),
        ("interface=127.0.0.1", "info", "the first bind of every connection needs no second factor"),
        ("ssl_cert_path=a.pem\nssl_key_path=a.key\nminimum_tls_version=tls1.0", "warning", "1.2 is used"),
        ("ssl_cert_path=a.pem", "error", "needs ssl_key_path, too"),
        ("exempt_ou_3=cn=a<b>,dc=c", "error", "not a distinguished name"),
        ("allow_sasl_mechanisms=GSSAPI", "warning", "only without a security layer"),
    ],
)
def test_what_would_surprise_is_told(lines: str, severity: str, told: str) -> None:
    problems = check(ini.parse(SECTION + lines, "a.cfg"), syntax_only=True).problems
    assert [str(problem.severity) for problem in problems if told in problem.message] == [severity]


def test_an_administrator_who_has_decided_is_not_told_again() -> None:
    for lines in ("exempt_primary_bind=true", "exempt_primary_bind=false", "exempt_ou_1=CN=b,DC=firm"):
        problems = check(ini.parse(SECTION + "interface=::1\n" + lines, "a.cfg"), syntax_only=True).problems
        assert [problem.message for problem in problems if problem.section == "ldap_server_auto"] == []
