"""A new configuration while the daemon runs: what it takes up, what it leaves alone, and what it refuses."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ldap3
import pytest

from authproxy.running.talk import call
from tests.ldap_front.site import LdapSite
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.peers.slapd import BASE, PEOPLE, Slapd
from tests.running.running_site import RunningSite, running_site
from tests.running.test_pending import pushes, until
from tests.system.sites import SECRET

REJECT = "Access-Reject"
ONLY = r"^(\[radius_server_duo_only\]\n)"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(tmp_path / "site") as made:
        made.site.enroll("alice")
        yield made


def reloaded(running: RunningSite) -> str:
    answer = running.ask("reload")
    assert answer["done"], answer
    return str(answer["text"])


def refused(running: RunningSite) -> str:
    answer = running.ask("reload")
    assert answer["done"] is False
    return str(answer["text"])


def test_a_new_secret_counts_from_now_on_and_a_pending_login_ends_with_the_old_one(running: RunningSite) -> None:
    appliance = running.site.appliance("only")
    with ThreadPoolExecutor() as pool:
        login = pool.submit(appliance.login, "alice", "push")
        until(lambda: len(pushes(running)) == 1)
        config = running.config.read_text("utf-8")
        running.config.write_text(
            config.replace(f"radius_secret_1={SECRET}", "radius_secret_1=another secret"), "utf-8"
        )
        assert "[radius_server_duo_only] changed: radius_secret_1" in reloaded(running).splitlines()
        new = running.site.appliance("only", "another secret")
        assert new.login("alice", "000000").code == REJECT
        running.site.daemon.json("push", "approve", *pushes(running))
        assert login.result().code == "Access-Accept"
    assert SECRET not in running.site.daemon.log()


def test_ports_come_and_go_with_their_sections(running: RunningSite) -> None:
    old, new = running.site.ports["only"], free_port()
    running.change(f"^port={old}$", f"port={new}")
    with ThreadPoolExecutor() as pool:
        login = pool.submit(running.site.appliance("only").login, "alice", "push")
        until(lambda: len(pushes(running)) == 1)
        assert reloaded(running) == "[radius_server_duo_only] changed: port"
        running.site.daemon.json("push", "approve", *pushes(running))
        assert login.result().code == "Access-Accept"  # through the port that is given up
    assert Radclient(("127.0.0.1", new), SECRET).login("alice", "000000").code == REJECT
    until(lambda: is_free(old))


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_an_invalid_file_changes_nothing_and_every_problem_is_told(running: RunningSite) -> None:
    good = running.config.read_text("utf-8")
    running.change(ONLY, r"\1failmode=perhaps\nfactors=pidgeon\n")
    text = refused(running)
    assert "failmode" in text and "pidgeon" in text and len(text.splitlines()) == 2
    assert all(line in running.site.daemon.log() for line in text.splitlines())
    assert running.site.login("alice", "000000", "only") == REJECT
    running.config.write_text(good, "utf-8")
    assert reloaded(running).startswith("the file says what it said before")


def test_what_needs_a_restart_is_refused_as_a_whole_and_a_restart_applies_it(running: RunningSite) -> None:
    running.change(r"^\[service\]\n", "[service]\nlockout_seconds=33\n")
    running.change(ONLY, r"\1appliance_timeout=44\n")
    assert "[service] lockout_seconds can't be changed while running: authproxyctl restart" in refused(running)
    assert running.ask("restart")["done"]
    assert reloaded(running).startswith("the file says what it said before")


def test_a_port_that_is_taken_is_told_and_the_old_ones_stay_open(running: RunningSite) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        running.change(f"^port={running.site.ports['only']}$", f"port={port}")
        assert f"can't listen on 127.0.0.1 port {port}/udp" in refused(running)
    assert running.site.login("alice", "000000", "only") == REJECT


def test_a_hangup_reopens_the_log_and_turns_on_debug(running: RunningSite) -> None:
    (log,) = running.state_dir.glob("log/authproxy.log")
    assert running.site.login("alice", "000000", "only") == REJECT
    aside = log.rename(log.with_name("authproxy.log.aside"))
    running.change("^debug=true", "debug=false")
    process = running.site.daemon.process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    until(lambda: log.exists() and "[main] changed: debug" in log.read_text("utf-8"))
    assert running.site.login("alice", "000000", "only") == REJECT
    assert "[debug]" in aside.read_text("utf-8")
    assert "[debug]" not in log.read_text("utf-8").partition("[main] changed: debug")[2]


# ---------------------------------------------------------------- LDAP


def shown_certificate(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port)) as plain:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as secure:
            der = secure.getpeercert(binary_form=True)
    assert der is not None
    done = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=der, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_an_ldap_connection_survives_and_its_next_bind_goes_by_the_new_rules(tmp_path: Path) -> None:
    with Slapd(tmp_path / "slapd", users=3) as slapd:
        site = LdapSite(tmp_path / "authproxy", slapd, f"exempt_primary_bind=false\nexempt_ou_1=ou=Service,{BASE}")
        alice = f"uid=user0001,{PEOPLE}"
        codes = site.enroll("user0001")
        site.daemon.start()
        try:
            server = ldap3.Server(f"ldap://127.0.0.1:{site.port}", get_info=ldap3.NONE)
            connection = ldap3.Connection(server, Slapd.service_dn, Slapd.service_password)
            assert connection.bind()
            before = shown_certificate(site.ssl_port)
            site.certificate.issue("localhost")
            config = site.daemon.config.read_text("utf-8")
            site.daemon.config.write_text(
                config.replace(f"exempt_ou_1=ou=Service,{BASE}", f"exempt_ou_1=ou=Nobody,{BASE}"), "utf-8"
            )
            talk = call(site.daemon.directory / "state")
            assert talk.ask("reload", 30) == {"done": True, "text": "[ldap_server_auto] changed: exempt_ou_1"}
            assert connection.search(PEOPLE, "(uid=user0001)")  # on the connection that was open
            assert connection.rebind(alice, f"pw-0001,{codes.fresh()}")
            assert not connection.rebind(Slapd.service_dn, Slapd.service_password)  # no longer exempt
            assert shown_certificate(site.ssl_port) != before
            (site.certificate.directory / "cert.pem").write_text("nonsense")
            answer = talk.ask("reload", 30)
            assert answer["done"] is False and "cert.pem" in str(answer["text"])
            assert shown_certificate(site.ssl_port) != before
            talk.close()
            connection.unbind()
        finally:
            site.daemon.stop()
