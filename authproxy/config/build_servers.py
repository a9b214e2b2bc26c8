"""RADIUS server sections to settings."""

from __future__ import annotations

from authproxy.config.options import AddressRange
from authproxy.config.reveal import Secrets
from authproxy.config.settings import (
    Appliance,
    Failmode,
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


def radius_server(section: SectionValues, client: str | None, secrets: Secrets) -> RadiusServerSettings:
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
        appliance_timeout=section.seconds("appliance_timeout"),
        api_timeout=section.seconds("api_timeout"),
        enroll_challenge=section.flag("enroll_challenge") if "enroll_challenge" in known else True,
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
