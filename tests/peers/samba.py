"""A real Active Directory on loopback: Samba's domain controller, provisioned in a directory of its own.

    with SambaAD(directory) as ad:          # or the session's one: the ``samba_ad`` fixture
        ... ldaps://ad.host:636, ldap://ad.host:389 (StartTLS), ad.ca_file, ad.base ...

Samba's ports are fixed, so it has an address of its own, 127.0.0.10. It needs root. Without TLS it refuses
plain binds, as a domain controller of today does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

HOST = "127.0.0.10"
DNS_NAME = "dc1.addc.test"
BASE = "DC=addc,DC=test"
NETBIOS_DOMAIN = "ADDC"
UPN_SUFFIX = "addc.test"
SERVICE_USER = "svc-proxy"
PASSWORD = "Passw0rd-123"
_ADMIN_PASSWORD = "Adm1n-Passw0rd!"
_POPULATE = Path(__file__).with_name("samba_accounts.py")
_SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's python3-samba is not in a virtual environment
_START_SECONDS = 60.0
_WRONG_TRIES_TO_LOCK = 3

_CONFIG = """[global]
netbios name = DC1
realm = ADDC.TEST
workgroup = {domain}
server role = active directory domain controller
interfaces = {host}/8
bind interfaces only = yes
private dir = {dir}/private
state directory = {dir}/state
cache directory = {dir}/cache
lock directory = {dir}/lock
pid directory = {dir}/run
ncalrpc dir = {dir}/ncalrpc
binddns dir = {dir}/binddns
ntp signd socket directory = {dir}/ntp_signd
winbindd socket directory = {dir}/winbindd
log file = {dir}/log/log.%m
log level = 1
server services = rpc, ldap, cldap, kdc, drepl
tls enabled = yes
tls keyfile = {dir}/tls/key.pem
tls certfile = {dir}/tls/cert.pem
tls cafile = {dir}/tls/ca.pem
disable spoolss = yes
load printers = no
[sysvol]
path = {dir}/state/sysvol
read only = no
[netlogon]
path = {dir}/state/sysvol/addc.test/scripts
read only = no
"""


@dataclass(frozen=True)
class Account:
    """``name``: sAMAccountName. All have ``PASSWORD``."""

    name: str
    dn: str


def require_samba() -> None:
    """Skips the test where Samba can't run, or fails it where CI=true."""
    missing = ""
    if os.geteuid() != 0:
        missing = "Samba's domain controller needs root"
    elif shutil.which("samba", path="/usr/sbin:/usr/bin") is None or not Path("/usr/share/samba/setup").is_dir():
        missing = "no Samba: apt-get install samba samba-ad-provision samba-dsdb-modules python3-samba"
    if not missing:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class SambaAD:
    """One domain. Starting takes about 10 seconds the first time in a directory, 3 afterwards."""

    host = HOST
    dns_name = DNS_NAME
    base = BASE
    ldap_port = 389
    ldaps_port = 636

    def __init__(self, directory: Path, strong_auth: str = "yes") -> None:
        """``strong_auth``: ``yes`` takes SASL only where it seals, without TLS; ``allow_sasl_over_tls``
        also without sealing inside TLS; ``no`` takes anything."""
        require_samba()
        self.strong_auth = strong_auth
        self._dir = directory
        self._config = directory / "smb.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self.ca_file = directory / "tls/ca.pem"
        self.krb5_config = directory / "krb5.conf"
        self.accounts: dict[str, Account] = {}

    def __enter__(self) -> SambaAD:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> SambaAD:
        if not (self._dir / "provisioned").exists():
            self._provision()
            self._populate()
            (self._dir / "provisioned").touch()
        self.accounts = {
            name: Account(name, dn) for name, dn in json.loads((self._dir / "accounts.json").read_text()).items()
        }
        arguments = [
            "samba",
            "-i",
            "-M",
            "single",
            "--no-process-group",
            "--debug-stdout",
            "-s",
            str(self._config),
            f"--option=ldap server require strong auth={self.strong_auth}",
        ]
        with (self._dir / "log/samba.out").open("ab") as output:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._environment(),
            )
        give_up = time.monotonic() + _START_SECONDS
        while not self._is_listening():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                pytest.fail(f"Samba did not start:\n{self.log()[-2000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Ends the whole session that ``start`` opened: Samba's workers outlive their parent otherwise."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def log(self) -> str:
        return (self._dir / "log/samba.out").read_text("utf-8", "replace")

    def dn(self, name: str) -> str:
        """The DN of an account or a group, by sAMAccountName."""
        return self.accounts[name].dn

    def keytab(self, name: str) -> Path:
        """A file with the keys of an account."""
        file = self._dir / f"{name}.keytab"
        if not file.exists():
            self._run(
                ["samba-tool", "domain", "exportkeytab", "-s", str(self._config), f"--principal={name}", str(file)]
            )
        return file

    # ------------------------------------------------------------ making the domain

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KRB5_CONFIG": str(self._dir / "krb5.conf"), "PYTHONPATH": ""}

    def _provision(self) -> None:
        shutil.rmtree(self._dir, ignore_errors=True)
        # ntp_signd and winbindd are left out: samba makes them, with modes of its own
        for name in ("private", "state", "cache", "lock", "run", "ncalrpc", "tls", "log"):
            (self._dir / name).mkdir(parents=True)
        self._dir.chmod(0o755)
        self._config.write_text(_CONFIG.format(dir=self._dir, host=HOST, domain=NETBIOS_DOMAIN))
        (self._dir / "krb5.conf").write_text(
            "[libdefaults]\ndefault_realm = ADDC.TEST\ndns_lookup_realm = false\ndns_lookup_kdc = false\n"
            "rdns = false\ndns_canonicalize_hostname = false\n"
            f"[realms]\nADDC.TEST = {{\nkdc = {HOST}\n}}\n"
        )
        self._certify()
        arguments = ["--realm=ADDC.TEST", f"--domain={NETBIOS_DOMAIN}", "--server-role=dc", "--host-name=dc1"]
        arguments += ["--dns-backend=SAMBA_INTERNAL", f"--adminpass={_ADMIN_PASSWORD}", f"--host-ip={HOST}"]
        self._run(["samba-tool", "domain", "provision", "-s", str(self._config), *arguments])

    def _certify(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert(DNS_NAME, HOST, "localhost")
        (self._dir / "tls/cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        key = self._dir / "tls/key.pem"
        key.touch(0o600)  # Samba refuses a key that others can read
        certificate.private_key_pem.write_to_path(str(key))

    def _populate(self) -> None:
        # -I: this directory has a samba.py, too
        self._run([_SYSTEM_PYTHON, "-I", str(_POPULATE), str(self._dir), PASSWORD])
        self.accounts = {}

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment(), check=False)
        if done.returncode:
            shutil.rmtree(self._dir, ignore_errors=True)
            pytest.fail(f"{' '.join(command[:3])} failed:\n{(done.stdout + done.stderr)[-2000:]}")

    def _is_listening(self) -> bool:
        for port in (self.ldap_port, self.ldaps_port):
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex((HOST, port)) != 0:
                    return False
        return True
