"""Options that several types of section share."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option, Shape

NOT_YET = "not supported yet"

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
        "copy every RADIUS attribute between appliance and upstream server, and relay MS-CHAP and EAP",
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
    ),
    Option("http_proxy_port", kind.PORT, "port of that proxy", "80", inherited=True),
    Option(
        "http_ca_certs_file",
        kind.PATH,
        "PEM file of the authorities trusted for outgoing HTTPS",
        default_note="the operating system's",
        inherited=True,
    ),
)
KEYS = (
    Option(
        "ikey",
        kind.TEXT,
        "key of a remote service, Duo's cloud or another authproxy; without it the embedded service is used",
    ),
    Option("skey", kind.SECRET, "secret key that belongs to ikey", secret=True),
    Option(
        "api_host", kind.API_HOST, "host of the remote service; local: the embedded service", default_note="local"
    ),
)
REMOTE_SERVICE = (
    *KEYS,
    Option("api_port", kind.PORT, "port of the remote service", "443"),
    Option("api_signature", kind.one_of("v5", "v2"), "how requests to the remote service are signed", "v5"),
    Option(
        "api_username",
        kind.one_of("typed", "directory"),
        "the name that the remote service is told: as typed, or as the directory spells it",
        "typed",
    ),
    *OUTBOUND,
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
EAP_IDENTITY = Option(
    "eap_identity",
    kind.one_of("auto", "inner", "reply", "outer"),
    "whose second factor a relayed EAP login needs: of the user whom the upstream server's accept names and not "
    "just repeats (inner); also if repeated (reply); of whomever the device claims to be (outer, unsafe); auto: "
    "as inner, or else of whom the device claims to be, without exemptions",
    "auto",
)
API_TIMEOUT = Option(
    "api_timeout",
    kind.seconds(0, 600),
    "longest wait for an answer of the remote service in seconds, then failmode decides; "
    "0: 15 seconds, or half of appliance_timeout if that is less",
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
        shape=Shape.NUMBERED,
    ),
    Option(
        "radius_secret",
        kind.SECRET,
        "the secret shared with the appliance of the same number",
        required=True,
        shape=Shape.NUMBERED,
        secret=True,
    ),
)
RADIUS_SERVER = (
    CLIENT,
    *APPLIANCES,
    INTERFACE,
    Option("port", kind.PORT, "UDP port to listen on", "1812"),
    FAILMODE,
    Option("exempt_username", kind.TEXT, "a user who needs the password only", shape=Shape.NUMBERED),
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
    *REMOTE_SERVICE,
    DEBUG,
)
