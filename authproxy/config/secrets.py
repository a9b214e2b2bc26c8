"""Protected values: secrets encrypted with OpenPGP, to a key pair of this host (or of a smart card).

A protected value is one line, ``gpg1:`` and the base64 of a binary OpenPGP message. Everything here blocks on
gpg: call it from a thread once the reactor runs. Nothing is logged, no secret is ever a process argument.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import gnupg

from authproxy.config.values import PROTECTED_PREFIX
from authproxy.errors import SecretError

KEY_NAME: Final = "authproxy protected values"
_LONGEST_HOME = 85  # the agent's socket below it may have 107 bytes
_AGENT = "default-cache-ttl 0\nmax-cache-ttl 0\nallow-loopback-pinentry\n"
_SEED_KEY_LENGTH = 32
_THREADS = 4


def is_protected(value: str) -> bool:
    return value.startswith(PROTECTED_PREFIX)


def looks_like_dpapi(value: str) -> bool:
    """A value that Duo's ``authproxy_passwd.exe`` made: Windows' data protection, in base64."""
    return value.startswith(("AQAAANCMnd8", "AQAAA"))


class Vault:
    """Encrypts and decrypts protected values with the key pair in ``home``.

    ``passphrase`` is asked once, when it is first needed; None means that the key has none. Call ``close`` at the
    end: it takes gpg's agent away.
    """

    def __init__(self, home: Path, passphrase: Callable[[], str | None]) -> None:
        self._home = home
        self._ask = passphrase
        self._asked: list[str | None] = []
        self._gpg: Any = None
        self._key = ""
        self._short_home: Path | None = None
        self._revealed: dict[str, str | SecretError] = {}

    # ------------------------------------------------------------ what it is for

    def protect(self, text: str) -> str:
        """The protected value of ``text``. Makes the key pair if there is none. Raises SecretError."""
        self.ensure_key()
        made = self._opened().encrypt(text.encode("utf-8"), self._key, always_trust=True, armor=False)
        if not made.ok:
            raise SecretError(
                f"gpg could not encrypt with the key in {self._home}: {made.status or 'no reason given'}"
            )
        return PROTECTED_PREFIX + b64encode(made.data).decode("ascii")

    def reveal(self, value: str) -> str:
        """The secret in a protected value. Raises SecretError, one line that says what to do."""
        known = self._revealed.get(value)
        if isinstance(known, SecretError):
            raise known
        return self._decrypted(value) if known is None else known

    def reveal_all(self, values: Iterable[str]) -> None:
        """Decrypts several at once, so that ``reveal`` knows them until ``close``: secrets and errors alike."""
        wanted = sorted(set(values))
        if not wanted or not self._home.is_dir():
            return
        self._opened()
        self._passphrase()  # asked once, before the threads
        with ThreadPoolExecutor(_THREADS) as pool:
            self._revealed.update(zip(wanted, pool.map(self._tried, wanted), strict=True))

    def _tried(self, value: str) -> str | SecretError:
        try:
            return self._decrypted(value)
        except SecretError as error:
            return error

    def _decrypted(self, value: str) -> str:
        message = self._unpacked(value)
        if not self._home.is_dir():
            raise SecretError(f"there is no key pair in {self._home}: {_FOREIGN}")
        passphrase = self._passphrase()
        never_ask = [] if passphrase else ["--pinentry-mode", "loopback"]
        opened = self._opened().decrypt(message, passphrase=passphrase, always_trust=True, extra_args=never_ask)
        if not opened.ok:
            raise SecretError(self._why_not(str(opened.status), str(opened.stderr)))
        try:
            return bytes(opened.data).decode("utf-8")
        except UnicodeDecodeError:
            raise SecretError("the protected value holds no UTF-8 text; make it anew") from None

    def ensure_key(self) -> None:
        """Finds the key pair to encrypt to, or makes one: Curve25519, no expiry."""
        if self._key:
            return
        gpg = self._opened()
        keys = gpg.list_keys(True)
        usable = [key for key in keys if not _is_over(key)]
        if keys and not usable:
            raise SecretError(
                f"the key in {self._home} is expired or revoked; extend it with"
                f" `gpg --homedir {self._home} --quick-set-expire {keys[0]['fingerprint']} 0`"
            )
        self._key = usable[0]["fingerprint"] if usable else self._make_key(gpg)

    def close(self) -> None:
        """Ends gpg's agent and forgets secrets; the vault can be used again afterwards."""
        self._revealed.clear()
        if self._gpg is not None:
            subprocess.run(
                ["gpgconf", "--homedir", str(self._effective_home()), "--kill", "all"],
                capture_output=True,
                check=False,
            )
            self._gpg = None
        if self._short_home is not None:
            shutil.rmtree(self._short_home, ignore_errors=True)
            self._short_home = None

    # ------------------------------------------------------------ gpg

    def _opened(self) -> Any:
        if self._gpg is not None:
            return self._gpg
        if shutil.which("gpg") is None:
            raise SecretError("gpg is not installed, and protected values need it: apt install gnupg")
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            agent = self._home / "gpg-agent.conf"
            if not agent.exists():
                agent.write_text(_AGENT)
        except OSError as error:
            raise SecretError(f"the key directory {self._home} can't be made: {error.strerror}") from None
        self._gpg = gnupg.GPG(gnupghome=str(self._effective_home()))
        return self._gpg

    def _effective_home(self) -> Path:
        """The home under a short name, if its own is too long for the agent's socket."""
        home = self._home.absolute()
        if len(os.fsencode(home)) <= _LONGEST_HOME:
            return home
        if self._short_home is None:
            self._short_home = Path(tempfile.mkdtemp(prefix="ap-"))
            (self._short_home / "g").symlink_to(home)
        return self._short_home / "g"

    def _make_key(self, gpg: Any) -> str:
        passphrase = self._passphrase()
        wanted: dict[str, Any] = {
            "name_real": KEY_NAME,
            "name_email": "authproxy@localhost",
            "key_type": "EDDSA",
            "key_curve": "ed25519",
            "key_usage": "sign",
            "subkey_type": "ECDH",
            "subkey_curve": "cv25519",
            "subkey_usage": "encrypt",
            "expire_date": 0,
        }
        secret = {"passphrase": passphrase} if passphrase else {"no_protection": True}
        made = gpg.gen_key(gpg.gen_key_input(**wanted, **secret))
        if not made.fingerprint:
            raise SecretError(f"gpg could not make a key in {self._home}: {_last_line(str(made.stderr))}")
        return str(made.fingerprint)

    def _passphrase(self) -> str | None:
        if not self._asked:
            self._asked.append(self._ask() or None)
        return self._asked[0]

    # ------------------------------------------------------------ what is wrong

    def _unpacked(self, value: str) -> bytes:
        if looks_like_dpapi(value):
            raise SecretError(
                "made by authproxy_passwd.exe and bound to the Windows host that made it;"
                " encrypt the secret anew with `authproxy passwd`"
            )
        if not is_protected(value):
            raise SecretError("no protected value of this program; make one with `authproxy passwd`")
        try:
            return b64decode(value.removeprefix(PROTECTED_PREFIX), validate=True)
        except ValueError:
            raise SecretError(
                "the protected value is damaged (no base64); make it anew with `authproxy passwd`"
            ) from None

    def _why_not(self, status: str, stderr: str) -> str:
        if "NO_SECKEY" in stderr:
            return f"the key in {self._home} is another one than this value was made for: {_FOREIGN}"
        if "public key decryption failed" in stderr or "batchmode" in stderr:
            given = "the wrong one was given" if self._passphrase() else "none was given"
            return f"the key in {self._home} needs its passphrase, and {given}: see passphrase_file in [service]"
        return f"gpg can't decrypt it, it may be damaged: {_last_line(stderr) or status}"


_FOREIGN = (
    "the value was made on another host; encrypt the secret anew with `authproxy passwd`, or bring the key along"
)


def _is_over(key: dict[str, Any]) -> bool:
    expires = str(key.get("expires") or "")
    return key.get("trust") in ("e", "r") or (expires.isdigit() and int(expires) < time.time())


def _last_line(text: str) -> str:
    lines = [line.removeprefix("gpg: ") for line in text.splitlines() if line.startswith("gpg: ")]
    return lines[-1] if lines else ""


# ---------------------------------------------------------------- the key of the embedded service's secrets


def seed_key(state_dir: Path, vault: Vault) -> bytes:
    """The 32 bytes that one-time code seeds are encrypted with, kept protected in ``state_dir/seed.key``.

    Made on first use; of two processes that do so at once, one wins and both use its key. Raises SecretError, and
    never replaces a file that can't be read: without its key, every enrolled device is lost.
    """
    path = state_dir / "seed.key"
    try:
        return _decoded(vault.reveal(path.read_text(encoding="ascii").strip()), path)
    except FileNotFoundError:
        return _made(path, vault)
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the seed key {path} can't be read: {error}") from None
    except SecretError as error:
        raise SecretError(f"the seed key {path}: {error}") from None


def _made(path: Path, vault: Vault) -> bytes:
    key = secrets.token_bytes(_SEED_KEY_LENGTH)
    value = vault.protect(b64encode(key).decode("ascii"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".seed", delete=False) as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(file.name, path)  # fails if another process was faster; never replaces
        except FileExistsError:
            return seed_key(path.parent, vault)
        finally:
            with contextlib.suppress(OSError):
                Path(file.name).unlink()
    except OSError as error:
        raise SecretError(f"the seed key {path} can't be written: {error.strerror}") from None
    return key


def _decoded(text: str, path: Path) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _SEED_KEY_LENGTH:
        raise SecretError(f"{path} is damaged: restore it from a backup")
    return key
