"""Server sections to settings."""

from __future__ import annotations

from authproxy.config.build_remote import remote
from authproxy.config.options import AddressRange
from authproxy.config.places import Places
from authproxy.config.reveal import Secrets
from authproxy.config.settings import (
    Address,
    Appliance,
    EapIdentity,
    Failmode,
    HttpProxySettings,
    LdapServerSettings,
    RadiusServerSettings,
    RequireMessageAuthenticator,
    ServerMode,
)
from authproxy.config.values import SectionValues
from authproxy.model import Factor

MODES = {
    "radius_server_auto": ServerMode.AUTO,
    "radius_server_challenge": ServerMode.CHALLENGE,
    "radius_server_concat": ServerMode.CONCAT,
    "radius_server_duo_only": ServerMode.DUO_ONLY,
}


def radius_server(
    section: SectionValues, client: str | None, secrets: Secrets, places: Places
) -> RadiusServerSettings:
    """``client``: the only client section there is, for a server that names none."""
    mode = MODES[section.type.name]
    named = section.text("client").lower() or client
    authenticator = section.get("force_message_authenticator")
    assert isinstance(authenticator, RequireMessageAuthenticator)
    known = section.type.by_name
    return RadiusServerSettings(
        name=section.name,
        mode=mode,
        client=None if mode is ServerMode.DUO_ONLY else named,
        appliances=_appliances(section, secrets),
        interface=section.text("interface"),
        port=section.integer("port"),
        application=section.text("application") or section.name,
        remote=remote(section, secrets, places),
        failmode=Failmode(section.text("failmode")),
        factors=tuple(Factor(name) for name in section.names("factors")),
        delimiter=section.text("delimiter") if "delimiter" in known else ",",
        delimited_password_length=section.integer("delimited_password_length") if "delimiter" in known else 0,
        allow_concat=section.flag("allow_concat") if "allow_concat" in known else True,
        exempt_usernames=tuple(
            section.text("exempt_username", number) for number in section.numbers("exempt_username")
        ),
        pass_through_all=section.flag("pass_through_all"),
        pass_through_attr_names=section.names("pass_through_attr_names"),
        client_ip_attr=section.text("client_ip_attr"),
        pw_codec=section.text("pw_codec"),
        force_message_authenticator=authenticator,
        eap_identity=EapIdentity(section.text("eap_identity")) if "eap_identity" in known else EapIdentity.AUTO,
        appliance_timeout=section.seconds("appliance_timeout"),
        api_timeout=section.seconds("api_timeout"),
        enroll_challenge=section.flag("enroll_challenge") if "enroll_challenge" in known else True,
        verified_push=section.text("verified_push") if "verified_push" in known else "none",
        prompt_format=section.text("prompt_format") if "prompt_format" in known else "long",
        debug=section.flag("debug"),
    )


def _appliances(section: SectionValues, secrets: Secrets) -> tuple[Appliance, ...]:
    found = []
    for number in section.numbers("radius_ip"):
        span = section.get("radius_ip", number)
        assert isinstance(span, AddressRange)
        found.append(Appliance(span.first, span.last, secrets.required(section, "radius_secret", number), number))
    return tuple(found)


# ---------------------------------------------------------------- LDAP


def ldap_server(
    section: SectionValues, client: str | None, secrets: Secrets, places: Places
) -> LdapServerSettings:
    """``client``: as above."""
    certificate, key = section.optional_text("ssl_cert_path"), section.optional_text("ssl_key_path")
    oldest = section.text("minimum_tls_version")
    return LdapServerSettings(
        name=section.name,
        client=section.text("client").lower() or client or "",
        interface=section.text("interface"),
        port=section.integer("port"),
        ssl_port=section.integer("ssl_port"),
        ssl_cert_path=places.to_read(certificate) if certificate else None,
        ssl_key_path=places.to_read(key) if key else None,
        minimum_tls_version=oldest if oldest == "tls1.3" else "tls1.2",
        cipher_list=section.optional_text("cipher_list"),
        application=section.text("application") or section.name,
        remote=remote(section, secrets, places),
        failmode=Failmode(section.text("failmode")),
        factors=tuple(Factor(name) for name in section.names("factors")),
        delimiter=section.text("delimiter"),
        delimited_password_length=section.integer("delimited_password_length"),
        allow_concat=section.flag("allow_concat"),
        exempt_primary_bind=section.flag("exempt_primary_bind"),
        exempt_ous=tuple(section.text("exempt_ou", number) for number in section.numbers("exempt_ou")),
        allow_searches_after_bind=section.flag("allow_searches_after_bind"),
        allow_unlimited_binds=section.flag("allow_unlimited_binds"),
        allow_sasl_mechanisms=tuple(name.upper() for name in section.names("allow_sasl_mechanisms")),
        remember_bind_seconds=section.seconds("remember_bind_seconds"),
        proxy_protocol=spans(section, "proxy_protocol"),
        network_timeout=section.seconds("network_timeout"),
        idle_timeout=section.seconds("idle_timeout"),
        max_connections=section.integer("max_connections"),
        max_connections_per_client=section.integer("max_connections_per_client"),
        appliance_timeout=section.seconds("appliance_timeout"),
        api_timeout=section.seconds("api_timeout"),
        debug=section.flag("debug"),
    )


# ---------------------------------------------------------------- HTTP proxy


def http_proxy(section: SectionValues) -> HttpProxySettings:
    return HttpProxySettings(
        name=section.name,
        api_host=section.text("api_host").lower(),
        port=section.integer("port"),
        interface=section.text("interface"),
        client_ips=spans(section, "client_ip"),
        debug=section.flag("debug"),
    )


def spans(section: SectionValues, name: str) -> tuple[tuple[Address, Address], ...]:
    given = section.get(name) or ()
    assert isinstance(given, tuple), name
    return tuple((span.first, span.last) for span in given)
