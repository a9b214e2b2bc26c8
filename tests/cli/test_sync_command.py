"""``authproxy sync`` on a real OpenLDAP."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from authproxy.secondfactor.roster import FIELDS
from tests.cli.commands_page import documented_keys, keys
from tests.cli.console import SEED_KEY, Console
from tests.peers.slapd import PEOPLE, VPN, Slapd

_CONFIG = """[service]
state_dir={state}
seed_key={key}
[ad_client]
host=localhost
port={port}
transport=ldaps
ssl_ca_certs_file={ca}
auth_type=plain
bind_dn={dn}
service_account_username=svc
service_account_password={password}
search_dn={people}
username_attribute=uid
[radius_server_auto]
radius_ip_1=192.0.2.1
radius_secret_1=s3cret
client=ad_client
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), users=12) as running:
        yield running


@pytest.fixture
def shell(console: Console, peer: Slapd) -> Console:
    console.config.write_text(
        _CONFIG.format(
            state=console.state,
            key=base64.b64encode(SEED_KEY).decode(),
            port=peer.tls_port,
            ca=peer.ca_file,
            dn=peer.service_dn,
            password=peer.service_password,
            people=PEOPLE,
        )
    )
    return console


def test_a_directory_from_its_first_day_to_its_last(shell: Console) -> None:
    said = shell.run("sync", "add", "office", "--kind", "openldap", "--group", VPN, "--attribute", "notes=title")
    assert said.startswith("added office (DC")
    would = shell.run("sync", "run", "office", "--dry-run")
    assert "would add user0001" in would
    assert would.endswith("dry sync of office: 10 read, 10 added\n")
    assert shell.run("sync", "run", "office") == "full sync of office: 10 read, 10 added\n"
    assert shell.json("user", "show", "user0003")["groups"] == ["vpn"]
    again = shell.json("sync", "run", "office", "--full")
    assert (again["mode"], again["unchanged"], again["status"]) == ("full", 10, "done")
    listed = shell.json("sync", "list")["directories"][0]
    assert (listed["name"], listed["users"], listed["status"]) == ("office", 10, "done")
    shown = shell.json("sync", "show", "office")
    assert shown["attributes"] == {
        "username": "uid", "email": "mail", "realname": "cn", "firstname": "givenName", "lastname": "sn",
        "phone": "", "notes": "title", "aliases": "",
    }  # fmt: skip
    assert [run["mode"] for run in shell.json("sync", "status", "office")["runs"]] == ["full", "full", "dry"]
    shell.run("sync", "change", "office", "--all-groups", "--shrink-limit", "5", "--name", "everybody")
    assert shell.json("sync", "run", "everybody")["added"] == 4
    assert shell.run("sync", "remove", "everybody") == "removed everybody; its users stay\n"
    assert len(shell.json("user", "list")["users"]) == 14
    actions = [(action, about) for action, about, _detail in shell.audit() if not action.startswith("user ")]
    assert actions == [
        ("directory add", "office"),
        ("directory sync", "office"), ("directory sync", "office"), ("directory sync", "office"),
        ("directory set", "everybody"),
        ("directory sync", "everybody"),
        ("directory delete", "everybody"),
    ]  # fmt: skip


def test_the_keys_on_the_page_are_those_that_are_printed(shell: Console) -> None:
    runs = {
        "add": ["office", "--kind", "openldap"],
        "run": ["office"],
        "show": ["office"],
        "list": [],
        "status": ["office"],
        "change": ["office", "--disable"],
        "remove": ["office"],
    }
    printed = {name: keys(shell.json("sync", name, *arguments)) for name, arguments in runs.items()}
    assert printed == {name: documented_keys(f"sync {name}") for name in runs}


def test_one_user_on_demand(shell: Console) -> None:
    shell.run("sync", "add", "office", "--kind", "openldap")
    assert shell.run("sync", "run", "office", "--user", "user0002") == "user sync of office: 1 read, 1 added\n"
    assert "has no user 'nobody'" in shell.fails("sync", "run", "office", "--user", "nobody")


def test_a_sync_that_would_disable_too_many_is_refused_until_it_is_accepted(shell: Console) -> None:
    shell.run("sync", "add", "office", "--kind", "openldap")
    shell.run("sync", "run", "office")
    shell.run("sync", "change", "office", "--filter", "(uid=user0001)")
    problem = "the sync was refused: 13 of 14 users would be disabled, which is more than 20 percent"
    assert shell.fails("sync", "run", "office") == problem
    assert shell.json("sync", "run", "office", "--accept-shrink")["disabled"] == 13


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--client", "radius_client"], "the configuration has no section [radius_client] that is an ad_client"),
        (["--attribute", "shoe=size"], f"'shoe' can't be taken from a directory; wanted {', '.join(FIELDS)}"),
        (["--attribute", "email"], "'email' is no mapping; wanted FIELD=NAME, as in email=mail"),
        (["--attribute", "email=ma il"], "'ma il' is no name of an attribute"),
        (["--attribute", "email=a,b"], "email has one attribute only"),
        (["--attribute", "username="], "username needs an attribute"),
        (["--interval", "5"], "the interval is 300 seconds or more, or 0 for never"),
        (["--shrink-limit", "101"], "the shrink limit is 0 to 100 percent"),
        (["--region", "Germany"], "'GERMANY' is no country; wanted two letters, as in US"),
        (["--filter", "uid=x"], "'uid=x' is no LDAP filter; wanted one in parentheses, as in (title=*)"),
    ],
)  # fmt: skip
def test_what_can_not_be_stored_is_told(shell: Console, options: list[str], problem: str) -> None:
    assert shell.fails("sync", "add", "office", *options) == problem


def test_names_are_unique_and_have_to_be_known(shell: Console, tmp_path: Path) -> None:
    shell.run("sync", "add", "office")
    assert shell.fails("sync", "add", "office") == "there is a directory 'office' already"
    assert shell.fails("sync", "run", "other").startswith("there is no directory 'other'")
    assert (
        shell.fails("sync", "run", "office", "--full", "--dry-run") == "only one of --dry-run, --full and --user"
    )
