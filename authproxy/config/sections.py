"""The one schema: every section, option, default and help text.

It drives parsing, ``authproxy check``, redaction, the example file and ``docs/options.md``. A secret option also
exists as ``KEY_protected`` and ``KEY_file`` (with a number: ``radius_secret_protected_1``, ``secret_file_2``).
"""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Form, Option, Role, SectionType, Shape, section_base

_REMOTE = "second factors of a remote service are not supported yet"
_FAILOVER, _NUMBERED = Shape.FAILOVER, Shape.NUMBERED

SYSLOG_FACILITIES = tuple(
    f"LOG_{name}"
    for name in (
        *("KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP"),
        *(f"LOCAL{number}" for number in range(8)),
    )
)

# ---------------------------------------------------------------- options that several sections share

DEBUG = Option(
    "debug", kind.BOOLEAN, "log each step and attribute by name; not for permanent use", "false", inherited=True
)
INTERFACE = Option(
    "interface", kind.INTERFACE, "address to listen on", default_note="every address", inherited=True
)
PW_CODEC = Option("pw_codec", kind.CODEC, "text encoding of passwords", "utf-8")
TLS_VERSION = Option(
    "minimum_tls_version",
    kind.one_of("ssl3", "tls1.0", "tls1.1", "tls1.2", "tls1.3"),
    "oldest TLS version to accept",
    "tls1.2",
)
CIPHERS = Option("cipher_list", kind.TEXT, "TLS ciphers, as an OpenSSL cipher list", default_note="OpenSSL's own")
PASS_THROUGH = (
    Option(
        "pass_through_all",
        kind.BOOLEAN,
        "copy every RADIUS attribute between appliance and upstream server",
        "false",
    ),
    Option(
        "pass_through_attr_names",
        kind.NAMES,
        "copy these RADIUS attributes, separated by commas",
        default_note="none",
    ),
)
OUTBOUND = (
    Option(
        "http_proxy_host",
        kind.HOST,
        "HTTP CONNECT proxy for outgoing HTTPS",
        default_note="none",
        inherited=True,
        pending=_REMOTE,
    ),
    Option("http_proxy_port", kind.PORT, "port of that proxy", "80", inherited=True, pending=_REMOTE),
    Option(
        "http_ca_certs_file",
        kind.PATH,
        "PEM file of the authorities trusted for outgoing HTTPS",
        default_note="the operating system's",
        inherited=True,
        pending=_REMOTE,
    ),
)
KEYS = (
    Option(
        "ikey",
        kind.TEXT,
        "key of a remote service; a section with it is not started yet, without it the embedded service is used",
    ),
    Option("skey", kind.SECRET, "secret key that belongs to ikey", secret=True),
    Option(
        "api_host", kind.API_HOST, "host of the remote service; local: the embedded service", default_note="local"
    ),
)
SERVICE_ACCOUNT = (
    Option("service_account_username", kind.TEXT, "account for directory lookups"),
    Option("service_account_password", kind.SECRET, "its password", secret=True),
)
CLIENT = Option(
    "client",
    kind.TEXT,
    "section that checks the password",
    default_note="the client section, if there is just one",
)
FAILMODE = Option(
    "failmode",
    kind.one_of("safe", "secure"),
    "when the second factor can't be asked: safe accepts the password alone, secure rejects",
    "safe",
)
TYPED = (
    Option("delimiter", kind.TEXT, "what separates the password from a factor or passcode behind it", ","),
    Option(
        "delimited_password_length",
        kind.whole_number(0, 128),
        "the first N characters are the password and the rest a factor or passcode; 0: use the delimiter",
        "0",
    ),
)
FACTORS = Option(
    "factors",
    kind.FACTORS,
    "factors that may be used, the preferred one first; auto is push,phone,passcode",
    "auto",
)
ALLOW_CONCAT = Option("allow_concat", kind.BOOLEAN, "look for a factor or passcode behind the password", "true")
API_TIMEOUT = Option(
    "api_timeout",
    kind.seconds(0, 600),
    "longest wait for the second-factor service in seconds, then failmode decides; 0: no limit of its own",
    "0",
)
PROMPT_FORMAT = Option(
    "prompt_format", kind.one_of("long", "short"), "length of the text that asks for a factor", "long"
)

APPLIANCES = (
    Option(
        "radius_ip",
        kind.ADDRESS_RANGE,
        "an appliance: address, range (192.0.2.1-192.0.2.9) or network (192.0.2.0/24)",
        required=True,
        shape=_NUMBERED,
    ),
    Option(
        "radius_secret",
        kind.SECRET,
        "the secret shared with the appliance of the same number",
        required=True,
        shape=_NUMBERED,
        secret=True,
    ),
)
RADIUS_SERVER = (
    CLIENT,
    *APPLIANCES,
    INTERFACE,
    Option("port", kind.PORT, "UDP port to listen on", "1812"),
    FAILMODE,
    Option("exempt_username", kind.TEXT, "a user who needs the password only", shape=_NUMBERED),
    *PASS_THROUGH,
    Option(
        "client_ip_attr",
        kind.TEXT,
        "RADIUS attribute that holds the user's address; paloalto: Palo Alto's own attribute",
        "Calling-Station-Id",
    ),
    Option(
        "force_message_authenticator",
        kind.MESSAGE_AUTHENTICATOR,
        "demand a Message-Authenticator in requests; auto: of every appliance that has once sent one",
        "auto",
    ),
    Option(
        "appliance_timeout",
        kind.seconds(1, 600),
        "seconds until the appliance gives up; the login is rejected before",
        "55",
    ),
    PW_CODEC,
    API_TIMEOUT,
    Option(
        "application",
        kind.TEXT,
        "name of this application in the embedded service",
        default_note="the section's name",
    ),
    *KEYS,
    Option("api_port", kind.PORT, "port of the remote service", "443", pending=_REMOTE),
    *OUTBOUND,
    DEBUG,
)

# ---------------------------------------------------------------- global sections

MAIN = SectionType(
    "main",
    Role.GLOBAL,
    "Options of the whole process. `debug`, `interface` and `http_...` hold for every section that does not set "
    "them itself.",
    (
        Option("debug", kind.BOOLEAN, "log each step and attribute by name; not for permanent use", "false"),
        Option("interface", kind.INTERFACE, "address that servers listen on", default_note="every address"),
        Option("log_dir", kind.PATH, "directory of the log files", default_note="`log` in the state directory"),
        Option("log_file", kind.BOOLEAN, "write authproxy.log", "true"),
        Option("log_max_files", kind.whole_number(0, 10_000), "rotated log files to keep; 0: all", "6"),
        Option(
            "log_max_size",
            kind.whole_number(0, 10**12),
            "bytes at which a log file is rotated; 0: never",
            "10485760",
        ),
        Option("log_auth_events", kind.BOOLEAN, "write authevents.log, one JSON object per line", "false"),
        Option("log_stdout", kind.BOOLEAN, "log to standard output, too", "false"),
        Option("log_stdout_format", kind.one_of("json", "text"), "format of the log on standard output", "json"),
        Option("log_syslog", kind.BOOLEAN, "log to the local syslog, too", "false"),
        Option("syslog_facility", kind.one_of(*SYSLOG_FACILITIES), "syslog facility", "LOG_USER"),
        Option(
            "dictionary_dir",
            kind.PATH,
            "directory of more RADIUS dictionaries, in FreeRADIUS syntax",
            default_note="none",
        ),
        Option(
            "support_gpg_recipient",
            kind.TEXT,
            "GPG key that support bundles are encrypted to",
            default_note="none",
        ),
        Option(
            "log_sso_events",
            kind.BOOLEAN,
            "write ssoevents.log",
            "false",
            pending="single sign-on is not provided",
        ),
        Option(
            "test_connectivity_on_startup",
            kind.BOOLEAN,
            "reach every peer at start and log what is wrong",
            "false",
            pending="not supported yet",
        ),
        Option(
            "fips_mode", kind.BOOLEAN, "use FIPS-validated cryptography only", "false", pending="not supported yet"
        ),
        *OUTBOUND,
    ),
    repeatable=False,
)

SERVICE = SectionType(
    "service",
    Role.GLOBAL,
    "The embedded second-factor service: its store, its policy and its web side.",
    (
        Option(
            "state_dir",
            kind.PATH,
            "directory of the database, keys and logs",
            default_note="`$STATE_DIRECTORY` under systemd, else `var` in the working directory",
        ),
        Option(
            "database",
            kind.DATABASE,
            "where users, devices and logins are stored",
            default_note="sqlite:///STATE_DIR/authproxy.db",
            secret=True,
        ),
        Option(
            "seed_key",
            kind.SECRET,
            "base64 of 32 bytes: the key that encrypts device seeds in the database",
            default_note="made at first use and kept in the state directory",
            secret=True,
        ),
        Option(
            "gnupg_home",
            kind.PATH,
            "GnuPG directory with the key pair of protected values",
            default_note="`gnupg` in the state directory",
        ),
        Option(
            "passphrase_file",
            kind.PATH,
            "file with the passphrase of that key; credential:NAME reads a systemd credential",
            default_note="none",
        ),
        Option(
            "new_user_policy",
            kind.one_of("deny", "allow"),
            "users whom the service does not know: deny rejects, allow accepts the password alone",
            "deny",
        ),
        Option(
            "username_normalization",
            kind.one_of("simple", "none"),
            "simple: DOMAIN\\user, user@domain and user are one user; none: names as they come",
            "simple",
        ),
        Option(
            "lockout_after",
            kind.whole_number(0, 1000),
            "wrong passcodes in a row that lock a user out; 0: never",
            "10",
        ),
        Option("lockout_seconds", kind.whole_number(1, 31_536_000), "how long a lockout lasts, in seconds", "900"),
        Option("totp_window", kind.whole_number(0, 20), "time steps accepted either side of now", "1"),
        Option("hotp_window", kind.whole_number(0, 1000), "codes of a counter-based token accepted ahead", "10"),
        Option("push_seconds", kind.whole_number(10, 600), "how long a push can be answered, in seconds", "60"),
        Option(
            "challenge_seconds",
            kind.whole_number(10, 3600),
            "how long a challenge can be answered, in seconds",
            "300",
        ),
        Option("login_retention_days", kind.whole_number(1, 36_500), "days that logins are kept", "180"),
        Option(
            "base_url",
            kind.URL,
            "address under which browsers and phones reach the service",
            pending="not supported yet",
        ),
        Option(
            "interface",
            kind.INTERFACE,
            "address the web side listens on",
            default_note="every address",
            pending="not supported yet",
        ),
        Option("port", kind.PORT, "TCP port of the web side", "8443", pending="not supported yet"),
        Option(
            "ssl_cert_path", kind.PATH, "certificate (chain) of the web side, PEM", pending="not supported yet"
        ),
        Option(
            "ssl_key_path", kind.PATH, "its private key, PEM, without a passphrase", pending="not supported yet"
        ),
    ),
    repeatable=False,
)

MAIL = SectionType(
    "mail",
    Role.GLOBAL,
    "Outgoing mail, for enrollment and notices.",
    (
        Option("host", kind.HOST, "SMTP server", required=True),
        Option("port", kind.PORT, "its port", "587"),
        Option("tls", kind.one_of("starttls", "tls", "none"), "how the connection is protected", "starttls"),
        Option("username", kind.TEXT, "account for sending", default_note="none"),
        Option("password", kind.SECRET, "its password", secret=True),
        Option("from", kind.TEXT, "sender address", required=True),
    ),
    pending="not supported yet: no mail is sent",
    repeatable=False,
)

TELEPHONY = SectionType(
    "telephony",
    Role.GLOBAL,
    "Gateways for text messages and phone calls.",
    (
        Option("sms_url", kind.URL, "HTTPS address of the gateway for text messages"),
        Option("voice_url", kind.URL, "HTTPS address of the gateway for phone calls"),
        Option("username", kind.TEXT, "account at the gateway"),
        Option("password", kind.SECRET, "its password", secret=True),
        Option("from", kind.TEXT, "number or name that users see as the sender"),
    ),
    pending="not supported yet: no message is sent and nobody is called",
    repeatable=False,
)

METRICS = SectionType(
    "metrics",
    Role.GLOBAL,
    "Figures for Prometheus.",
    (
        Option("interface", kind.INTERFACE, "address to listen on", "127.0.0.1"),
        Option("port", kind.PORT, "TCP port to listen on", "9812"),
    ),
    pending="not supported yet: no figures are served",
    repeatable=False,
)

# ---------------------------------------------------------------- who checks the password

AD_CLIENT = SectionType(
    "ad_client",
    Role.CLIENT,
    "The password is checked by Active Directory or another LDAP directory.",
    (
        Option(
            "host",
            kind.HOST,
            "directory server; host_2 and so on take over when it fails",
            required=True,
            shape=_FAILOVER,
        ),
        Option("port", kind.PORT, "port of every server", default_note="389, or 636 with transport=ldaps"),
        Option(
            "service_account_username",
            kind.TEXT,
            "account for lookups: name, DOMAIN\\name, name@domain or DN",
            required=True,
        ),
        Option("service_account_password", kind.SECRET, "its password", required=True, secret=True),
        Option(
            "search_dn", kind.DISTINGUISHED_NAME, "where users are looked up, with everything below", required=True
        ),
        Option(
            "security_group_dn",
            kind.DISTINGUISHED_NAME,
            "only members of this group may log in",
            default_note="anybody",
        ),
        Option(
            "ldap_filter", kind.FILTER, "only users who match this LDAP filter may log in", default_note="anybody"
        ),
        Option(
            "auth_type",
            kind.one_of("ntlm2", "plain", "ntlm1", "sspi"),
            "how accounts are bound; only plain (a simple bind) exists yet and stands in for the others",
            "ntlm2",
        ),
        Option(
            "bind_dn",
            kind.DISTINGUISHED_NAME,
            "DN of the service account, for auth_type=plain",
            default_note="its username is used",
        ),
        Option("transport", kind.one_of("clear", "starttls", "ldaps"), "how the connection is protected", "clear"),
        Option(
            "ssl_ca_certs_file",
            kind.PATH,
            "PEM file of the authorities trusted for the directory",
            default_note="the operating system's",
        ),
        Option("ssl_verify_hostname", kind.BOOLEAN, "the certificate must be for the name in host", "true"),
        TLS_VERSION,
        CIPHERS,
        Option(
            "timeout", kind.seconds(0.1, 300), "seconds to wait for a server before the next one is tried", "10"
        ),
        Option("username_attribute", kind.ATTRIBUTE, "attribute that holds the user's name", "sAMAccountName"),
        Option(
            "at_attribute",
            kind.ATTRIBUTE,
            "attribute that holds the name if an @ was typed; empty: username_attribute",
            "userPrincipalName",
            keeps_empty=True,
        ),
        Option("ntlm_domain", kind.TEXT, "domain for NTLM", pending="NTLM is not supported yet"),
        Option("ntlm_workstation", kind.TEXT, "workstation name for NTLM", pending="NTLM is not supported yet"),
        PW_CODEC,
        DEBUG,
    ),
)

RADIUS_CLIENT = SectionType(
    "radius_client",
    Role.CLIENT,
    "The password is checked by another RADIUS server.",
    (
        Option(
            "host",
            kind.HOST,
            "RADIUS server; host_2 and so on take over when it fails",
            required=True,
            shape=_FAILOVER,
        ),
        Option("port", kind.PORT, "its port", "1812", shape=_FAILOVER),
        Option(
            "secret",
            kind.SECRET,
            "the secret shared with it; also of hosts without their own",
            required=True,
            shape=_FAILOVER,
            secret=True,
        ),
        Option("retries", kind.whole_number(0, 20), "how often a request is sent again to each server", "3"),
        Option("retry_wait", kind.seconds(0.1, 60), "seconds between two tries", "2"),
        Option("nas_ip", kind.ADDRESS, "NAS-IP-Address to send", default_note="this host's address"),
        *PASS_THROUGH,
        PW_CODEC,
        DEBUG,
    ),
)

DUO_ONLY_CLIENT = SectionType(
    "duo_only_client",
    Role.CLIENT,
    "The appliance has checked the password itself: nothing is checked here.",
    (DEBUG,),
)

# ---------------------------------------------------------------- who is served

RADIUS_SERVER_AUTO = SectionType(
    "radius_server_auto",
    Role.SERVER,
    "RADIUS: password first, then a factor chosen automatically or appended to the password (`password,push`).",
    (*RADIUS_SERVER, FACTORS, *TYPED, ALLOW_CONCAT),
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
        Option("port", kind.PORT, "TCP port for LDAP and StartTLS", "389"),
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
            "exempt_primary_bind", kind.BOOLEAN, "the first bind of a connection needs no second factor", "true"
        ),
        Option(
            "exempt_ou",
            kind.DISTINGUISHED_NAME,
            "an account, or everything below a DN, that needs no second factor",
            shape=_NUMBERED,
        ),
        Option(
            "allow_searches_after_bind",
            kind.BOOLEAN,
            "allow searches on a connection after the user's bind",
            "true",
        ),
        Option("allow_unlimited_binds", kind.BOOLEAN, "allow more than two binds on a connection", "false"),
        Option("network_timeout", kind.seconds(0, 86_400), "seconds to wait for the directory", "600"),
        Option("idle_timeout", kind.seconds(0, 86_400), "seconds until a silent connection is closed", "3600"),
        API_TIMEOUT,
        Option(
            "application",
            kind.TEXT,
            "name of this application in the embedded service",
            default_note="the section's name",
        ),
        *KEYS,
        Option("api_port", kind.PORT, "port of the remote service", "443", pending=_REMOTE),
        *OUTBOUND,
        DEBUG,
    ),
    pending="LDAP applications are not supported yet; keep Duo's own proxy for this section",
)

# ---------------------------------------------------------------- what stays with Duo's own proxy

HTTP_PROXY = SectionType(
    "http_proxy",
    Role.OTHER,
    "HTTP CONNECT proxy through which other software reaches Duo.",
    (
        Option("api_host", kind.HOST, "the only host that may be reached"),
        Option("port", kind.PORT, "TCP port to listen on", "80"),
        Option("client_ip", kind.ADDRESS_RANGES, "addresses that may use it", default_note="every address"),
        INTERFACE,
        DEBUG,
    ),
    pending="an HTTP proxy is not provided; keep Duo's own proxy for this section",
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

SECTION_TYPES: dict[str, SectionType] = {
    section.name: section
    for section in (
        *(MAIN, SERVICE, MAIL, TELEPHONY, METRICS),
        *(AD_CLIENT, RADIUS_CLIENT, DUO_ONLY_CLIENT),
        *(RADIUS_SERVER_AUTO, RADIUS_SERVER_CHALLENGE, RADIUS_SERVER_CONCAT, RADIUS_SERVER_DUO_ONLY),
        *(RADIUS_SERVER_IFRAME, RADIUS_SERVER_EAP, LDAP_SERVER_AUTO),
        *(HTTP_PROXY, CLOUD, SSO),
    )
}


def section_type(name: str) -> SectionType | None:
    """The type of ``[name]`` (lower case): ``radius_server_auto2`` is a ``radius_server_auto``."""
    exact = SECTION_TYPES.get(name)
    if exact:
        return exact
    found = SECTION_TYPES.get(section_base(name))
    return found if found and found.repeatable else None


def is_secret(section: str, key: str) -> bool:
    """Whether ``key`` (lower case) of ``[section]`` may hold a secret: also for unknown sections and keys
    whose name sounds like one."""
    type_ = section_type(section)
    resolved = type_.resolve(key) if type_ else None
    if resolved:
        return resolved.option.secret and resolved.form is not Form.FILE
    return any(word in key for word in ("secret", "password", "skey", "passphrase", "seed"))
