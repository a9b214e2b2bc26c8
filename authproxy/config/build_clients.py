"""Client sections to settings."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from authproxy.config.places import Places
from authproxy.config.reveal import Secrets
from authproxy.config.settings import (
    AdClientSettings,
    AuthType,
    ClientSettings,
    DuoOnlyClientSettings,
    RadiusClientSettings,
    Transport,
    UpstreamHost,
)
from authproxy.config.values import SectionValues


def client(section: SectionValues, secrets: Secrets, places: Places) -> ClientSettings:
    match section.type.name:
        case "ad_client":
            return _directory(section, secrets, places)
        case "radius_client":
            return _upstream(section, secrets)
        case _:
            return DuoOnlyClientSettings(section.name)


def _directory(section: SectionValues, secrets: Secrets, places: Places) -> AdClientSettings:
    transport = Transport(section.text("transport"))
    given_port = section.get("port")
    port = given_port if isinstance(given_port, int) else (636 if transport is Transport.LDAPS else 389)
    authorities = section.optional_text("ssl_ca_certs_file")
    service = section.text("host", 1) if section.text("host", 1).startswith("_") else ""
    keytab = section.optional_text("keytab")
    oldest = section.text("minimum_tls_version")
    return AdClientSettings(
        name=section.name,
        hosts=() if service else tuple((section.text("host", number), port) for number in section.numbers("host")),
        search_dn=section.text("search_dn"),
        service_account_username=section.text("service_account_username"),
        service_account_password=secrets.required(section, "service_account_password"),
        auth_type=AuthType(section.text("auth_type")),
        bind_dn=section.optional_text("bind_dn"),
        ntlm_domain=section.text("ntlm_domain"),
        ntlm_workstation=section.text("ntlm_workstation"),
        service=service,
        port=port if service and (given_port or transport is Transport.LDAPS) else None,
        keytab=places.to_read(keytab) if keytab else None,
        transport=transport,
        ssl_ca_certs_file=places.to_read(authorities) if authorities else None,
        ssl_verify_hostname=section.flag("ssl_verify_hostname"),
        minimum_tls_version=oldest if oldest == "tls1.3" else "tls1.2",
        cipher_list=section.optional_text("cipher_list"),
        timeout=section.seconds("timeout"),
        security_group_dn=section.optional_text("security_group_dn"),
        security_group_nested=section.flag("security_group_nested"),
        ldap_filter=section.optional_text("ldap_filter"),
        username_attribute=section.text("username_attribute"),
        at_attribute=section.optional_text("at_attribute"),
        pw_codec=section.text("pw_codec"),
        debug=section.flag("debug"),
    )


def _upstream(section: SectionValues, secrets: Secrets) -> RadiusClientSettings:
    nas_ip = section.get("nas_ip")
    shared = secrets.required(section, "secret", 1)
    hosts = []
    for number in section.numbers("host"):
        own = secrets.optional(section, "secret", number) if number > 1 else None
        hosts.append(UpstreamHost(section.text("host", number), section.integer("port", number), own or shared))
    return RadiusClientSettings(
        name=section.name,
        hosts=tuple(hosts),
        retries=section.integer("retries"),
        retry_wait=section.seconds("retry_wait"),
        nas_ip=nas_ip if isinstance(nas_ip, IPv4Address | IPv6Address) else None,
        pass_through_all=section.flag("pass_through_all"),
        pass_through_attr_names=section.names("pass_through_attr_names"),
        pw_codec=section.text("pw_codec"),
        debug=section.flag("debug"),
    )
