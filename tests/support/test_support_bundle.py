"""The support bundle, as its recipient opens it: everything that was promised is in it, and no secret."""

from __future__ import annotations

import base64
import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result

from authproxy.cli.support import command
from authproxy.store.engine import Database
from authproxy.store.tables import logins, users
from authproxy.support import archive
from authproxy.support.archive import Collected
from authproxy.support.scrubber import Scrubber
from tests.support.keyring import Keyring, keyring

ADDRESS = "desk@support.example"
SEED_KEY = base64.b64encode(b"canary-of-the-seed-key-32-bytes!").decode()
CONFIG = f"""\
; an old secret was canary-comment
;skey=canary-commented-out
[main]
debug=true
log_auth_events=true
support_gpg_recipient=desk.gpg
[service]
state_dir={{state}}
seed_key={SEED_KEY}
passphrase_file={{passphrase}}
ssl_cert_path={{pem}}
ssl_key_path={{pem}}
base_url=https://mfa.example:8443
[ad_client]
host=127.0.0.1
service_account_username=svc-ldap
service_account_password=canary-service-account
search_dn=OU=People,DC=corp,DC=example
[radius_client]
host=192.0.2.9
secret=canary-upstream
[radius_server_auto]
client=ad_client
radius_ip_1=192.0.2.10
radius_secret_1=canary-radius
radius_ip_2=192.0.2.11
radius_secret_file_2={{file}}
exempt_username_1=carol
failmod=canary-unknown-key
[radius_server_challenge]
client=radius_client
port=18121
radius_ip_1=192.0.2.10
radius_secret_1=canary-second-radius
radius_secrte_1=canary-mistyped-key
ikey=DIXXXXXXXXXXXXXXXXXX
skey=canary-skey-0123456789012345678901234567
api_host=api-canary.example
[telephony]
gateway=http
sms_url=https://gateway.example/send?token=canary-parameter&to={{{{number}}}}
password=canary-gateway
"""
BROKEN = """\
[nonsense]
colour=canary-unknown-section
this line goes on with canary-continued
"""
LOG = f"""\
{{stamp}}.123+00:00 [info] [ABCDEFGHJK] radius_server_auto: CORP\\alice from 192.0.2.10: Success. (push, 12 ms)
{{stamp}}.124+00:00 [debug] [ABCDEFGHJK] radius_server_auto: primary: ok CN=Alice Liddell,OU=People,DC=corp
{{stamp}}.125+00:00 [info] [LMNPQRSTUV] radius_server_auto: bob from 192.0.2.10: reject: bad password (5 ms)
{{stamp}}.126+00:00 [warn] User-Password = "canary-log-quoted", password=canary-log-plain, passwd: canary-log-colon
{{stamp}}.127+00:00 [warn] {{{{"authorization": "Basic canary-log-header", "api_key": "canary-log-json"}}}}
{{stamp}}.128+00:00 [warn] wrote canary-radius and {SEED_KEY} and canary-in-a-file to +15555550123
{{stamp}}.129+00:00 [critical] internal error | Traceback (most recent call last): ValueError
2001-01-01T00:00:00.000+00:00 [info] [OLDOLDOLDO] radius_server_auto: alice from 192.0.2.10: long ago
"""
LISTED = {
    "configuration/authproxy.cfg",
    "configuration/problems.txt",
    "logs/authproxy.log",
    "logs/authevents.log",
    "crashes.txt",
    "database.json",
    "versions.txt",
    "limits.txt",
    "certificates.txt",
}


class Site:
    """A configuration full of canaries, and logs that others wrote canaries into."""

    def __init__(self, directory: Path, desk: Keyring, key: str) -> None:
        self.directory, self.desk = directory, desk
        self.state = directory / "state"
        (self.state / "log").mkdir(parents=True)
        self.config = directory / "authproxy.cfg"
        pem = directory / "web.pem"
        certificate = trustme.CA().issue_cert("mfa.example")
        pem.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
        for name, text in (("passphrase", "canary-passphrase\n"), ("file", "canary-in-a-file\n")):
            (directory / name).write_text(text)
            (directory / name).chmod(0o600)
        names = {"passphrase": directory / "passphrase", "file": directory / "file"}
        self.config.write_text(CONFIG.format(state=self.state, pem=pem, **names))
        self.config.chmod(0o600)
        desk.export(key, directory / "desk.gpg")
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        (self.state / "log/authproxy.log").write_text(LOG.format(stamp=stamp))
        event = {"timestamp": f"{stamp}+00:00", "username": "dave", "client_ip": "203.0.113.5", "login_id": "X"}
        (self.state / "log/authevents.log").write_text(json.dumps(event) + "\n")
        with Database(f"sqlite:///{self.state / 'authproxy.db'}").writing() as connection:
            connection.execute(
                users.insert().values(
                    id="US1", username="alice", display_name="Alice Liddell", email="al@corp.example", created=0
                )
            )
            connection.execute(
                logins.insert().values(
                    login_id="ABCDEFGHJK", at=time.time(), section="radius_server_auto", username="CORP\\alice",
                    name="alice", nas="192.0.2.10", client_ip="203.0.113.5", result="accept", reason="",
                    factor="push", device="", elapsed=0.1,
                    steps=json.dumps([["primary", "ok", "CN=Alice Liddell,DC=x", 0.01]]),
                )
            )  # fmt: skip

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(command, [*map(str, arguments), "--config", str(self.config)])

    def bundle(self, *arguments: str, name: str = "b.gpg") -> dict[str, str]:
        """What the recipient finds in it."""
        file = self.directory / name
        made = self.run(*arguments, "-o", file, "--no-connectivity")
        assert made.exit_code == 0, made.output
        opened = self.desk.gpg.decrypt(file.read_bytes())
        assert opened.ok
        found = archive.unpack(opened.data)
        assert found.problems == ()
        return {**{name: data.decode() for name, data in found.files.items()}, "": json.dumps(found.manifest)}


@pytest.fixture(scope="module")
def desk() -> Iterator[tuple[Keyring, str]]:
    with keyring() as made:
        yield made, made.make_key(ADDRESS)


@pytest.fixture
def site(tmp_path: Path, desk: tuple[Keyring, str], monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("GNUPGHOME", str(desk[0].home))
    return Site(tmp_path, *desk)


def test_no_canary_is_in_the_bundle_and_everything_listed_is(site: Site) -> None:
    found = site.bundle()
    assert [(name, line) for name, text in found.items() for line in text.splitlines() if "canary-" in line] == []
    assert SEED_KEY not in str(found)
    manifest = json.loads(found.pop(""))
    assert set(found) >= LISTED
    assert [entry["name"] for entry in manifest["files"]] == list(found)
    assert {entry["what"] for entry in manifest["left_out"]} >= {"secrets", "names of users", "connectivity.txt"}
    assert "PRIVATE KEY" not in str(found) and "BEGIN CERTIFICATE" in found["certificates.txt"]
    assert "Traceback" in found["crashes.txt"]
    assert "pyrad" in found["versions.txt"] and "net.core.somaxconn = " in found["limits.txt"]
    assert json.loads(found["database.json"])["rows"]["users"] == 1
    assert json.loads(found["database.json"])["logins"][0]["count"] == 1
    assert "logins.json" not in found


def test_the_scrubber_is_what_keeps_the_logs_canaries_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scrubber, "known", lambda self, text: text)
    monkeypatch.setattr(Scrubber, "__call__", lambda self, text: text)
    found = site.bundle()
    leaked = [line for line in found["logs/authproxy.log"].splitlines() if "canary-" in line or SEED_KEY in line]
    assert len(leaked) == 3
    assert "canary-" not in found["configuration/authproxy.cfg"]


def test_the_configuration_is_shown_line_by_line_with_the_lengths_of_secrets(site: Site) -> None:
    found = site.bundle()
    shown = found["configuration/authproxy.cfg"].splitlines()
    original = site.config.read_text().splitlines()
    assert len(shown) == len(original)
    assert "radius_secret_1=*****[13]" in shown
    assert "skey=*****[40]" in shown
    assert ";skey=*****[20]" in shown
    assert "service_account_username=svc-ldap" in shown
    assert f"radius_secret_file_2={site.directory / 'file'}" in shown
    assert "failmod=*****[18]" in shown
    assert "radius_secrte_1" in found["configuration/problems.txt"]


def test_names_are_pseudonyms_the_same_everywhere_and_the_site_can_tell_whose(site: Site) -> None:
    found = site.bundle()
    text = "".join(found.values())
    assert [name for name in ("alice", "Liddell", "bob ", "carol", "dave") if name.lower() in text.lower()] == []
    log = found["logs/authproxy.log"]
    pseudonym = log.partition("CORP\\")[2].partition(" ")[0]
    assert pseudonym.startswith("user-")
    assert "192.0.2.10" in log
    assert "wrong passcode" not in log and "phone-" in log
    told = site.run("who", pseudonym)
    assert (told.exit_code, told.stdout.split()) == (0, ["alice"]), told.output
    again = site.bundle("--pseudonyms", name="c.gpg")
    assert f"CORP\\{pseudonym}" in again["logs/authproxy.log"]
    everything = "".join(again.values())
    assert "192.0.2" not in everything and "203.0.113" not in everything and "ip4-" in everything


def test_one_login_or_one_user_is_all_there_is_when_that_was_asked(site: Site) -> None:
    found = site.bundle("--login", "abcdefghjk")
    assert len(found["logs/authproxy.log"].splitlines()) == 2
    (login,) = json.loads(found["logins.json"])
    assert login["login_id"] == "ABCDEFGHJK" and login["steps"][0][2].startswith("CN=user-")
    of_user = site.bundle("--user", "alice", name="u.gpg")
    assert "LMNPQRSTUV" not in of_user["logs/authproxy.log"] and "OLDOLDOLDO" in of_user["logs/authproxy.log"]
    everything = site.bundle(name="e.gpg")
    assert (
        "OLDOLDOLDO" not in everything["logs/authproxy.log"] and "LMNPQRSTUV" in everything["logs/authproxy.log"]
    )


def test_without_a_recipient_nothing_is_written_and_plain_must_be_typed(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace("support_gpg_recipient=desk.gpg\n", ""))
    file = site.directory / "b"
    refused = site.run("-o", file, "--no-connectivity")
    assert refused.exit_code == 1 and not file.exists()
    assert "--recipient" in refused.stderr and "--plain" in refused.stderr
    both = site.run("-o", file, "--plain", "--recipient", ADDRESS)
    assert both.exit_code == 2 and not file.exists()
    plain = site.run("-o", file, "--no-connectivity", "--plain")
    assert plain.exit_code == 0 and "NOT ENCRYPTED" in plain.stdout
    assert b"canary-" not in archive._inflated(file.read_bytes())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert site.run("-o", file, "--no-connectivity", "--plain").exit_code == 1  # it is there already


def test_a_recipient_is_found_by_fingerprint_address_and_file(site: Site, desk: tuple[Keyring, str]) -> None:
    for number, wanted in enumerate((desk[1], desk[1][-16:], ADDRESS, str(site.directory / "desk.gpg"))):
        assert "configuration/authproxy.cfg" in site.bundle("--recipient", wanted, name=f"{number}.gpg")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("nobody@support.example", "no key of"),
        ("desk@support.exampl", "no key of"),  # a part of an address is not an address
        ("Support Desk", "no key ID and no address"),
        ("authproxy.cfg", "holds no public key"),
    ],
)
def test_who_is_nobody_gets_no_bundle(site: Site, wanted: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.directory)
    refused = site.run("--recipient", wanted, "-o", "b.gpg", "--no-connectivity")
    assert refused.exit_code == 1 and why in refused.stderr
    assert not (site.directory / "b.gpg").exists()


def test_an_ambiguous_address_and_an_expired_key_are_refused(site: Site) -> None:
    with keyring() as other:
        for _ in range(2):
            other.make_key(ADDRESS)
        both = other.home / "both.gpg"
        both.write_bytes(other.gpg.export_keys(ADDRESS, armor=False))
        refused = site.run("--recipient", both, "-o", site.directory / "b", "--no-connectivity")
        assert "names 2 keys" in refused.stderr
        old = other.make_key("old@support.example", expire_date="seconds=1")
        time.sleep(1.1)
        file = other.export(old, other.home / "old.gpg")
        assert "expired" in site.run("--recipient", file, "-o", site.directory / "b", "--no-connectivity").stderr


def test_a_broken_configuration_makes_a_bundle_all_the_same(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace("search_dn=", "search_dm=") + BROKEN)
    found = site.bundle()
    assert "search_dn" in found["configuration/problems.txt"]
    assert "canary-" not in str(found)


def test_names_are_found_in_the_logs_also_when_the_database_can_not_be_read(site: Site) -> None:
    (site.state / "authproxy.db").write_bytes(b"no database" * 100)
    with (site.state / "log/authproxy.log").open("a") as log:
        log.write("2099-01-01T00:00:00.000+00:00 [warn] bob was here, and CORP\\Alice\n")
    found = site.bundle()
    assert not [name for name in ("bob", "alice", "dave") if name in found["logs/authproxy.log"].lower()]
    manifest = json.loads(found[""])
    assert {"names", "database figures"} <= {entry["what"] for entry in manifest["left_out"]}


# ---------------------------------------------------------------- the other side


def show(*arguments: Any) -> Result:
    return CliRunner().invoke(command, ["show", *map(str, arguments)])


def test_the_recipient_lists_prints_and_extracts(site: Site) -> None:
    site.bundle()
    file = site.directory / "b.gpg"
    listed = show(file)
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in LISTED) and "left out" in listed.stdout
    printed = show(file, "--print", "configuration/authproxy.cfg")
    assert "[radius_server_auto]" in printed.stdout
    directory = site.directory / "out"
    assert show(file, "--extract", directory).exit_code == 0
    assert (directory / "logs/authproxy.log").read_text().count("\n") > 3
    assert stat.S_IMODE((directory / "logs/authproxy.log").stat().st_mode) == 0o600
    assert show(file, "--extract", directory).exit_code == 1  # nothing is overwritten
    assert "there are: " in show(file, "--print", "../../etc/passwd").stderr
    told = json.loads(show(file, "--json").stdout)
    assert told["problems"] == [] and set(told["files"]) >= LISTED


def test_a_bundle_for_somebody_else_is_not_opened(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.bundle()
    with keyring() as stranger:
        monkeypatch.setenv("GNUPGHOME", str(stranger.home))
        refused = show(site.directory / "b.gpg")
    assert refused.exit_code == 1 and "another key than yours" in refused.stderr


def made(names: dict[str, bytes], **about: Any) -> bytes:
    collected = Collected(names)
    return archive.pack(collected, about, 0.0)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a//b", ".ssh", "a\nb", "x" * 300])
def test_a_name_that_leads_elsewhere_opens_nothing(tmp_path: Path, name: str) -> None:
    file = tmp_path / "b.tar.gz"
    file.write_bytes(made({"good.txt": b"x", name: b"evil"}))
    refused = show(file, "--extract", tmp_path / "out")
    assert refused.exit_code == 1 and "no place in a support bundle" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_links_are_no_files(tmp_path: Path) -> None:
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as writing:
        link = tarfile.TarInfo("logs")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        writing.addfile(link)
    file = tmp_path / "b.tar.gz"
    file.write_bytes(packed.getvalue())
    assert "no place in a support bundle" in show(file).stderr


def test_what_the_manifest_does_not_vouch_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import tarfile

    good = archive.unpack(made({"a.txt": b"a", "b.txt": b"b"}))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as writing:
        for name, data in {
            "manifest.json": json.dumps(good.manifest).encode(),
            "a.txt": b"A",
            "c.txt": b"c",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            writing.addfile(member, io.BytesIO(data))
    file = tmp_path / "b.tar.gz"
    file.write_bytes(packed.getvalue())
    told = show(file)
    assert told.exit_code == 1
    assert {line.split(":")[1].strip() for line in told.stderr.splitlines()} == {"a.txt", "b.txt", "c.txt"}


def test_what_is_far_too_large_or_no_bundle_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST_BYTES", 10_000)
    file = tmp_path / "b.tar.gz"
    file.write_bytes(made({"a.txt": bytes(20_000)}))
    assert "far larger" in show(file).stderr
    for data in (b"\x1f\x8bnothing", b"no gpg at all"):
        file.write_bytes(data)
        refused = show(file)
        assert (
            refused.exit_code == 1
            and refused.stderr.startswith("authproxy: ")
            and "Traceback" not in refused.stderr
        )


def test_what_came_from_the_network_is_printed_without_control_characters(tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    file.write_bytes(made({"a.txt": b"\x1b]0;owned\x07"}, host="\x1b[2J"))
    assert "\x1b" not in show(file, "--print", "a.txt").stdout + show(file).stdout
