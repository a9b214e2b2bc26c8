"""Typed settings: what a validated configuration means to the rooms that run it.

Frozen values only. Paths are absolute, secrets are resolved, inherited ``[main]`` values are filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from authproxy.config.settings_mail import MailSettings
from authproxy.config.settings_telephony import SMS_MESSAGE, TelephonySettings
from authproxy.model import Factor
from authproxy.secret import Secret

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class MainSettings:
    debug: bool = False
    log_dir: Path | None = None  # None: no files
    log_file: bool = True
    log_stdout: bool = False
    log_stdout_format: str = "json"  # json | text
    log_syslog: bool = False
    syslog_facility: str = "LOG_USER"
    syslog: SyslogSettings | None = None
    log_max_files: int = 6
    log_max_size: int = 10_485_760
    log_auth_events: bool = False
    dictionary_dir: Path | None = None
    support_gpg_recipient: str = ""
    test_connectivity_on_startup: bool = False
    traces: TraceSettings | None = None


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The web side of ``[service]``. ``base_url`` is ``https://host[:port]``."""

    base_url: str
    interface: str = ""  # "": every address
    port: int = 8443
    ssl_cert_path: Path | None = None  # None: self-signed, kept in state_dir
    ssl_key_path: Path | None = None
    trusted_proxies: tuple[tuple[Address, Address], ...] = ()  # first to last address
    webpush_hosts: tuple[str, ...] = ()  # empty: any on the Internet
    geoip_file: Path | None = None
    request_rate: int = 20  # a second, from one address, without a valid signature; 0: any number
    password_rate: int = 1  # a second, from one address, at panel and portal
    portal_client: str = ""  # a client section; "": the portal takes no passwords


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """``[service]``: the embedded second-factor service."""

    state_dir: Path
    database: str = field(repr=False)  # SQLAlchemy URL; may hold a password
    seed_key: Secret | None = None  # base64 of 32 bytes; None: kept in state_dir, encrypted
    new_user_policy: str = "deny"  # deny | allow | enroll
    username_normalization: str = "simple"  # simple | none
    lockout_after: int = 10  # consecutive wrong passcodes; 0: never
    lockout_seconds: int = 900
    totp_window: int = 1  # steps either side
    hotp_window: int = 10  # codes ahead
    push_seconds: int = 60
    push_limit: int = 5  # of a user, not approved, within push_limit_seconds; 0: any number
    push_limit_seconds: int = 300
    fraud_locks_user: bool = False
    sms_batch: int = 3  # passcodes in one message
    sms_valid_seconds: int = 0  # 0: until the next message
    sms_message: str = SMS_MESSAGE  # [telephony]'s: {codes} stands for the passcodes
    challenge_seconds: int = 300
    login_retention_days: int = 180  # this and the next three: 0 is for ever
    message_retention_days: int = 180
    telephony_retention_days: int = 400
    audit_retention_days: int = 1826
    gnupg_home: Path | None = None  # None: state_dir/gnupg
    passphrase_file: str = ""  # a path, or credential:NAME
    web: WebSettings | None = None  # None: no web side


class Failmode(StrEnum):
    SAFE = "safe"
    SECURE = "secure"


class AuthType(StrEnum):
    PLAIN = "plain"
    NTLM2 = "ntlm2"
    NTLM1 = "ntlm1"  # a safer stand-in: what NTLM2 is
    KERBEROS = "kerberos"
    SSPI = "sspi"  # refused by the checks


class Transport(StrEnum):
    CLEAR = "clear"
    STARTTLS = "starttls"
    LDAPS = "ldaps"


@dataclass(frozen=True, slots=True)
class AdClientSettings:
    """``[ad_client]``. ``hosts`` in order of preference, (host, port). Instead of them ``service`` may be the name
    of SRV records, and ``port`` what is used rather than theirs."""

    name: str
    hosts: tuple[tuple[str, int], ...]
    search_dn: str
    service_account_username: str
    service_account_password: Secret
    auth_type: AuthType = AuthType.NTLM2
    bind_dn: str | None = None
    ntlm_domain: str = ""
    ntlm_workstation: str = ""
    service: str = ""
    port: int | None = None
    keytab: Path | None = None  # of the service account, for KERBEROS
    transport: Transport = Transport.CLEAR
    ssl_ca_certs_file: Path | None = None  # None: the operating system's
    ssl_verify_hostname: bool = True
    minimum_tls_version: str = "tls1.2"
    cipher_list: str | None = None
    timeout: float = 10.0
    security_group_dn: str | None = None
    security_group_nested: bool = True
    ldap_filter: str | None = None
    username_attribute: str = "sAMAccountName"
    at_attribute: str | None = "userPrincipalName"
    pw_codec: str = "utf-8"
    debug: bool = False


@dataclass(frozen=True, slots=True)
class UpstreamHost:
    host: str
    port: int
    secret: Secret


@dataclass(frozen=True, slots=True)
class RadiusClientSettings:
    """``[radius_client]``: an upstream RADIUS server that checks the password."""

    name: str
    hosts: tuple[UpstreamHost, ...]
    retries: int = 3
    retry_wait: float = 2.0
    nas_ip: Address | None = None
    pass_through_all: bool = False
    pass_through_attr_names: tuple[str, ...] = ()
    pw_codec: str = "utf-8"
    debug: bool = False


@dataclass(frozen=True, slots=True)
class DuoOnlyClientSettings:
    """``[duo_only_client]``: the appliance has checked the password."""

    name: str


ClientSettings = AdClientSettings | RadiusClientSettings | DuoOnlyClientSettings


class ServerMode(StrEnum):
    AUTO = "auto"
    CHALLENGE = "challenge"
    CONCAT = "concat"
    DUO_ONLY = "duo_only"


class EapIdentity(StrEnum):
    """Whose second factor an EAP login needs: ``eap_identity``."""

    AUTO = "auto"  # as INNER; but a repeated or missing name is made up for by the second factor itself
    INNER = "inner"  # of whom the Access-Accept names, unless it merely repeats the outer name
    REPLY = "reply"  # of whom the Access-Accept names
    OUTER = "outer"  # of whom the device claims to be


class RequireMessageAuthenticator(StrEnum):
    YES = "yes"
    NO = "no"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Appliance:
    """One ``radius_ip_N`` with its ``radius_secret_N``: addresses ``first`` to ``last``, both included."""

    first: Address
    last: Address
    secret: Secret
    number: int  # the N of radius_ip_N


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """A second factor elsewhere: Duo's cloud, or another authproxy."""

    ikey: str
    skey: Secret
    api_host: str
    api_port: int = 443
    signature_version: int = 5
    sends_directory_name: bool = False  # else: the name as typed
    http_proxy: tuple[str, int] | None = None  # host and port of a proxy that can CONNECT
    http_ca_certs_file: Path | None = None  # None: the operating system's


@dataclass(frozen=True, slots=True)
class RadiusServerSettings:
    """``[radius_server_auto]`` and its kin."""

    name: str
    mode: ServerMode
    client: str | None  # the primary's section; None: the appliance has checked the password
    appliances: tuple[Appliance, ...]
    interface: str = ""  # "": every address
    port: int = 1812
    application: str = ""  # of the embedded service; the section's name by default
    remote: RemoteSettings | None = None  # None: the embedded service
    failmode: Failmode = Failmode.SAFE
    factors: tuple[Factor, ...] = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)
    delimiter: str = ","
    delimited_password_length: int = 0
    allow_concat: bool = True
    exempt_usernames: tuple[str, ...] = ()
    pass_through_all: bool = False
    pass_through_attr_names: tuple[str, ...] = ()
    client_ip_attr: str = "Calling-Station-Id"
    pw_codec: str = "utf-8"
    force_message_authenticator: RequireMessageAuthenticator = RequireMessageAuthenticator.AUTO
    eap_identity: EapIdentity = EapIdentity.AUTO
    appliance_timeout: float = 55.0
    api_timeout: float = 0.0
    enroll_challenge: bool = True
    verified_push: str = "none"  # none | number | code
    prompt_format: str = "long"
    debug: bool = False


@dataclass(frozen=True, slots=True)
class LdapServerSettings:
    """``[ldap_server_auto]``. Times are seconds; ``network_timeout``, ``idle_timeout`` 0: without limit."""

    name: str
    client: str  # an [ad_client]
    interface: str = ""  # "": every address
    port: int = 389
    ssl_port: int = 636  # listened on with a certificate only
    ssl_cert_path: Path | None = None
    ssl_key_path: Path | None = None
    minimum_tls_version: str = "tls1.2"
    cipher_list: str | None = None
    application: str = ""  # of the embedded service; the section's name by default
    remote: RemoteSettings | None = None  # None: the embedded service
    failmode: Failmode = Failmode.SAFE
    factors: tuple[Factor, ...] = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)
    delimiter: str = ","
    delimited_password_length: int = 0
    allow_concat: bool = True
    exempt_primary_bind: bool = True
    exempt_ous: tuple[str, ...] = ()
    allow_searches_after_bind: bool = True
    allow_unlimited_binds: bool = True
    allow_sasl_mechanisms: tuple[str, ...] = ()
    remember_bind_seconds: float = 0.0  # 0: binds are not remembered
    proxy_protocol: tuple[tuple[Address, Address], ...] = ()  # load balancers, first to last address
    network_timeout: float = 600.0
    idle_timeout: float = 3600.0
    max_connections: int = 4000
    max_connections_per_client: int = 1000
    appliance_timeout: float = 55.0
    api_timeout: float = 0.0
    debug: bool = False


@dataclass(frozen=True, slots=True)
class HttpProxySettings:
    """``[http_proxy]``: who may reach ``api_host`` through it. Without ``client_ips`` everybody may."""

    name: str
    api_host: str
    port: int = 80
    interface: str = ""  # "": every address
    client_ips: tuple[tuple[Address, Address], ...] = ()  # first to last address
    debug: bool = False


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``[metrics]``. Without ``client_ips`` this host alone may read figures and details."""

    interface: str = "127.0.0.1"
    port: int = 9812
    client_ips: tuple[tuple[Address, Address], ...] = ()  # first to last address


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """An OpenTelemetry collector. ``endpoint``: the URL that spans are sent to. ``with_names``: also of whom."""

    endpoint: str
    service_name: str = "authproxy"
    with_names: bool = False


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """A syslog server elsewhere."""

    host: str
    port: int
    transport: str = "udp"  # udp | tcp | tls
    ca_certs_file: Path | None = None  # None: the operating system's


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that runs. Sections whose behavior is not there yet are listed in ``unsupported``."""

    path: Path
    main: MainSettings
    service: ServiceSettings
    clients: dict[str, ClientSettings] = field(default_factory=dict)
    radius_servers: tuple[RadiusServerSettings, ...] = ()
    ldap_servers: tuple[LdapServerSettings, ...] = ()
    http_proxies: tuple[HttpProxySettings, ...] = ()
    telephony: TelephonySettings | None = None
    mail: MailSettings | None = None
    metrics: MetricsSettings | None = None
    unsupported: tuple[str, ...] = ()

    @property
    def wants_debug(self) -> bool:
        """Whether any section does."""
        sections = (self.main, *self.radius_servers, *self.ldap_servers, *self.clients.values())
        return any(getattr(section, "debug", False) for section in sections)
