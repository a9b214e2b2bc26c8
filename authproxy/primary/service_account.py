"""The service account: what it is called, and how it is bound."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from authproxy.config.settings import AdClientSettings, AuthType, Transport
from authproxy.ldap import dn, messages
from authproxy.ldap.client import LdapConnection
from authproxy.ldap.dn import DnError
from authproxy.ldap.host import ServiceBind
from authproxy.ldap.session import Answer
from authproxy.primary.user_search import bind_operation

if TYPE_CHECKING:
    from authproxy.ldap.kerberos import InThread

_NTLM = (AuthType.NTLM2, AuthType.NTLM1)


def is_sealed(settings: AdClientSettings) -> bool:
    """Whether SASL protects the connection: on a clear one. Inside TLS a simple bind does."""
    return settings.transport is Transport.CLEAR and settings.auth_type is not AuthType.PLAIN


def service_name(settings: AdClientSettings) -> str:
    """What the account binds as: a DN, ``user@domain`` or ``DOMAIN\\user`` as written; a bare account name
    gets ``ntlm_domain``, or the domain of ``search_dn``."""
    if settings.bind_dn and not is_sealed(settings):
        return settings.bind_dn
    name = settings.service_account_username
    if "=" in name or "@" in name or "\\" in name:
        return name
    domain = search_domain(settings)
    if settings.auth_type in _NTLM and (settings.ntlm_domain or (domain and is_sealed(settings))):
        return f"{settings.ntlm_domain or domain}\\{name}"
    return f"{name}@{domain}" if domain else name


def search_domain(settings: AdClientSettings) -> str:
    """``example.com`` of ``OU=Staff,DC=example,DC=com``; empty without DC parts."""
    try:
        return dn.domain(settings.search_dn) or ""
    except DnError:
        return ""


def principal_of(account: str, settings: AdClientSettings) -> str:
    """``name@REALM`` for Kerberos. Without a domain, the realm is that of ``search_dn``."""
    name = account.rpartition("\\")[2]
    before, at, behind = name.rpartition("@")
    return f"{before}@{behind.upper()}" if at else f"{name}@{search_domain(settings).upper()}"


def service_bind(settings: AdClientSettings, in_thread: InThread) -> ServiceBind:
    """How the hosts bind it. Raises ConfigError."""
    if settings.auth_type is AuthType.KERBEROS or is_sealed(settings):
        from authproxy.primary import sealed_bind  # 10 MB of libraries, for these alone

        return sealed_bind.service_bind(settings, in_thread)
    password = settings.service_account_password.reveal_bytes()
    operation = bind_operation(service_name(settings).encode(), password, b"")

    def bind(connection: LdapConnection, _host: str) -> Awaitable[Answer]:
        return connection.ask(operation, messages.BIND_RESPONSE)

    return bind
