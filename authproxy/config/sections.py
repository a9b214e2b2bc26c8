"""The one schema: every type of section with its options, defaults and help, put together.

It drives parsing, ``authproxy check``, redaction, the example file and ``docs/options.md``. A secret option also
exists as ``KEY_protected`` and ``KEY_file`` (with a number: ``radius_secret_protected_1``, ``secret_file_2``).
"""

from __future__ import annotations

from authproxy.config.schema import Form, SectionType, section_base
from authproxy.config.schema_clients import AD_CLIENT, DUO_ONLY_CLIENT, RADIUS_CLIENT
from authproxy.config.schema_global import MAIN, METRICS, SERVICE
from authproxy.config.schema_mail import MAIL
from authproxy.config.schema_servers import (
    CLOUD,
    HTTP_PROXY,
    LDAP_SERVER_AUTO,
    RADIUS_SERVER_AUTO,
    RADIUS_SERVER_CHALLENGE,
    RADIUS_SERVER_CONCAT,
    RADIUS_SERVER_DUO_ONLY,
    RADIUS_SERVER_EAP,
    RADIUS_SERVER_IFRAME,
    SSO,
)
from authproxy.config.schema_telephony import TELEPHONY

SECTION_TYPES: dict[str, SectionType] = {
    section.name: section
    for section in (
        *(MAIN, SERVICE, MAIL, TELEPHONY, METRICS),
        *(AD_CLIENT, RADIUS_CLIENT, DUO_ONLY_CLIENT),
        *(RADIUS_SERVER_AUTO, RADIUS_SERVER_CHALLENGE, RADIUS_SERVER_CONCAT, RADIUS_SERVER_DUO_ONLY),
        *(RADIUS_SERVER_IFRAME, RADIUS_SERVER_EAP, LDAP_SERVER_AUTO),
        *(HTTP_PROXY, CLOUD, SSO),
    )
}


def section_type(name: str) -> SectionType | None:
    """The type of ``[name]`` (lower case): ``radius_server_auto2`` is a ``radius_server_auto``."""
    exact = SECTION_TYPES.get(name)
    if exact:
        return exact
    found = SECTION_TYPES.get(section_base(name))
    return found if found and found.repeatable else None


def is_secret(section: str, key: str) -> bool:
    """Whether ``key`` (lower case) of ``[section]`` may hold a secret: also for unknown sections and keys
    whose name sounds like one."""
    type_ = section_type(section)
    resolved = type_.resolve(key) if type_ else None
    if resolved:
        return resolved.option.secret and resolved.form is not Form.FILE
    return any(word in key for word in ("secret", "password", "skey", "passphrase", "seed"))
