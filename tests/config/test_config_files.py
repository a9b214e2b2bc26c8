"""Files and directories that a configuration names, and where the configuration itself is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from authproxy.config import check_files as files
from authproxy.config.build import examine, load
from authproxy.config.locate import find
from authproxy.config.places import Places
from authproxy.config.settings import AdClientSettings
from authproxy.errors import ConfigError

Write = Callable[[str], Path]

DIRECTORY = """[ad_client]
host=localhost
service_account_username=lookup
service_account_password=pw
search_dn=DC=firm,DC=example
transport=ldaps
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)

    def write_file(text: str) -> Path:
        path = tmp_path / "conf" / "authproxy.cfg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write_file


def errors(path: Path) -> list[str]:
    return [problem.render() for problem in examine(path).problems if problem.severity == "error"]


@pytest.mark.parametrize("place", ["conf", "."])
def test_certificates_are_found_beside_the_file_and_one_directory_up(
    write: Write, tmp_path: Path, place: str
) -> None:
    path = write(DIRECTORY + "ssl_ca_certs_file=ca.pem\n")
    where = (tmp_path / place / "ca.pem").resolve()
    trustme.CA().cert_pem.write_to_path(where)
    assert errors(path) == []
    directory = load(path).clients["ad_client"]
    assert isinstance(directory, AdClientSettings)
    assert directory.ssl_ca_certs_file == where


def test_missing_certificate_names_every_place_that_was_looked_at(write: Write, tmp_path: Path) -> None:
    path = write(DIRECTORY + "ssl_ca_certs_file=conf/ca.pem\n")
    looked = f"{tmp_path}/conf/conf/ca.pem nor {tmp_path}/conf/ca.pem"
    assert errors(path) == [f"{path}:7: [ad_client] ssl_ca_certs_file: there is no {looked}"]
    assert examine(path, syntax_only=True).usable


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_file_without_a_certificate_is_an_error(write: Write, tmp_path: Path, content: bytes) -> None:
    path = write(DIRECTORY + "ssl_ca_certs_file=ca.pem\n")
    (tmp_path / "conf" / "ca.pem").write_bytes(content)
    (error,) = errors(path)
    assert "holds no usable certificate in PEM format" in error


def test_private_keys_must_be_keys_without_a_passphrase(tmp_path: Path) -> None:
    ca = trustme.CA()
    key = serialization.load_pem_private_key(ca.private_key_pem.bytes(), None)
    for name, encryption, part in (
        ("good", serialization.NoEncryption(), ""),
        ("locked", serialization.BestAvailableEncryption(b"x"), "has a passphrase"),
    ):
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        (tmp_path / name).write_bytes(pem)
        wrong = files._wrong_pem(str(tmp_path / name), Places(tmp_path / "x.cfg", tmp_path, {}), is_key=True)
        assert part in wrong
        assert bool(part) == bool(wrong)


def test_state_directory_must_be_a_directory(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = write("[service]\nstate_dir=file/state\n[main]\nlog_dir=file\n")
    assert errors(path) == [
        f"{path}:2: [service] state_dir: can't use {tmp_path}/file/state: {tmp_path}/file/state: Not a directory",
        f"{path}:4: [main] log_dir: can't use {tmp_path}/file: {tmp_path}/file is not a directory",
    ]


def test_directory_without_the_right_to_write_is_an_error(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # tests may run as root, who may do everything
    path = write("[service]\nstate_dir=state\n[main]\nlog_dir=conf\n")
    assert errors(path) == [
        f"{path}:2: [service] state_dir: can't use {tmp_path}/state: no right to create it in {tmp_path}",
        f"{path}:4: [main] log_dir: can't use {tmp_path}/conf: no right to write to {tmp_path}/conf",
    ]


def test_log_directory_does_not_matter_without_log_files(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert errors(write("[main]\nlog_dir=file\nlog_file=no\n")) == []


def test_files_with_secrets_are_looked_at(write: Write, tmp_path: Path) -> None:
    path = write("[service]\npassphrase_file=none\nseed_key_file=/nowhere\n")
    assert [error.partition(": ")[2] for error in errors(path)] == [
        f"[service] passphrase_file: can't read {tmp_path}/conf/none: No such file or directory",
        "[service] seed_key_file: can't read /nowhere: No such file or directory",
    ]


def test_credentials_are_looked_at_only_where_systemd_passes_them(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("[service]\npassphrase_file=credential:phrase\n")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (problem,) = [problem for problem in examine(path).problems if problem.key]
    assert (problem.severity, problem.message[:13]) == ("info", "not looked at")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert errors(path) == [
        f"{path}:2: [service] passphrase_file: can't read {tmp_path}/phrase: No such file or directory"
    ]


def test_checking_makes_no_directory(write: Write, tmp_path: Path) -> None:
    assert examine(write("[main]\n")).usable
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf"]


def test_dictionary_directory_must_be_there(write: Write) -> None:
    (error,) = errors(write("[main]\ndictionary_dir=dictionaries\n"))
    assert "dictionaries is not a directory" in error


@pytest.mark.parametrize(
    ("mode", "secret", "warned"),
    [
        (0o644, "service_account_password=pw", True),
        (0o640, "service_account_password=pw", False),
        (0o644, "service_account_password_protected=gpg1:x", False),
    ],
)
def test_plain_secrets_in_a_file_for_everybody_are_a_warning(
    write: Write, mode: int, secret: str, warned: bool
) -> None:
    path = write(DIRECTORY.replace("service_account_password=pw", secret))
    path.chmod(mode)
    assert any("everybody on this host" in problem.message for problem in examine(path).problems) is warned


# ---------------------------------------------------------------- which file


def test_named_file_is_taken_even_if_it_is_missing(tmp_path: Path) -> None:
    assert find(tmp_path / "none.cfg", {"AUTHPROXY_CONFIG": "/other"}) == tmp_path / "none.cfg"


def test_order_is_environment_system_conf_here(tmp_path: Path) -> None:
    system, conf, here = tmp_path / "etc.cfg", tmp_path / "conf/authproxy.cfg", tmp_path / "authproxy.cfg"
    (tmp_path / "conf").mkdir()
    with pytest.raises(ConfigError) as caught:
        find(None, {}, tmp_path, system)
    assert all(str(path) in str(caught.value) for path in (system, conf, here))
    for path in (here, conf, system):
        path.touch()
        assert find(None, {}, tmp_path, system) == path
    assert find(None, {"AUTHPROXY_CONFIG": "/srv/a.cfg"}, tmp_path, system) == Path("/srv/a.cfg")


def test_kerberos_needs_its_packages_and_a_readable_keytab(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(DIRECTORY + "auth_type=kerberos\nkeytab=svc.keytab\n")
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    packages, keytab = errors(path)
    assert "gssapi, krb5; run 'make kerberos'" in packages
    assert f"can't read {tmp_path}/conf/svc.keytab" in keytab
    monkeypatch.setattr(files, "find_spec", lambda name: name)
    (tmp_path / "conf/svc.keytab").touch()
    assert errors(path) == []
