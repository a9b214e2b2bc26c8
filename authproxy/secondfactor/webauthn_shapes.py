"""Between browsers, the library's objects and our rows of security keys. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

from fido2 import cbor
from fido2.cose import CoseKey
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticatorData,
    AuthenticatorTransport,
    CredentialCreationOptions,
    CredentialRequestOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialType,
)

from authproxy.model import JsonValue
from authproxy.secondfactor.security_keys import SecurityKey

_TRANSPORTS: Final = frozenset(str(each) for each in AuthenticatorTransport)


def origin_of(url: str) -> str:
    """As browsers write it: without the port that goes without saying."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port not in (None, {"https": 443, "http": 80}.get(parts.scheme)) else ""
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def object_of(answer: JsonValue) -> Mapping[str, object]:
    return cast("Mapping[str, object]", answer)


def json_of(options: CredentialCreationOptions | CredentialRequestOptions) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", json.loads(json.dumps(dict(options))))


def descriptor_of(key: SecurityKey) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(each) for each in key.transports]
    return PublicKeyCredentialDescriptor(
        type=PublicKeyCredentialType.PUBLIC_KEY, id=key.credential_id, transports=transports or None
    )


def credential_of(key: SecurityKey) -> AttestedCredentialData:
    public_key = CoseKey.parse(cast("Mapping[int, object]", cbor.decode(key.public_key)))
    return AttestedCredentialData.create(Aaguid.NONE, key.credential_id, public_key)  # the model does not matter


def transports_of(answer: JsonValue) -> tuple[str, ...]:
    """The browser's word, as far as it is one we know."""
    said = cast("dict[str, dict[str, list[str]]]", answer)["response"].get("transports") or []
    return tuple(sorted(_TRANSPORTS.intersection(str(each) for each in said)))


def has_odd_flags(data: AuthenticatorData) -> bool:
    """Backed up, but not to be backed up: WebAuthn 6.1.3."""
    return is_backed_up(data) and not data.flags & AuthenticatorData.FLAG.BE


def is_backed_up(data: AuthenticatorData) -> bool:
    return bool(data.flags & AuthenticatorData.FLAG.BS)
