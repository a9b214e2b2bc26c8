"""A real FreeRADIUS that speaks MS-CHAP and EAP: MD5, GTC, MSCHAPv2, TLS, PEAP and TTLS.

    with EapRadius(tmp_path, {"bob": "hello"}, inner_name=True) as peer:
        ... 127.0.0.1:peer.port, peer.secret, peer.ca ...

``inner_name``: the accept names the user inside the tunnel. Without it FreeRADIUS does what it does by itself: it
adds the outer name. ``anonymous_reply``: no name at all, as other servers answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import trustme

from tests.peers.freeradius import OWN_PLACE, FreeRadiusProcess
from tests.peers.ports import free_port

_CONFIG = (
    OWN_PLACE
    + """\
client loopback {{
    ipaddr = 127.0.0.0/8
    secret = "{secret}"
    require_message_authenticator = yes
}}
modules {{
    pap {{
        normalise = no
    }}
    mschap {{
        use_mppe = yes
        require_encryption = yes
        require_strong = yes
    }}
    expr {{
    }}
    always ok {{
        rcode = ok
    }}
    files {{
        filename = {dir}/users
        key = "%{{User-Name}}"
    }}
    eap {{
        default_eap_type = {default_type}
        timer_expire = 60
        max_sessions = 4096
        md5 {{
        }}
        gtc {{
            auth_type = PAP
        }}
        mschapv2 {{
            send_error = no
        }}
        tls-config common {{
            private_key_file = {dir}/key.pem
            certificate_file = {dir}/cert.pem
            ca_file = {dir}/ca.pem
            cipher_list = "DEFAULT"
            tls_min_version = "1.2"
            tls_max_version = "1.2"
            ecdh_curve = "prime256v1"
        }}
        tls {{
            tls = common
        }}
        ttls {{
            tls = common
            default_eap_type = md5
            copy_request_to_tunnel = no
            use_tunneled_reply = no
            virtual_server = "inner"
        }}
        peap {{
            tls = common
            default_eap_type = mschapv2
            use_tunneled_reply = no
            virtual_server = "inner"
        }}
    }}
}}
server outer {{
    namespace = radius
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        mschap
        eap {{
            ok = return
        }}
        files
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
        Auth-Type MS-CHAP {{
            mschap
        }}
        mschap
        eap
    }}
    post-auth {{
        {outer_name}
        Post-Auth-Type REJECT {{
            eap
        }}
    }}
}}
server inner {{
    authorize {{
        mschap
        eap {{
            ok = return
        }}
        files
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
        Auth-Type MS-CHAP {{
            mschap
        }}
        mschap
        eap
    }}
    post-auth {{
        {inner_name}
    }}
}}
"""
)
# What docs/radius-upstream.md recommends: the inner server hands its name to the outer one
_INNER_NAME = """update outer.session-state {
            User-Name := &User-Name
        }"""
_OUTER_NAME = """if (&session-state:User-Name) {
            update reply {
                User-Name := &session-state:User-Name
            }
        }"""
_NO_NAME = """update reply {
            User-Name !* ANY
        }"""


class EapRadius(FreeRadiusProcess):
    """One process. ``default_type``: the EAP type that is proposed first. ``authority`` issues
    its certificate, and the one in ``client_certificate``: alice's. ``users``: name -> password."""

    def __init__(
        self,
        directory: Path,
        users: Mapping[str, str],
        *,
        inner_name: bool = False,
        anonymous_reply: bool = False,
        default_type: str = "peap",
        authority: trustme.CA | None = None,
        secret: str = "the upstream secret",
    ) -> None:
        super().__init__(directory, secret, free_port())
        self.ca = directory / "ca.pem"
        self.client_certificate = directory / "client.pem"
        self._write_certificates(authority or trustme.CA())
        outer_name = _OUTER_NAME if inner_name else _NO_NAME if anonymous_reply else "ok"
        config = _CONFIG.format(
            dir=directory,
            secret=secret,
            port=self.port,
            default_type=default_type,
            inner_name=_INNER_NAME if inner_name else "ok",
            outer_name=outer_name,
        )
        (directory / "radiusd.conf").write_text(config)
        lines = (f'{name}\tCleartext-Password := "{password}"\n' for name, password in users.items())
        (directory / "users").write_text("".join(lines))

    def _write_certificates(self, authority: trustme.CA) -> None:
        authority.cert_pem.write_to_path(self.ca)
        server = authority.issue_cert("radius.example.test", common_name="radius.example.test")
        server.private_key_pem.write_to_path(self._directory / "key.pem")
        server.cert_chain_pems[0].write_to_path(self._directory / "cert.pem")
        client = authority.issue_cert("alice@example.test", common_name="alice")
        client.private_key_and_cert_chain_pem.write_to_path(self.client_certificate)
