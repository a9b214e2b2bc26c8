"""The daemon with a web side that was given a port and nothing else."""

from __future__ import annotations

import hashlib
import socket
import ssl
from pathlib import Path

import duo_client
import pytest
import trustme

from tests.peers.ports import free_port
from tests.system.daemon import Daemon

_CONFIG = """\
[service]
state_dir={state}
seed_key=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
interface=127.0.0.1
port={port}
{more}
"""


def daemon(directory: Path, port: int, more: str = "") -> Daemon:
    return Daemon(directory, _CONFIG.format(state=directory / "state", port=port, more=more))


def test_a_port_is_enough_and_the_ready_line_has_the_fingerprint_that_clients_see(tmp_path: Path) -> None:
    port = free_port()
    running = daemon(tmp_path, port).start()
    try:
        pem = str(tmp_path / "state" / "web.pem")
        ping = duo_client.Auth(ikey="DI", skey="x", host="localhost", port=port, ca_certs=pem).ping()
        assert isinstance(ping["time"], int)
        seen = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port))))
        fingerprint = seen.digest().hex(":").upper()
        ready = next(line for line in running.output if "is ready" in line)
        assert f"[service] on 127.0.0.1 port {port}/tcp (HTTPS, self-signed, SHA-256 {fingerprint})" in ready
    finally:
        assert running.stop() == 0
    assert "Traceback" not in running.log()
    again = daemon(tmp_path, port).start()  # with the same certificate
    assert again.stop() == 0
    assert fingerprint in "".join(again.output)


def test_a_port_that_is_taken_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=rf"can't listen on 127\.0\.0\.1 port {port}/tcp"):
            daemon(tmp_path, port).start()


def test_a_key_that_does_not_fit_its_certificate_ends_the_start_with_one_line(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.issue_cert("localhost").cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    ca.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "key.pem")
    more = f"ssl_cert_path={tmp_path}/chain.pem\nssl_key_path={tmp_path}/key.pem"
    with pytest.raises(AssertionError, match=r"the certificate .*chain\.pem can't be used: .*mismatch"):
        daemon(tmp_path, free_port(), more).start()
