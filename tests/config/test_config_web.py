"""The web side in the configuration: when it is on, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from authproxy.config import ini
from authproxy.config.build import load
from authproxy.config.options import BASE_URL, BadValue
from authproxy.config.validate import check

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "authproxy.cfg"
        path.write_text(f"[service]\nstate_dir={tmp_path}\n{text}")
        return path

    return _write


def messages(text: str) -> list[str]:
    return [
        problem.render()
        for problem in check(ini.parse(text, "f")).problems
        if "no server section" not in problem.message
    ]


@pytest.mark.parametrize("line", ["", "web=auto", "web=false", "web=no\nport=9000", "interface=127.0.0.1"])
def test_the_web_side_is_off_unless_asked_for(write: Write, line: str) -> None:
    assert load(write(line)).service.web is None


@pytest.mark.parametrize("line", ["web=true", "port=8443", "base_url=https://localhost:8443"])
def test_the_web_side_is_on_when_it_is_asked_for(write: Write, line: str) -> None:
    web = load(write(line)).service.web
    assert web is not None
    assert (web.port, web.ssl_cert_path) == (8443, None)
    assert web.base_url.startswith("https://")
    assert web.base_url.endswith(":8443")


def test_the_web_side_is_told_everything(write: Write) -> None:
    lines = "base_url=https://MFA.example/\nport=443\ninterface=127.0.0.1\nrequest_rate=0\npassword_rate=3\n"
    web = load(write(lines + "trusted_proxies=10.0.0.1, 10.1.0.0/30")).service.web
    assert web is not None
    assert (web.base_url, web.port, web.interface, web.request_rate) == (
        "https://mfa.example",
        443,
        "127.0.0.1",
        0,
    )
    one, net = (ip_address("10.0.0.1"),) * 2, (ip_address("10.1.0.0"), ip_address("10.1.0.3"))
    assert web.trusted_proxies == (one, net)


def test_a_certificate_needs_its_key() -> None:
    assert messages("[service]\nssl_cert_path=a.pem\n") == [
        "f:2: [service] ssl_cert_path: needs ssl_key_path, too"
    ]


def test_what_has_no_effect_is_told() -> None:
    told = messages("[service]\nweb=false\nport=9000\n")
    assert told == ["f:3: [service] port: has no effect: web=false (wanted web=true)"]


def test_its_port_clashes_with_others_only_while_it_is_on() -> None:
    ldap = "[ldap_server_auto]\nport=8443\nssl_port=9443\ninterface=127.0.0.1\nclient=ad_client\n"
    assert not [line for line in messages(ldap + "[service]\n") if "taken" in line]
    assert [line for line in messages(ldap + "[service]\nweb=true\n") if "TCP port 8443 is taken" in line]


@pytest.mark.parametrize(
    "text",
    ["http://host", "https://", "https://a/b", "https://a:0", "https://a b", "https://u@a", "host", "https://a?x"],
)
def test_a_base_url_is_https_with_a_host(text: str) -> None:
    with pytest.raises(BadValue):
        BASE_URL.parse(text)


def test_a_base_url_may_have_an_address_of_ipv6() -> None:
    assert BASE_URL.parse("https://[2001:DB8::1]:8443/") == "https://[2001:db8::1]:8443"


def test_enrollment_needs_the_web_side() -> None:
    told = messages("[service]\nnew_user_policy=enroll\n")
    assert told == ["f:2: [service] new_user_policy: nobody can enroll: the web side is off (wanted web=true)"]
    assert messages("[service]\nnew_user_policy=enroll\nweb=true\n") == []
