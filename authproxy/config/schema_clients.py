"""The sections that say who checks the password."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.schema import Option, Role, SectionType, Shape
from authproxy.config.schema_shared import CIPHERS, DEBUG, PASS_THROUGH, PW_CODEC, TLS_VERSION

AD_CLIENT = SectionType(
    "ad_client",
    Role.CLIENT,
    "The password is checked by Active Directory or another LDAP directory.",
    (
        Option(
            "host",
            kind.HOST,
            "directory server; host_2 and so on take over when it fails. Or the name of SRV records",
            required=True,
            shape=Shape.FAILOVER,
        ),
        Option(
            "port",
            kind.PORT,
            "port of every server",
            default_note="389 (or that of the SRV record), 636 with transport=ldaps",
        ),
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
            "security_group_nested",
            kind.BOOLEAN,
            "members of the group's member groups count, too (Active Directory only)",
            "true",
        ),
        Option(
            "ldap_filter", kind.FILTER, "only users who match this LDAP filter may log in", default_note="anybody"
        ),
        Option(
            "auth_type",
            kind.one_of("ntlm2", "plain", "kerberos", "ntlm1", "sspi"),
            "how accounts are bound; inside TLS a simple bind stands in for NTLM; sspi is for Windows",
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
        Option(
            "ntlm_domain",
            kind.TEXT,
            "NetBIOS name of the domain, for NTLM and for a service account that names none",
            default_note="the domain of search_dn",
        ),
        Option("ntlm_workstation", kind.TEXT, "workstation name for NTLM", default_note="this host's name"),
        Option(
            "keytab",
            kind.PATH,
            "Kerberos keytab of the service account, for auth_type=kerberos",
            default_note="service_account_password is used",
        ),
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
            shape=Shape.FAILOVER,
        ),
        Option("port", kind.PORT, "its port", "1812", shape=Shape.FAILOVER),
        Option(
            "secret",
            kind.SECRET,
            "the secret shared with it; also of hosts without their own",
            required=True,
            shape=Shape.FAILOVER,
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
