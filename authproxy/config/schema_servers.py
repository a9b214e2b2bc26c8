"""The sections that say who is served, and those that stay with Duo's own proxy."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option, Role, SectionType, Shape
from authproxy.config.schema_factors import VERIFIED_PUSH
from authproxy.config.schema_shared import (
    ALLOW_CONCAT,
    API_TIMEOUT,
    CIPHERS,
    CLIENT,
    DEBUG,
    EAP_IDENTITY,
    FACTORS,
    FAILMODE,
    INTERFACE,
    OUTBOUND,
    PROMPT_FORMAT,
    RADIUS_SERVER,
    REMOTE_SERVICE,
    SERVICE_ACCOUNT,
    TLS_VERSION,
    TYPED,
)

RADIUS_SERVER_AUTO = SectionType(
    "radius_server_auto",
    Role.SERVER,
    "RADIUS: password first, then a factor chosen automatically or appended to the password (`password,push`).",
    (*RADIUS_SERVER, FACTORS, *TYPED, ALLOW_CONCAT, EAP_IDENTITY, VERIFIED_PUSH),
)
RADIUS_SERVER_CHALLENGE = SectionType(
    "radius_server_challenge",
    Role.SERVER,
    "RADIUS: password first, then the user answers a text prompt (Access-Challenge).",
    (
        *RADIUS_SERVER,
        FACTORS,
        Option(
            "enroll_challenge",
            kind.BOOLEAN,
            "show users without a device where to enroll; false: reject them",
            "true",
        ),
        VERIFIED_PUSH,
        PROMPT_FORMAT,
    ),
)
RADIUS_SERVER_CONCAT = SectionType(
    "radius_server_concat",
    Role.SERVER,
    "RADIUS: a factor or passcode must be appended to the password.",
    (*RADIUS_SERVER, FACTORS, *TYPED),
)
RADIUS_SERVER_DUO_ONLY = SectionType(
    "radius_server_duo_only",
    Role.SERVER,
    "RADIUS: the password field holds the factor or passcode only; the appliance checks the password itself.",
    (*RADIUS_SERVER, FACTORS),
)
RADIUS_SERVER_IFRAME = SectionType(
    "radius_server_iframe",
    Role.SERVER,
    "RADIUS with a web prompt inside the appliance's login page (end of life).",
    (*RADIUS_SERVER, Option("type", kind.TEXT, "the appliance's kind", required=True)),
    pending="the iframe prompt is at its end of life and not provided; "
    "use [radius_server_challenge] or [radius_server_auto], or keep Duo's own proxy for this section",
)
RADIUS_SERVER_EAP = SectionType(
    "radius_server_eap",
    Role.SERVER,
    "RADIUS: PEAP with EAP-GTC inside.",
    (
        *RADIUS_SERVER,
        FACTORS,
        *TYPED,
        Option("certs", kind.PATH, "certificate (chain), PEM"),
        Option("pkey", kind.PATH, "its private key, PEM, without a passphrase"),
        Option("prompt", kind.TEXT, "text that asks for the password"),
        PROMPT_FORMAT,
        TLS_VERSION,
        CIPHERS,
    ),
    pending="EAP is not supported yet; keep Duo's own proxy for this section",
)
LDAP_SERVER_AUTO = SectionType(
    "ldap_server_auto",
    Role.SERVER,
    "LDAP: binds are checked by the directory, then a second factor is asked.",
    (
        CLIENT,
        INTERFACE,
        Option("port", kind.PORT, "TCP port for LDAP, and for StartTLS with a certificate", "389"),
        Option("ssl_port", kind.PORT, "TCP port for LDAPS, with a certificate", "636"),
        Option("ssl_cert_path", kind.PATH, "certificate (chain), PEM; switches LDAPS and StartTLS on"),
        Option("ssl_key_path", kind.PATH, "its private key, PEM, without a passphrase"),
        TLS_VERSION,
        CIPHERS,
        FAILMODE,
        FACTORS,
        *TYPED,
        ALLOW_CONCAT,
        Option(
            "exempt_primary_bind",
            kind.BOOLEAN,
            "the first bind of a connection needs no second factor, whoever binds; false: every bind needs one",
            "true",
        ),
        Option(
            "exempt_ou",
            kind.DISTINGUISHED_NAME,
            "an account, or everything below a DN, that needs no second factor",
            shape=Shape.NUMBERED,
        ),
        Option(
            "allow_searches_after_bind",
            kind.BOOLEAN,
            "allow searches on a connection after the user's bind",
            "true",
        ),
        Option("allow_unlimited_binds", kind.BOOLEAN, "allow more than two binds on a connection", "true"),
        Option(
            "allow_sasl_mechanisms",
            kind.NAMES,
            "SASL mechanisms, separated by commas, whose binds the directory decides without a second factor",
            default_note="none",
        ),
        Option(
            "remember_bind_seconds",
            kind.seconds(0, 86_400),
            "for applications that bind again and again: how long the same bind from the same address needs no"
            " second factor again (the directory still checks the password); 0: never",
            "0",
        ),
        Option(
            "proxy_protocol",
            kind.ADDRESS_RANGES,
            "load balancers that begin each connection with a PROXY protocol version 2 header",
            default_note="none",
        ),
        Option(
            "network_timeout",
            kind.seconds(0, 86_400),
            "seconds to wait for a directory, or for a client, that has fallen silent in the midst; 0: forever",
            "600",
        ),
        Option(
            "idle_timeout",
            kind.seconds(0, 86_400),
            "seconds until a connection on which nothing happens is closed; 0: never",
            "3600",
        ),
        Option("max_connections", kind.whole_number(1, 100_000), "most connections at a time", "4000"),
        Option(
            "max_connections_per_client",
            kind.whole_number(1, 100_000),
            "most connections at a time from one address",
            "1000",
        ),
        Option(
            "appliance_timeout",
            kind.seconds(1, 600),
            "seconds until the application gives up; the bind is refused before",
            "55",
        ),
        API_TIMEOUT,
        Option(
            "application",
            kind.TEXT,
            "name of this application in the embedded service",
            default_note="the section's name",
        ),
        *REMOTE_SERVICE,
        DEBUG,
    ),
)

# ---------------------------------------------------------------- what stays with Duo's own proxy

HTTP_PROXY = SectionType(
    "http_proxy",
    Role.OTHER,
    "HTTP CONNECT proxy through which other software reaches Duo.",
    (
        Option("api_host", kind.HOST, "the only host that may be reached, at port 443", required=True),
        Option("port", kind.PORT, "TCP port to listen on", "80"),
        Option("client_ip", kind.ADDRESS_RANGES, "addresses that may use it", default_note="every address"),
        INTERFACE,
        DEBUG,
    ),
)
CLOUD = SectionType(
    "cloud",
    Role.OTHER,
    "Directory synchronization with Duo's cloud.",
    (
        Option("ikey", kind.TEXT, "integration key", required=True),
        Option("skey", kind.SECRET, "secret key that belongs to ikey", required=True, secret=True),
        Option("api_host", kind.API_HOST, "Duo's host", required=True),
        *SERVICE_ACCOUNT,
        *OUTBOUND,
        DEBUG,
    ),
    pending="directory synchronization with Duo's cloud is not provided; keep Duo's own proxy for this section",
)
SSO = SectionType(
    "sso",
    Role.OTHER,
    "Authentication source of Duo Single Sign-On.",
    (
        Option("rikey", kind.TEXT, "key of the authentication source", required=True),
        *SERVICE_ACCOUNT,
        *OUTBOUND,
        DEBUG,
    ),
    pending="Duo Single Sign-On is not provided; keep Duo's own proxy for this section",
)
