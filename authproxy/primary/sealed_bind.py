"""How the service account is bound with NTLM or Kerberos."""

from __future__ import annotations

from collections.abc import Awaitable

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.ldap.client import LdapConnection
from authproxy.ldap.host import ServiceBind
from authproxy.ldap.kerberos import InThread, Kerberos, KerberosLogin, require_kerberos
from authproxy.ldap.ntlm import Ntlm, NtlmKey
from authproxy.ldap.sasl_bind import sasl_bind
from authproxy.ldap.session import Answer
from authproxy.primary.service_account import principal_of, service_name


def service_bind(settings: AdClientSettings, in_thread: InThread) -> ServiceBind:
    """Raises ConfigError."""
    return _kerberos(settings, in_thread) if settings.auth_type is AuthType.KERBEROS else _ntlm(settings)


def _ntlm(settings: AdClientSettings) -> ServiceBind:
    key = NtlmKey(settings.service_account_password.reveal())
    name = service_name(settings)

    def bind(connection: LdapConnection, _host: str) -> Awaitable[Answer]:
        return sasl_bind(connection, Ntlm(name, key, settings.ntlm_workstation))

    return bind


def _kerberos(settings: AdClientSettings, in_thread: InThread) -> ServiceBind:
    require_kerberos()
    principal = principal_of(settings.service_account_username, settings)
    login = KerberosLogin(principal, settings.service_account_password, settings.keytab)

    def bind(connection: LdapConnection, host: str) -> Awaitable[Answer]:
        return sasl_bind(connection, Kerberos(login, host, connection.channel_binding(), in_thread))

    return bind
