"""Whom a bundle is encrypted to: a GPG key, found by ID, address or file, and used in a keyring of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gnupg

from authproxy.errors import AuthproxyError

_KEY_ID = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})\Z")
_MAIL = re.compile(r"[^\s<>@]+@[^\s<>@]+\Z")
_LONGEST_KEY_FILE = 1_000_000


class NoRecipient(AuthproxyError):
    """There is no key that the bundle could be encrypted to."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """``shown``: fingerprint and owner."""

    fingerprint: str
    shown: str
    _gpg: Any = field(repr=False)

    def encrypt(self, data: bytes) -> bytes:
        """Raises NoRecipient, with gpg's words."""
        made = self._gpg.encrypt(data, self.fingerprint, always_trust=True, armor=False)
        if not made.ok or not made.data:
            raise NoRecipient(f"gpg could not encrypt to {self.shown}: {made.status or 'no reason given'}")
        return bytes(made.data)


@contextmanager
def recipient(wanted: str, keyrings: Sequence[Path | None]) -> Iterator[Recipient]:
    """The one key that ``wanted`` names: a file with a public key, or else a key ID or an address.

    ``keyrings``: GnuPG directories to look in; None: the user's own. Raises NoRecipient.
    """
    if shutil.which("gpg") is None:
        raise NoRecipient("gpg is not installed, and bundles are encrypted with it: apt install gnupg")
    exported = _from_file(Path(wanted)) if _is_file(wanted) else _from_keyrings(wanted, keyrings)
    with gnupg_home() as home:
        gpg = gnupg.GPG(gnupghome=str(home))
        gpg.import_keys(exported)
        yield _only_key(wanted, gpg)


@contextmanager
def gnupg_home() -> Iterator[Path]:
    """An empty one, with a path short enough for the agent's socket. It and its agent are gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="ap-"))
    try:
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


def _is_file(wanted: str) -> bool:
    try:
        return Path(wanted).is_file()
    except (OSError, ValueError):
        return False


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_KEY_FILE)
    except OSError as error:
        raise NoRecipient(f"can't read the key file {path}: {error.strerror}") from None


def _from_keyrings(wanted: str, keyrings: Sequence[Path | None]) -> bytes:
    """``<address>`` finds this address alone; a bare one would find every address that it is a part of."""
    if _MAIL.match(wanted):
        search = f"<{wanted}>"
    elif _KEY_ID.match(wanted):
        search = wanted
    else:
        raise NoRecipient(f"{wanted!r} is no file with a public key, no key ID and no address")
    for keyring in keyrings:
        if keyring is not None and not keyring.is_dir():
            continue
        gpg = gnupg.GPG(gnupghome=None if keyring is None else str(keyring))
        exported = gpg.export_keys(search, armor=False)
        if exported:
            return bytes(exported)
    raise NoRecipient(
        f"no key of {wanted!r} is in this user's GnuPG keyring: import it (gpg --import), or name the file"
    )


def _only_key(wanted: str, gpg: Any) -> Recipient:
    keys = gpg.list_keys()
    usable = [key for key in keys if not _why_not(key)]
    if not keys:
        raise NoRecipient(f"{wanted!r} holds no public key")
    if not usable:
        raise NoRecipient(f"the key {_shown(keys[0])} {_why_not(keys[0])}: ask for another")
    if len(usable) > 1:
        found = ", ".join(key["fingerprint"] for key in usable)
        raise NoRecipient(f"{wanted!r} names {len(usable)} keys ({found}): name one by its fingerprint")
    return Recipient(usable[0]["fingerprint"], _shown(usable[0]), gpg)


def _shown(key: dict[str, Any]) -> str:
    return f"{key['fingerprint']} {', '.join(key['uids'])}".strip()


def _why_not(key: dict[str, Any]) -> str:
    """Why it can't be encrypted to; empty if it can. A capital E: the key as a whole can."""
    expires = str(key.get("expires") or "")
    if key.get("trust") in ("e", "r") or (expires.isdigit() and int(expires) < time.time()):
        return "is expired or revoked"
    return "" if "E" in str(key.get("cap", "E")) else "can't be encrypted to"


def decrypted(data: bytes) -> bytes:
    """With the keys of this user; gpg's agent asks for a passphrase. Raises NoRecipient."""
    if shutil.which("gpg") is None:
        raise NoRecipient("gpg is not installed: apt install gnupg")
    opened = gnupg.GPG().decrypt(data, always_trust=True)
    if not opened.ok:
        reason = str(opened.status or "no reason given")
        if "NO_SECKEY" in str(opened.stderr):
            reason = "it was encrypted to another key than yours"
        raise NoRecipient(f"gpg can't decrypt it: {reason}")
    return bytes(opened.data)
