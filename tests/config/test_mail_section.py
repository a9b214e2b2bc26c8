"""``[mail]``: what it becomes, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from authproxy.assembly.fixed import fixed_differences
from authproxy.config.build import examine, load

REST = "[duo_only_client]\n[radius_server_duo_only]\nradius_ip_1=127.0.0.1\nradius_secret_1=secret\n"


def write(directory: Path, section: str) -> Path:
    path = directory / "authproxy.cfg"
    path.write_text(f"[service]\nstate_dir={directory}/state\n{REST}{section}")
    path.chmod(0o600)
    return path


def test_everything_that_is_given_is_used(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "mail").mkdir()
    (tmp_path / "password").write_text("open sesame\n")
    section = (
        "[mail]\nhost=mail.firm.example\nusername=mfa\npassword_file=password\nfrom=mfa@firm.example\n"
        "from_name=The firm\nreply_to=help@firm.example\nssl_ca_certs_file=ca.pem\ntemplate_dir=mail\ntimeout=5\n"
    )
    mail = load(write(tmp_path, section)).mail
    assert mail is not None
    assert (mail.host, mail.port, mail.tls) == ("mail.firm.example", 587, "starttls")
    assert (mail.sender, mail.sender_name, mail.reply_to) == ("mfa@firm.example", "The firm", "help@firm.example")
    assert mail.password is not None
    assert mail.password.reveal() == "open sesame"
    assert "sesame" not in repr(mail)
    assert (mail.ssl_ca_certs_file, mail.template_dir) == (tmp_path / "ca.pem", tmp_path / "mail")


@pytest.mark.parametrize(("tls", "port"), [("tls", 465), ("none", 25), ("starttls", 587)])
def test_the_port_follows_how_the_connection_is_protected(tmp_path: Path, tls: str, port: int) -> None:
    mail = load(write(tmp_path, f"[mail]\nhost=localhost\nfrom=a@example.com\ntls={tls}\n")).mail
    assert mail is not None
    assert mail.port == port


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "host: missing"),
        ("host=mail\nfrom=nobody", "wanted a mail address"),
        ("host=mail\nfrom=b@exam ple.com", "wanted a mail address"),
        ("host=mail\nfrom=a@example.com\nreply_to=<b@example.com>", "wanted a mail address"),
        ("host=mail\nfrom=a@example.com\nusername=x", "needs password, too"),
        ("host=mail\nfrom=a@example.com\npassword=x", "needs username, too"),
        ("host=mail\nfrom=a@example.com\ntls=none", "cross the network in clear"),
        ("host=mail\nfrom=a@example.com\ntemplate_dir=nowhere", "is not a directory"),
        ("host=mail\nfrom=a@example.com\nssl_ca_certs_file=nowhere.pem", "there is no"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, lines: str, told: str) -> None:
    problems = "\n".join(problem.render() for problem in examine(write(tmp_path, f"[mail]\n{lines}\n")).problems)
    assert told in problems


def test_a_change_needs_a_restart(tmp_path: Path) -> None:
    section = "[mail]\nhost=localhost\nfrom=a@example.com\n"
    before = load(write(tmp_path, section))
    after = load(write(tmp_path, section + "timeout=3\n"))
    assert fixed_differences(before, after) == ["[mail] timeout"]
