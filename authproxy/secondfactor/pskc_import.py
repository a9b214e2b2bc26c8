"""Tokens from a PSKC file (RFC 6030), in clear or encrypted to a key or a passphrase. Pure.

The MAC of every encrypted value is checked, also of those that are not used. A file's signature is not.

A document type is refused before anything else is read: entities could name files, or grow without end.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from pskc import PSKC
from pskc.exceptions import DecryptionError, KeyDerivationError, PSKCError
from pskc.key import EncryptedValue, Key

from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rows import BadRow
from authproxy.secondfactor.token_rows import NewToken, checked_row

LARGEST: Final = 50_000_000  # bytes
_MOST_ROUNDS = 10_000_000  # of PBKDF2: some seconds
_LONGEST_KEY = 64
_DEEPEST = 32
_KINDS = {"hotp": "hotp", "totp": "totp"}
_SUITES = {"": "sha1", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens an encrypted file: its key, or the passphrase that the key is made of."""

    key: bytes | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)


def read_pskc(data: bytes, opening: Opening) -> tuple[list[NewToken], list[BadRow]]:
    """Checks each key by itself; a bad one is told by its line. Raises BadValue: nothing of it can be used."""
    lines = _lines_of_keys(data)
    try:
        container = PSKC(io.BytesIO(data))
        keys = container.keys
        _open(container, opening)
    except KeyDerivationError as error:
        raise BadValue(f"the key can't be made of the passphrase: {error}") from None
    except (PSKCError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadValue(f"this is no PSKC that can be read: {type(error).__name__}") from None
    if not keys:
        raise BadValue("there is no key in this file")
    if len(lines) != len(keys):
        lines = [1] * len(keys)
    is_encrypted = any(list(_encrypted(key)) for key in keys)
    good: list[NewToken] = []
    bad: list[BadRow] = []
    for line, key in zip(lines, keys, strict=True):
        try:
            good.append(_token(line, key, is_encrypted=is_encrypted))
        except DecryptionError as error:
            raise BadValue(_unopened(error, opening)) from None
        except BadValue as error:
            bad.append(BadRow(line, str(error)))
        except (PSKCError, ValueError, TypeError, AttributeError) as error:
            bad.append(BadRow(line, f"this key can't be read: {type(error).__name__}"))
    return good, bad


def _unopened(error: DecryptionError, opening: Opening) -> str:
    if opening.key is None and opening.passphrase is None:
        return "the file is encrypted: its key or its passphrase is needed"
    if "algorithm" in str(error).lower():
        return f"encrypted in a way that is not known: {error}"
    if "MAC" in str(error):
        return "a MAC does not match: the file was changed, or the key is not the one that it is encrypted with"
    return "the key or passphrase is not the one that the file was encrypted with"


# ---------------------------------------------------------------- the file as a whole


def _lines_of_keys(data: bytes) -> list[int]:
    """Where each Key begins. Raises BadValue."""
    if len(data) > LARGEST:
        raise BadValue(f"larger than {LARGEST} bytes")
    parser = expat.ParserCreate()
    lines: list[int] = []
    depth = 0

    def begins(name: str, attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise BadValue("elements are nested too deeply for PSKC")
        if name.rpartition(":")[2] == "Key":
            lines.append(parser.CurrentLineNumber)

    def ends(name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise BadValue("it has a document type, which PSKC has not and which could name other files")

    parser.StartElementHandler, parser.EndElementHandler = begins, ends
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadValue(f"this is no XML: line {error.lineno}: {expat.errors.messages[error.code]}") from None
    except (LookupError, ValueError):
        raise BadValue("this is no XML: its encoding is not known") from None
    return lines


def _open(container: PSKC, opening: Opening) -> None:
    encryption = container.encryption
    if opening.key is not None:
        encryption.key = opening.key
    elif opening.passphrase is not None:
        derivation = encryption.derivation
        if derivation.algorithm is None:
            raise BadValue("the file is not encrypted to a passphrase")
        if (derivation.pbkdf2_iterations or 0) > _MOST_ROUNDS or (
            derivation.pbkdf2_key_length or 0
        ) > _LONGEST_KEY:
            raise BadValue("to make the key of the passphrase would take too long: this is no sound file")
        encryption.derive_key(opening.passphrase)


# ---------------------------------------------------------------- one key


def _token(line: int, key: Key, *, is_encrypted: bool) -> NewToken:
    if not _is_protected(key):
        raise BadValue("encrypted without a MAC: a wrong key could not be told from the right one (RFC 6030 6.2)")
    if is_encrypted and isinstance(vars(key).get("_secret"), bytes):
        raise BadValue("its secret is in clear in a file that is encrypted: somebody may have put it there")
    key.check()
    name = (key.algorithm or "").rpartition("#")[2].rpartition(":")[2].lower()
    if name not in _KINDS:
        raise BadValue("its algorithm is neither HOTP nor TOTP")
    kind = _KINDS[name]
    if (key.response_encoding or "DECIMAL").upper() != "DECIMAL":
        raise BadValue("its codes are not decimal")
    digits = key.response_length or 6
    if digits not in (6, 8):
        raise BadValue(f"codes of {digits} digits; wanted 6 or 8")
    secret = key.secret
    if secret is None:
        raise BadValue("there is no secret")
    counter = (key.counter or 0) if kind == "hotp" else 0
    step = (key.time_interval or 30) if kind == "totp" else 30
    return checked_row(
        NewToken(
            line, (key.serial or key.id or "").strip(), kind, digits, secret, counter, step, "", _hash_of(key)
        )
    )


def _hash_of(key: Key) -> str:
    suite = (key.algorithm_suite or "").lower().replace("hmac", "").replace("-", "").replace("_", "")
    try:
        return _SUITES[suite]
    except KeyError:
        raise BadValue("its algorithm suite is none of HMAC-SHA1, HMAC-SHA256 and HMAC-SHA512") from None


def _is_protected(key: Key) -> bool:
    """Whether what is encrypted would not decrypt with a wrong key: RFC 3394's wrapping sees to that by itself."""
    return all(
        value.mac_value is not None or "#kw-" in (value.algorithm or key.device.pskc.encryption.algorithm or "")
        for value in _encrypted(key)
    )


def _encrypted(key: Key) -> Iterator[EncryptedValue]:
    for name in ("secret", "counter", "time_offset", "time_interval", "time_drift"):
        value = vars(key).get(f"_{name}")
        if isinstance(value, EncryptedValue):
            yield value
