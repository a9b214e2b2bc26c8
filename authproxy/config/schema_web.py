"""The web side's options, part of ``[service]``."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option

# Where one of these is given, the web side is wanted.
TURNS_ON = ("port", "base_url", "ssl_cert_path", "ssl_key_path")

WEB = (
    Option(
        "web",
        kind.ON_OFF_AUTO,
        "whether the APIs and pages are served; auto: if port, base_url or ssl_cert_path is given",
        "auto",
    ),
    Option(
        "base_url",
        kind.BASE_URL,
        "address under which clients, browsers and phones reach the web side",
        default_note="https://, this host's name, and the port",
    ),
    Option("interface", kind.INTERFACE, "address the web side listens on", default_note="every address"),
    Option("port", kind.PORT, "TCP port of the web side", "8443"),
    Option(
        "ssl_cert_path",
        kind.PATH,
        "certificate (chain) of the web side, PEM; read again when it changes",
        default_note="a self-signed one, made at first use and kept in the state directory",
    ),
    Option(
        "ssl_key_path",
        kind.PATH,
        "its private key, PEM, without a passphrase",
        default_note="as above",
    ),
    Option(
        "trusted_proxies",
        kind.ADDRESS_RANGES,
        "reverse proxies whose X-Forwarded-For is believed",
        default_note="none",
    ),
    Option(
        "webpush_hosts",
        kind.NAMES,
        "push services of browsers to which alone notifications are sent, wherever they are; .example.com stands "
        "for all hosts below it",
        default_note="any host on the Internet",
    ),
    Option(
        "geoip_file",
        kind.PATH,
        "database in MaxMind's format (.mmdb) that tells phones where a login comes from; needs the package "
        "maxminddb",
        default_note="none",
    ),
    Option(
        "portal_client",
        kind.TEXT,
        "client section that checks passwords at the self-service portal",
        default_note="none: the portal is reached from an application's prompt only",
    ),
    Option(
        "request_rate",
        kind.whole_number(0, 100_000),
        "requests a second that one address may make without a valid signature; ten times as many in a burst;"
        " 0: any number",
        "20",
    ),
    Option(
        "password_rate",
        kind.whole_number(1, 1000),
        "attempts a second to log in to panel or portal that one address may make and that come to nothing; ten"
        " times as many in a burst; whatever request_rate is",
        "1",
    ),
)
