"""A GnuPG home with a key pair, as the one who gets bundles has it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gnupg


class Keyring:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.gpg: Any = gnupg.GPG(gnupghome=str(home))

    def make_key(self, address: str, **more: Any) -> str:
        """The fingerprint of a new key pair without a passphrase."""
        wanted = {
            "name_real": "Support Desk",
            "name_email": address,
            "key_type": "EDDSA",
            "key_curve": "ed25519",
            "key_usage": "sign",
            "subkey_type": "ECDH",
            "subkey_curve": "cv25519",
            "subkey_usage": "encrypt",
            "expire_date": 0,
            "no_protection": True,
        }
        made = self.gpg.gen_key(self.gpg.gen_key_input(**wanted | more))
        assert made.fingerprint, made.stderr
        return str(made.fingerprint)

    def export(self, fingerprint: str, file: Path) -> Path:
        file.write_bytes(self.gpg.export_keys(fingerprint, armor=False))
        return file


@contextmanager
def keyring() -> Iterator[Keyring]:
    """Under a short name: the agent's socket has to fit."""
    home = Path(tempfile.mkdtemp(prefix="kr-"))
    try:
        yield Keyring(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
