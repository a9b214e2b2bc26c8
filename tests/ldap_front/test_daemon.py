"""The daemon itself as an LDAP front door: its ports, its logs, its commands, its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from tests.ldap_front.site import LdapSite
from tests.peers.slapd import BASE, PEOPLE, Slapd

ALICE = f"uid=user0001,{PEOPLE}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LdapSite]:
    with Slapd(tmp_path / "slapd", users=20) as slapd:
        made = LdapSite(tmp_path / "authproxy", slapd, f"exempt_primary_bind=false\nexempt_ou_1=ou=Service,{BASE}")
        yield made
        if made.daemon.process is not None:
            made.daemon.stop()


async def test_logins_through_the_daemon_and_what_is_told_of_them(site: LdapSite) -> None:
    codes = site.enroll("user0001")
    await deferToThread(site.daemon.start)
    ready = next(line for line in site.daemon.output if "is ready" in line)
    assert f"[ldap_server_auto] on 127.0.0.1 port {site.port}/tcp and {site.ssl_port}/tcp (LDAPS)" in ready

    for way in ("clear", "starttls", "ldaps"):
        assert await site.tools(way).who_am_i(ALICE, f"pw-0001,{codes.fresh()}") == (0, f"dn:{ALICE}")
    assert (await site.tools().who_am_i("user0001@example.test", "pw-0001,000000"))[0] == 49
    assert (await site.tools().who_am_i(Slapd.service_dn, Slapd.service_password))[0] == 0

    events = site.events()
    assert [(event["auth_stage"].split()[0], event["status"]) for event in events] == [
        *[("Primary", "Allow"), ("Secondary", "Allow")] * 3, ("Primary", "Allow"), ("Secondary", "Reject"),
    ]  # fmt: skip
    assert {event["username"] for event in events} == {"user0001", "user0001@example.test"}
    assert [event.get("dn") for event in events] == [ALICE] * 6 + [None] * 2
    assert {event["client_ip"] for event in events} == {"None"}
    log = site.daemon.log()
    assert f"{Slapd.service_dn} from 127.0.0.1: bound without a second factor (exempt_ou)" in log
    assert "pw-0001" not in log and Slapd.service_password not in log

    shown = site.daemon.json("application", "list")["applications"]
    assert isinstance(shown, list)
    assert [(row["section"], row["type"], row["port"]) for row in shown] == [
        ("ldap_server_auto", "ldap", site.port)
    ]
    assert "user0001" in site.daemon.command("explain").stdout
    assert await deferToThread(site.daemon.stop) == 0
