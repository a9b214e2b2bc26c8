"""What ``authproxy check`` can know of MS-CHAP and EAP."""

from __future__ import annotations

import pytest

from authproxy.config import ini
from authproxy.config.validate import check

_FILE = """\
[{client}]
{client_lines}
[{server}]
client={client}
radius_ip_1=192.0.2.1
radius_secret_1=a long enough secret
{server_lines}
"""
UPSTREAM = "host=192.0.2.9\nsecret=another long secret"


def problems(client: str, client_lines: str, server_lines: str, server: str = "radius_server_auto") -> list[str]:
    text = _FILE.format(client=client, client_lines=client_lines, server=server, server_lines=server_lines)
    found = check(ini.parse(text, "authproxy.cfg")).problems
    return [f"{one.severity}: {one.key}: {one.message}" for one in found if "api" not in one.key]


@pytest.mark.parametrize("where", ["client", "server"])
def test_relayed_eap_with_the_safe_default_is_no_problem(where: str) -> None:
    option = "pass_through_all=true"
    client, server = (option, "") if where == "client" else ("", option)
    assert problems("radius_client", f"{UPSTREAM}\n{client}", server) == []


def test_outer_identity_is_warned_of() -> None:
    (problem,) = problems("radius_client", f"{UPSTREAM}\npass_through_all=true", "eap_identity=outer")
    assert problem.startswith("warning: eap_identity: whoever has a password")


def test_eap_identity_where_nothing_is_relayed() -> None:
    (problem,) = problems("radius_client", UPSTREAM, "eap_identity=reply")
    assert problem.startswith("info: eap_identity: has no effect")


def test_pass_through_without_a_radius_server_behind() -> None:
    (problem,) = problems("duo_only_client", "", "pass_through_all=true")
    assert problem.startswith("info: pass_through_all: has no effect: [duo_only_client] asks no RADIUS server")


def test_other_modes_have_no_eap_identity() -> None:
    (problem,) = problems("radius_client", UPSTREAM, "eap_identity=reply", server="radius_server_concat")
    assert problem.startswith("warning: eap_identity")
