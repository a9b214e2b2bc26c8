"""FreeRADIUS as the yardstick: ``password,code``, rlm_ldap search and bind, rlm_totp with a seed per user."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

from bench.load import is_answering
from bench.people import Person
from bench.processes import Process, free_port
from bench.slapd import BASE, SERVICE_DN, SERVICE_PASSWORD

_CONFIG = """
prefix = /usr
name = radiusd
confdir = {dir}
raddbdir = {dir}
logdir = {dir}
run_dir = {dir}
db_dir = {dir}
libdir = /usr/lib/freeradius
pidfile = {dir}/radiusd.pid
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
log {{
  destination = files
  file = {dir}/radius.log
  auth = yes
}}
security {{
  max_attributes = 200
  reject_delay = 0
  status_server = yes
  allow_vulnerable_openssl = yes
}}
thread pool {{
  start_servers = 5
  max_servers = 32
  min_spare_servers = 3
  max_spare_servers = 10
  max_requests_per_server = 0
}}
client loopback {{
  ipaddr = 127.0.0.0/8
  secret = "{secret}"
  require_message_authenticator = yes
}}
modules {{
  expr {{
  }}
  files {{
    filename = {dir}/users
    key = "%{{User-Name}}"
  }}
  totp {{
    time_step = 30
    otp_length = 6
    lookback_steps = 1
    lookback_interval = 30
  }}
  ldap {{
    server = "127.0.0.1"
    port = {ldap_port}
    identity = "{service_dn}"
    password = "{service_password}"
    base_dn = "{base}"
    user {{
      base_dn = "ou=People,{base}"
      filter = "(uid=%{{User-Name}})"
    }}
    options {{
      chase_referrals = no
      rebind = yes
      res_timeout = 10
      net_timeout = 5
    }}
    pool {{
      start = 5
      min = 5
      max = 32
      spare = 3
      uses = 0
      lifetime = 0
      idle_timeout = 60
    }}
  }}
}}
server pap {{
  namespace = radius
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    if (&User-Password =~ /^(.*),([0-9]{{6}})$/) {{
      update request {{
        User-Password := "%{{1}}"
        TOTP-Password := "%{{2}}"
      }}
    }}
    files
    ldap
    if (ok || updated) {{
      update control {{
        Auth-Type := LDAP
      }}
    }}
  }}
  authenticate {{
    Auth-Type LDAP {{
      ldap
      if (ok) {{
        totp
      }}
    }}
  }}
}}
"""


class BenchFreeRadius:
    name = "FreeRADIUS"

    def __init__(self, directory: Path, persons: Iterable[Person], ldap_port: int, secret: str) -> None:
        directory.mkdir(parents=True)
        self._dir = directory
        self._secret = secret
        self.port = free_port(socket.SOCK_DGRAM)
        (directory / "radiusd.conf").write_text(
            _CONFIG.format(
                dir=directory,
                port=self.port,
                ldap_port=ldap_port,
                secret=secret,
                base=BASE,
                service_dn=SERVICE_DN,
                service_password=SERVICE_PASSWORD,
            )
        )
        seeds = (f'{person.username}\tTOTP-Secret := "{person.seed_base32}"\n' for person in persons)
        (directory / "users").write_text("\n".join(seeds))

    def start(self) -> BenchFreeRadius:
        arguments = ["/usr/sbin/freeradius", "-f", "-d", str(self._dir), "-n", "radiusd"]
        self.process = Process(self.name, arguments, self._dir / "stdout")
        self.process.wait_until(lambda: is_answering(self.port, self._secret.encode()))
        return self
