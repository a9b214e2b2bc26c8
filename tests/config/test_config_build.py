"""From a file to typed settings."""

from __future__ import annotations

import base64
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme

from authproxy.config.build import InvalidConfig, key_places, load, load_with_problems
from authproxy.config.settings import (
    AdClientSettings,
    Appliance,
    AuthType,
    DuoOnlyClientSettings,
    Failmode,
    RadiusClientSettings,
    RadiusServerSettings,
    RemoteSettings,
    RequireMessageAuthenticator,
    ServerMode,
    Settings,
    Transport,
    UpstreamHost,
)
from authproxy.errors import ConfigError, SecretError
from authproxy.model import Factor
from authproxy.secret import Secret

Write = Callable[[str], Path]

DIRECTORY = """
[ad_client]
host=localhost
service_account_username=lookup
service_account_password=pw
search_dn=DC=firm,DC=example
"""
SERVER = """
[radius_server_auto]
radius_ip_1=10.0.0.9
radius_secret_1=nine
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes ``conf/authproxy.cfg`` below the working directory."""
    for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def write_file(text: str) -> Path:
        path = tmp_path / "conf" / "authproxy.cfg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write_file


def reveal(value: str) -> str:
    if not value.startswith("gpg1:"):
        raise AssertionError(value)
    if value == "gpg1:bad":
        raise SecretError("the key for it is not here")
    return value.removeprefix("gpg1:")[::-1]


def test_defaults_of_a_directory_and_a_radius_server(write: Write, tmp_path: Path) -> None:
    settings = load(write(DIRECTORY + SERVER))
    assert settings.clients == {
        "ad_client": AdClientSettings(
            "ad_client", (("localhost", 389),), "DC=firm,DC=example", "lookup", Secret("pw"), AuthType.NTLM2
        )
    }
    appliance = Appliance(ip_address("10.0.0.9"), ip_address("10.0.0.9"), Secret("nine"), 1)
    assert settings.radius_servers == (
        RadiusServerSettings(
            "radius_server_auto", ServerMode.AUTO, "ad_client", (appliance,), application="radius_server_auto"
        ),
    )
    assert settings.unsupported == ()
    assert settings.path == tmp_path / "conf" / "authproxy.cfg"
    assert settings.service.state_dir == tmp_path / "var"
    assert settings.service.database == f"sqlite:///{tmp_path}/var/authproxy.db"
    assert settings.main.log_dir == tmp_path / "var" / "log"


def test_every_option_of_a_directory(write: Write, tmp_path: Path) -> None:
    path = write(
        """
[main]
debug=true
[ad_client3]
HOST=dc1.example
host_3=dc3.example
host_2=2001:db8::2
port=3269
bind_dn=CN=lookup,DC=example
service_account_password=pw
search_dn=DC=example
security_group_dn=CN=VPN,DC=example
ldap_filter=department=IT
auth_type=PLAIN
transport=LDAPS
ssl_verify_hostname=no
minimum_tls_version=tls1.3
cipher_list=ECDHE
timeout=2.5
username_attribute=uid
at_attribute=
pw_codec=latin-1
"""
    )
    assert load(path).clients["ad_client3"] == AdClientSettings(
        name="ad_client3",
        hosts=(("dc1.example", 3269), ("2001:db8::2", 3269), ("dc3.example", 3269)),
        search_dn="DC=example",
        service_account_username="",
        service_account_password=Secret("pw"),
        auth_type=AuthType.PLAIN,
        bind_dn="CN=lookup,DC=example",
        transport=Transport.LDAPS,
        ssl_verify_hostname=False,
        minimum_tls_version="tls1.3",
        cipher_list="ECDHE",
        timeout=2.5,
        security_group_dn="CN=VPN,DC=example",
        ldap_filter="(department=IT)",
        username_attribute="uid",
        at_attribute=None,
        pw_codec="latin-1",
        debug=True,
    )


def test_domain_of_ntlm_reaches_the_directory_client(write: Write) -> None:
    directory = load(write(DIRECTORY + "ntlm_domain=FIRM\n" + SERVER)).clients["ad_client"]
    assert isinstance(directory, AdClientSettings)
    assert (directory.ntlm_domain, directory.service_account_username) == ("FIRM", "lookup")


def test_ldaps_has_its_own_default_port(write: Write) -> None:
    directory = load(write(DIRECTORY + "transport=ldaps\n" + SERVER)).clients["ad_client"]
    assert isinstance(directory, AdClientSettings)
    assert directory.hosts == (("localhost", 636),)


def test_upstream_servers_share_the_first_secret_unless_they_have_their_own(write: Write) -> None:
    path = write(
        """
[radius_client]
host=10.3.0.1
host_2=radius2.example
host_4=10.3.0.4
port_4=1645
secret=one
secret_protected_4=gpg1:ruof
retries=0
retry_wait=0.5
nas_ip=10.0.0.1
pass_through_attr_names=Class,Filter-Id
"""
    )
    assert load(path, reveal).clients["radius_client"] == RadiusClientSettings(
        name="radius_client",
        hosts=(
            UpstreamHost("10.3.0.1", 1812, Secret("one")),
            UpstreamHost("radius2.example", 1812, Secret("one")),
            UpstreamHost("10.3.0.4", 1645, Secret("four")),
        ),
        retries=0,
        retry_wait=0.5,
        nas_ip=ip_address("10.0.0.1"),
        pass_through_attr_names=("Class", "Filter-Id"),
    )


def test_every_option_of_a_radius_server(write: Write) -> None:
    path = write(
        """
[main]
interface=127.0.0.1
debug=yes
[duo_only_client]
[radius_client]
host=localhost
secret=x
[radius_server_auto]
client=Duo_Only_Client
radius_ip_7=10.0.0.0/31
radius_secret_7=seven
port=18120
failmode=SECURE
factors=passcode,sms
delimiter=:
delimited_password_length=8
allow_concat=false
exempt_username_1=guest
exempt_username_9=boss
pass_through_all=true
client_ip_attr=paloalto
pw_codec=utf-16
force_message_authenticator=yes
appliance_timeout=30
api_timeout=5
application=VPN
debug=no
"""
    )
    (server,) = load(path).radius_servers
    assert server == RadiusServerSettings(
        name="radius_server_auto",
        mode=ServerMode.AUTO,
        client="duo_only_client",
        appliances=(Appliance(ip_address("10.0.0.0"), ip_address("10.0.0.1"), Secret("seven"), 7),),
        interface="127.0.0.1",
        port=18120,
        application="VPN",
        failmode=Failmode.SECURE,
        factors=(Factor.PASSCODE, Factor.SMS),
        delimiter=":",
        delimited_password_length=8,
        allow_concat=False,
        exempt_usernames=("guest", "boss"),
        pass_through_all=True,
        client_ip_attr="paloalto",
        pw_codec="utf-16",
        force_message_authenticator=RequireMessageAuthenticator.YES,
        appliance_timeout=30.0,
        api_timeout=5.0,
        debug=False,
    )


def test_modes_and_who_checks_the_password(write: Write) -> None:
    text = "[duo_only_client5]\n"
    for port, mode in enumerate(("challenge", "concat", "duo_only"), start=1812):
        text += f"[radius_server_{mode}]\nport={port}\nradius_ip_1=10.0.0.9\nradius_secret_1=x\n"
    settings = load(write(text + "prompt_format=short\n"))
    assert settings.clients == {"duo_only_client5": DuoOnlyClientSettings("duo_only_client5")}
    assert [(server.mode, server.client) for server in settings.radius_servers] == [
        (ServerMode.CHALLENGE, "duo_only_client5"),
        (ServerMode.CONCAT, "duo_only_client5"),
        (ServerMode.DUO_ONLY, None),
    ]


def test_sections_that_are_not_served_are_listed_and_their_secrets_left_alone(write: Write) -> None:
    path = write(
        DIRECTORY
        + SERVER
        + """
[radius_server_eap]
port=1645
ikey=DIABCDEFGHIJKLMNOPQR
skey_protected=AQAAANCM
api_host=api-1234abcd.second.example
radius_ip_1=10.0.0.9
radius_secret_file_1=/nowhere/at/all
[cloud]
ikey=DIABCDEFGHIJKLMNOPQR
skey_protected=AQAAANCM
api_host=api-1234abcd.second.example
"""
    )
    settings, problems = load_with_problems(path)
    assert [server.name for server in settings.radius_servers] == ["radius_server_auto"]
    assert settings.unsupported == ("radius_server_eap", "cloud")
    assert sum("section has no effect" in problem.message for problem in problems) == 2


def test_a_section_with_keys_uses_that_service(write: Write, tmp_path: Path) -> None:
    authorities = tmp_path / "conf" / "ca.pem"
    path = write(
        "[main]\nhttp_proxy_host=proxy.example\n"
        + DIRECTORY
        + SERVER
        + "ikey=DIABCDEFGHIJKLMNOPQR\nskey=s\napi_host=API-1.second.example\napi_signature=V2\n"
        "http_ca_certs_file=ca.pem\napi_username=directory\n"
    )
    authorities.write_bytes(trustme.CA().cert_pem.bytes())
    (server,) = load(path).radius_servers
    assert server.remote == RemoteSettings(
        ikey="DIABCDEFGHIJKLMNOPQR",
        skey=Secret("s"),
        api_host="api-1.second.example",
        signature_version=2,
        sends_directory_name=True,
        http_proxy=("proxy.example", 80),
        http_ca_certs_file=authorities,
    )


def test_failmode_safe_must_come_to_its_turn(write: Write) -> None:
    keys = "ikey=DIABCDEFGHIJKLMNOPQR\nskey=s\napi_host=api-1.second.example\n"
    _, problems = load_with_problems(write(DIRECTORY + SERVER + keys + "api_timeout=55\n"))
    (found,) = [problem for problem in problems if problem.key == "api_timeout"]
    assert "failmode=safe has no effect" in found.message


def test_an_http_proxy_knows_its_host_and_its_clients(write: Write) -> None:
    section = "[http_proxy]\napi_host=API-1.second.example\nclient_ip=192.0.2.0/30\nport=8080\n"
    (proxy,) = load(write(DIRECTORY + SERVER + section)).http_proxies
    assert (proxy.api_host, proxy.port) == ("api-1.second.example", 8080)
    assert proxy.client_ips == ((ip_address("192.0.2.0"), ip_address("192.0.2.3")),)


def test_api_host_local_is_the_embedded_service(write: Write) -> None:
    (server,) = load(write(DIRECTORY + SERVER + "api_host=local\nikey=anything\n")).radius_servers
    assert server.remote is None


def test_service_alone_is_enough_for_the_commands_of_the_service(write: Write, tmp_path: Path) -> None:
    key = base64.b64encode(bytes(32)).decode()
    settings = load(
        write(
            f"[service]\nstate_dir={tmp_path}/state\nseed_key={key}\nlockout_after=0\nnew_user_policy=allow\n"
            "gnupg_home=keys\npassphrase_file=credential:pass\n[main]\nlog_file=no\nsupport_gpg_recipient=ABCD\n"
        )
    )
    assert isinstance(settings, Settings)
    service = settings.service
    assert (service.state_dir, service.lockout_after, service.new_user_policy) == (tmp_path / "state", 0, "allow")
    assert service.seed_key == Secret(key)
    assert service.gnupg_home == tmp_path / "keys"
    assert service.passphrase_file == "credential:pass"
    assert settings.main.log_dir is None
    assert settings.main.support_gpg_recipient == "ABCD"


def test_state_directory_of_systemd_is_the_default(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/lib:{tmp_path}/other")
    settings = load(write("[main]\n"))
    assert settings.service.state_dir == tmp_path / "lib"
    assert settings.service.database == f"sqlite:///{tmp_path}/lib/authproxy.db"


def test_where_the_key_is_can_be_asked_of_a_file_with_errors(write: Write, tmp_path: Path) -> None:
    path = write("[service]\nstate_dir=/srv/state\npassphrase_file=pass\nport=none\n[nonsense]\n")
    places = key_places(path)
    assert (places.state_dir, places.gnupg_home) == (Path("/srv/state"), Path("/srv/state/gnupg"))
    assert places.passphrase_file == f"{tmp_path}/conf/pass"


# ---------------------------------------------------------------- secrets


def test_secret_from_a_file_loses_one_newline_and_no_more(write: Write, tmp_path: Path) -> None:
    path = write(DIRECTORY + SERVER.replace("radius_secret_1=nine", "radius_secret_file_1=secrets/nine"))
    (tmp_path / "conf" / "secrets").mkdir()
    (tmp_path / "conf" / "secrets" / "nine").write_bytes(b" a # b \n\n")
    (server,) = load(path).radius_servers
    assert server.appliances[0].secret == Secret(" a # b \n")


def test_secret_from_a_credential_of_systemd(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "radius").write_text("from systemd")
    path = write(DIRECTORY + SERVER.replace("radius_secret_1=nine", "radius_secret_file_1=credential:radius"))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (server,) = load(path).radius_servers
    assert server.appliances[0].secret == Secret("from systemd")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("radius_secret_file_1=credential:radius", "systemd passed no credentials"),
        ("radius_secret_file_1=no/such/file", "No such file or directory"),
        ("radius_secret_file_1=/", "Is a directory"),
        ("radius_secret_protected_1=gpg1:bad", "the key for it is not here"),
        ("radius_secret_protected_1=AQAAANCMnd8", "protected by Windows"),
    ],
)
def test_secret_that_cannot_be_had_is_an_error_with_its_place(write: Write, line: str, part: str) -> None:
    path = write(DIRECTORY + SERVER.replace("radius_secret_1=nine", line))
    with pytest.raises(InvalidConfig) as caught:
        load(path, reveal)
    (problem,) = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert part in problem.message
    assert (problem.line, problem.section, problem.key) == (10, "radius_server_auto", line.partition("=")[0])
    assert caught.value.report() == problem.render()


@pytest.mark.parametrize(
    ("name", "part"), [("../x", "can't be the name"), ("", "can't be the name"), ("x", "can't read")]
)
def test_credential_stays_in_its_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, part: str
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(InvalidConfig, match=part):
        load(write(DIRECTORY + SERVER.replace("radius_secret_1=nine", f"radius_secret_file_1=credential:{name}")))


def test_all_secrets_that_cannot_be_had_are_told_at_once(write: Write) -> None:
    text = DIRECTORY.replace("password=pw", "password_protected=gpg1:bad") + SERVER.replace(
        "radius_secret_1=nine", "radius_secret_protected_1=gpg1:bad"
    )
    with pytest.raises(InvalidConfig, match="2 errors") as caught:
        load(write(text), reveal)
    assert len(caught.value.report().split("\n")) == 2


def test_protected_value_without_a_key_is_an_error_and_plain_ones_need_none(write: Write) -> None:
    with pytest.raises(InvalidConfig, match="no key to read it"):
        load(write(DIRECTORY + SERVER.replace("secret_1=nine", "secret_protected_1=gpg1:enin")))


def test_seed_key_must_be_32_bytes(write: Write) -> None:
    with pytest.raises(InvalidConfig, match="base64 of 32 bytes") as caught:
        load(write("[service]\nseed_key=c2hvcnQ=\n"))
    assert "c2hvcnQ" not in caught.value.report()


# ---------------------------------------------------------------- files that can't be used


def test_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read the configuration file .*No such file"):
        load(tmp_path / "none.cfg")


def test_directory_instead_of_a_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)


def test_invalid_file_tells_how_many_errors_and_the_first(write: Write) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(write(SERVER + "port=none\n"))
    assert "2 errors, the first: " in str(caught.value)
    assert "authproxy.cfg:2: [radius_server_auto] client: nothing checks the password" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_undecodable_value_stops_the_load(write: Write) -> None:
    path = write("")
    path.write_bytes(b"[main]\nlog_dir=/caf\xe9\n")
    with pytest.raises(InvalidConfig, match="not UTF-8"):
        load(path)
