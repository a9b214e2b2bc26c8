"""Every operation of the Admin API, and which of them a path means."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from authproxy.web.api.admin import (
    administrators,
    bypass_codes,
    change_log,
    enrollment,
    groups,
    info,
    integrations,
    login_log,
    others,
    phone_messages,
    phones,
    policies,
    settings,
    telephony_log,
    tokens,
    users,
    verification_pushes,
    webauthn,
)
from authproxy.web.api.admin.bulk import bulk_of
from authproxy.web.api.admin.operation import Operation
from authproxy.web.api.admin.routing import find_among

NOUNS: Final = (
    users, enrollment, phones, phone_messages, verification_pushes, tokens, groups, bypass_codes, webauthn,
    integrations, administrators, settings, policies, info, login_log, change_log, telephony_log, others,
)  # fmt: skip
_SINGLE: Final = tuple(chain.from_iterable(noun.OPERATIONS for noun in NOUNS))
OPERATIONS: Final[tuple[Operation, ...]] = (*_SINGLE, bulk_of(_SINGLE))


def find(method: str, raw_path: str) -> tuple[Operation, Mapping[str, str]]:
    """See ``find_among``."""
    return find_among(OPERATIONS, method, raw_path)
