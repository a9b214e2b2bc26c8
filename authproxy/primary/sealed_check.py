"""How a user's password is proved on a sealed line: with NTLM or Kerberos."""

from __future__ import annotations

import time
from collections.abc import Callable

from authproxy.config.settings import AdClientSettings
from authproxy.ldap.host import DirectoryHost
from authproxy.ldap.kerberos import InThread, Kerberos, KerberosLogin
from authproxy.ldap.ntlm import Ntlm, NtlmKey
from authproxy.ldap.responses import Entry
from authproxy.ldap.sasl import SaslError
from authproxy.model import Denied, Reason
from authproxy.primary import account_state
from authproxy.primary.bind_result import NotJudged, judge
from authproxy.primary.service_account import search_domain
from authproxy.primary.user_lookup import domain_of
from authproxy.secret import Secret

_NOT_TEXT = Denied(Reason.BAD_PASSWORD, "the password is not text; see pw_codec")


class NtlmCheck:
    """The account's name and domain are those of the entry found, whatever was typed."""

    attributes: tuple[bytes, ...] = (b"sAMAccountName",)

    def __init__(self, settings: AdClientSettings) -> None:
        self._workstation = settings.ntlm_workstation
        self._domain = search_domain(settings).casefold()
        self._short_domain = settings.ntlm_domain

    async def verdict(self, host: DirectoryHost, user: Entry, password: bytes) -> Denied | None:
        try:
            key = NtlmKey(password.decode())
        except (UnicodeDecodeError, SaslError):
            return _NOT_TEXT
        account = f"{self._domain_of(user)}\\{_account_name(user)}"
        answer = await host.sealed_bind(Ntlm(account, key, self._workstation))
        return judge(answer.result)

    def _domain_of(self, user: Entry) -> str:
        """A forest's other domains have other names than ``ntlm_domain``."""
        domain = domain_of(user) or self._domain
        return self._short_domain if self._short_domain and domain == self._domain else domain


class KerberosCheck:
    """A ticket is asked for with the password; that the directory takes it shows that the KDC was a real one."""

    attributes: tuple[bytes, ...] = (b"sAMAccountName", *account_state.ATTRIBUTES)

    def __init__(
        self, settings: AdClientSettings, in_thread: InThread, now: Callable[[], float] = time.time
    ) -> None:
        self._domain = search_domain(settings)
        self._in_thread = in_thread
        self._now = now

    async def verdict(self, host: DirectoryHost, user: Entry, password: bytes) -> Denied | None:
        try:
            secret = Secret(password.decode())
        except UnicodeDecodeError:
            return _NOT_TEXT
        if b"\0" in password:  # where libkrb5 would take it to end
            return _NOT_TEXT
        principal = f"{_account_name(user)}@{(domain_of(user) or self._domain).upper()}"
        login = KerberosLogin(principal, secret)
        answer = await host.sealed_bind(Kerberos(login, host.host, b"", self._in_thread))
        denied = judge(answer.result)
        return account_state.refine(denied, user, self._now()) if denied is not None else None


def _account_name(user: Entry) -> str:
    names = user.attributes.get(b"samaccountname", ())
    if not names:
        raise NotJudged("the user's sAMAccountName can't be read by the service account")
    return names[0].decode("utf-8", "replace")
