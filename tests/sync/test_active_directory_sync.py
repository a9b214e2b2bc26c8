"""Users of a real Active Directory: change numbers, nested and primary groups, members by the thousand, TLS."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import ldap3
import pytest

from authproxy.config.settings import AdClientSettings, AuthType, Transport
from authproxy.secondfactor.sync_runs import Mode
from authproxy.secret import Secret
from tests.peers.samba import BASE, DNS_NAME, PASSWORD, SERVICE_USER, UPN_SUFFIX, SambaAD
from tests.sync.desk import Desk, numbers

STAFF = f"OU=Staff,{BASE}"


@pytest.fixture(scope="module")
def ad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SambaAD]:
    with SambaAD(tmp_path_factory.mktemp("samba")) as running:
        yield running


@pytest.fixture(scope="module")
def admin(ad: SambaAD) -> Iterator[ldap3.Connection]:
    server = ldap3.Server(ad.host, ad.ldaps_port, use_ssl=True, get_info=ldap3.NONE)
    connection = ldap3.Connection(
        server, f"Administrator@{UPN_SUFFIX}", "Adm1n-Passw0rd!", auto_bind=True, check_names=False
    )
    yield connection
    connection.unbind()


def settings_for(ad: SambaAD, **changes: Any) -> AdClientSettings:
    values: dict[str, Any] = {
        "name": "ad_client",
        "hosts": ((ad.host, ad.ldaps_port),),
        "search_dn": BASE,
        "service_account_username": SERVICE_USER,
        "service_account_password": Secret(PASSWORD),
        "transport": Transport.LDAPS,
        "ssl_ca_certs_file": ad.ca_file,
        "timeout": 10.0,
    }
    return AdClientSettings(**values | changes)


@pytest.fixture
def desk(tmp_path: Path, ad: SambaAD) -> Desk:
    return Desk.make(tmp_path, settings_for(ad))


def modify(admin: ldap3.Connection, dn: str, **values: Any) -> None:
    admin.modify(
        dn, {name: [(ldap3.MODIFY_REPLACE, value if isinstance(value, list) else [value])]
             for name, value in values.items()}
    )  # fmt: skip
    assert admin.result["result"] == 0, admin.result


def make_user(admin: ldap3.Connection, name: str) -> str:
    """An account without a password may exist; it is not disabled for that here."""
    dn = f"CN={name},{STAFF}"
    admin.add(dn, "user", {"sAMAccountName": name, "userAccountControl": "544", "mail": f"{name}@addc.test"})
    assert admin.result["result"] == 0, admin.result
    return dn


def test_nested_circular_and_primary_groups(desk: Desk, ad: SambaAD) -> None:
    desk.add(name="example", group_dns=tuple(ad.dn(name) for name in ("nest-a", "cycle-x", "around-primary")))
    run = desk.sync()
    assert (run.status, run.problem) == ("done", "")
    assert {name: desk.groups(name) for name in desk.names()} == {
        "u03": ["nest-a"], "u04": ["cycle-x"], "primary": ["around-primary"],
    }  # fmt: skip


def test_names_and_disabled_accounts(desk: Desk, ad: SambaAD) -> None:
    desk.add(name="example", base_dn=STAFF)
    desk.sync()
    assert desk.rows("SELECT username, email, firstname, lastname FROM users WHERE username = 'o''brien'") == [
        ("o'brien", "o'brien@addc.test", "o'brien", "Test")
    ]
    assert "jose" in desk.names()
    assert "disabled" not in desk.names()


def test_incremental_syncs_follow_change_numbers(desk: Desk, ad: SambaAD, admin: ldap3.Connection) -> None:
    desk.add(name="example", base_dn=STAFF)
    assert desk.sync(Mode.INCREMENTAL).mode == "full"
    nothing = desk.sync(Mode.INCREMENTAL)
    assert (nothing.mode, numbers(nothing)) == ("incremental", {})
    user_id = desk.value("SELECT id FROM users WHERE username = 'u07'")
    modify(admin, ad.dn("u07"), displayName="Seven", sAMAccountName="seven")
    run = desk.sync(Mode.INCREMENTAL)
    assert (run.mode, numbers(run)) == ("incremental", {"read": 1, "changed": 1})
    assert desk.rows("SELECT username, realname FROM users WHERE id = :id", id=user_id) == [("seven", "Seven")]
    modify(admin, ad.dn("u07"), userAccountControl="514", sAMAccountName="u07")
    assert numbers(desk.sync(Mode.INCREMENTAL)) == {"read": 1, "disabled": 1}
    modify(admin, ad.dn("u07"), userAccountControl="512")
    assert numbers(desk.sync(Mode.INCREMENTAL)) == {"read": 1, "changed": 1, "enabled": 1}


def test_another_domain_controller_is_read_in_full(desk: Desk) -> None:
    """Its change numbers are its own."""
    desk.add(name="example", base_dn=STAFF)
    desk.sync()
    desk.change("UPDATE directories SET cursor = replace(cursor, '-', '+')")
    assert desk.sync(Mode.INCREMENTAL).mode == "full"


def test_who_joins_a_group_is_found_by_the_group(desk: Desk, ad: SambaAD, admin: ldap3.Connection) -> None:
    """Joining does not touch the user's own change number."""
    desk.add(name="example", group_dns=(ad.dn("Grp (paren)"),))
    desk.sync()
    assert desk.names() == ["u05"]
    admin.modify(ad.dn("Grp (paren)"), {"member": [(ldap3.MODIFY_ADD, [ad.dn("u06")])]})
    run = desk.sync(Mode.INCREMENTAL)
    assert (run.mode, numbers(run)) == ("full", {"read": 2, "unchanged": 1, "added": 1})


def test_a_deleted_account_is_disabled_by_a_full_sync(desk: Desk, admin: ldap3.Connection) -> None:
    desk.add(name="example", base_dn=STAFF)
    dn = make_user(admin, "brief")
    desk.sync()
    admin.delete(dn)
    assert desk.sync(Mode.INCREMENTAL).counts.disabled == 0
    assert desk.sync().counts.disabled == 1
    assert desk.status("brief") == "disabled"


def test_a_group_with_many_members(desk: Desk, ad: SambaAD, admin: ldap3.Connection) -> None:
    """Samba sends all of them at once, other than Windows."""
    group = f"CN=crowd,OU=Groups,{BASE}"
    members = [f"CN=c{number:04d},OU=Crowd,{BASE}" for number in range(1600)]
    admin.add(f"OU=Crowd,{BASE}", "organizationalUnit")
    for dn in members:
        admin.add(dn, "contact", {})
    admin.add(group, "group", {"sAMAccountName": "crowd", "member": [*members, ad.dn("u08")]})
    assert admin.result["result"] == 0, admin.result
    desk.add(name="example", group_dns=(group,))
    assert numbers(desk.sync()) == {"read": 1, "added": 1}
    assert desk.groups("u08") == ["crowd"]


def test_one_user_on_demand(desk: Desk, ad: SambaAD) -> None:
    desk.add(name="example", group_dns=(ad.dn("vpn-users"),))
    assert numbers(desk.sync(Mode.USER, username="o'brien")) == {"read": 1, "added": 1}
    assert desk.groups("o'brien") == ["vpn-users"]
    stranger = desk.sync(Mode.USER, username="u03")
    assert (stranger.status, desk.names()) == ("failed", ["o'brien"])


@pytest.mark.parametrize("transport", [Transport.LDAPS, Transport.STARTTLS])
def test_the_name_in_the_certificate_counts(tmp_path: Path, ad: SambaAD, transport: Transport) -> None:
    port = ad.ldaps_port if transport is Transport.LDAPS else ad.ldap_port
    good = Desk.make(tmp_path, settings_for(ad, transport=transport, hosts=((ad.host, port),)))
    good.add(name="example", base_dn=STAFF)
    assert good.sync().status == "done"
    other_spelling = str(int(ip_address(ad.host)))  # resolves to the same address, and is not in the certificate
    wrong = settings_for(ad, transport=transport, hosts=((other_spelling, port),))
    run = Desk.make(tmp_path, wrong).sync()
    assert run.status == "failed"
    assert "certificate is not valid for" in run.problem
    stranger = settings_for(ad, transport=transport, hosts=((ad.host, port),), ssl_ca_certs_file=None)
    run = Desk.make(tmp_path, stranger).sync()
    assert run.status == "failed"
    assert "certificate verify failed" in run.problem


def test_an_account_that_would_need_sealing_is_refused_in_words(tmp_path: Path, ad: SambaAD) -> None:
    clear = settings_for(ad, transport=Transport.CLEAR, auth_type=AuthType.NTLM2, hosts=((ad.host, ad.ldap_port),))
    desk = Desk.make(tmp_path, clear)
    desk.add(name="example")
    run = desk.sync()
    assert run.status == "failed"
    assert "users are read over TLS only: set transport=ldaps or starttls" in run.problem


def test_the_next_server_is_asked(tmp_path: Path, ad: SambaAD) -> None:
    hosts = (("127.0.0.10", 1), (DNS_NAME, 636), (ad.host, ad.ldaps_port))
    desk = Desk.make(tmp_path, settings_for(ad, hosts=hosts))
    desk.add(name="example", base_dn=STAFF)
    assert desk.sync().status == "done"


def test_an_active_directory_that_is_taken_for_another_is_told(desk: Desk) -> None:
    desk.add(name="example", kind="openldap")
    run = desk.sync()
    assert run.status == "failed"
    assert run.problem == (
        "its kind is set to 'openldap', but the server says that it is an Active Directory: "
        "change the kind to 'active directory'"
    )
    assert desk.names() == []
