"""How a user's password is shown to the directory: in a simple bind, or proved on a sealed line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from authproxy.config.settings import AdClientSettings, AuthType
from authproxy.ldap.host import DirectoryHost
from authproxy.ldap.responses import Entry
from authproxy.model import Denied
from authproxy.primary.bind_result import ASK_FOR_POLICY, judge
from authproxy.primary.service_account import is_sealed
from authproxy.primary.user_search import bind_operation

if TYPE_CHECKING:
    from authproxy.ldap.kerberos import InThread


class PasswordCheck(Protocol):
    attributes: tuple[bytes, ...]  # to be read of the user's entry

    async def verdict(self, host: DirectoryHost, user: Entry, password: bytes) -> Denied | None:
        """None: it was right. ``password`` is UTF-8. Raises NotJudged and ConnectionFailed."""


def password_check(settings: AdClientSettings, in_thread: InThread) -> PasswordCheck:
    if not is_sealed(settings):
        return SimpleCheck()
    from authproxy.primary.sealed_check import KerberosCheck, NtlmCheck  # 10 MB of libraries, for these alone

    return KerberosCheck(settings, in_thread) if settings.auth_type is AuthType.KERBEROS else NtlmCheck(settings)


class SimpleCheck:
    attributes: tuple[bytes, ...] = ()

    async def verdict(self, host: DirectoryHost, user: Entry, password: bytes) -> Denied | None:
        answer = await host.bind(bind_operation(user.dn, password, ASK_FOR_POLICY))
        return judge(answer.result)
