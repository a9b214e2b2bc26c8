"""The sections of which there is one: the process, the embedded service, and what it sends."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option, Role, SectionType
from authproxy.config.schema_factors import PUSH_AND_SMS
from authproxy.config.schema_retention import RETENTION
from authproxy.config.schema_shared import NOT_YET, OUTBOUND
from authproxy.config.schema_web import WEB

SYSLOG_FACILITIES = tuple(
    f"LOG_{name}"
    for name in (
        *("KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP"),
        *(f"LOCAL{number}" for number in range(8)),
    )
)

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
            "syslog_host",
            kind.HOST,
            "syslog server or SIEM that the log is sent to as well, in the form of RFC 5424",
            default_note="none",
        ),
        Option("syslog_port", kind.PORT, "its port", default_note="514, with TLS 6514"),
        Option("syslog_transport", kind.one_of("udp", "tcp", "tls"), "how it is sent", "udp"),
        Option(
            "syslog_ca_certs_file",
            kind.PATH,
            "certificate authorities for syslog_transport=tls, PEM",
            default_note="the operating system's",
        ),
        Option(
            "dictionary_dir",
            kind.PATH,
            "directory of more RADIUS dictionaries, in FreeRADIUS syntax",
            default_note="none",
        ),
        Option(
            "support_gpg_recipient",
            kind.TEXT,
            "whom support bundles are encrypted to: a GPG key's ID or address, or a file with the public key",
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
            "reach every peer at start and log what came of it",
            "false",
        ),
        Option(
            "otel_endpoint",
            kind.HTTP_URL,
            "OpenTelemetry collector that a trace of each login is sent to, by OTLP over HTTP: its whole URL, "
            "path included. Needs `authproxy[otel]`",
            default_note="none",
        ),
        Option("otel_service_name", kind.TEXT, "the `service.name` of these traces", "authproxy"),
        Option(
            "otel_usernames",
            kind.BOOLEAN,
            "traces also hold who logged in, from which address, and the details of each step",
            "false",
        ),
        Option("fips_mode", kind.BOOLEAN, "use FIPS-validated cryptography only", "false", pending=NOT_YET),
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
            kind.SEED_KEY,
            "the key that encrypts device seeds in the database",
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
            kind.one_of("deny", "allow", "enroll"),
            "users whom the service does not know: deny rejects, allow accepts the password alone, enroll shows "
            "them, and those without a device, where to enroll on the web side, if that can be shown",
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
        *PUSH_AND_SMS,
        Option(
            "challenge_seconds",
            kind.whole_number(10, 3600),
            "how long a challenge can be answered, in seconds",
            "300",
        ),
        *RETENTION,
        *WEB,
    ),
    repeatable=False,
)

METRICS = SectionType(
    "metrics",
    Role.GLOBAL,
    "Figures for Prometheus (`/metrics`) and health (`/live`, `/ready`), over plain HTTP. Off without this "
    "section.",
    (
        Option("interface", kind.INTERFACE, "address to listen on", "127.0.0.1"),
        Option("port", kind.PORT, "TCP port to listen on", "9812"),
        Option(
            "client_ip",
            kind.ADDRESS_RANGES,
            "addresses that may read `/metrics` and the details of `/ready`",
            default_note="this host alone",
        ),
    ),
    repeatable=False,
)
