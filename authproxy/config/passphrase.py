"""Where the passphrase of the key for protected values comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from getpass import getpass
from pathlib import Path
from typing import Final

from authproxy.errors import SecretError

CREDENTIAL: Final = "authproxy-passphrase"
ENVIRONMENT: Final = "AUTHPROXY_PASSPHRASE_FILE"
_CREDENTIAL_PREFIX = "credential:"


def find_passphrase(
    configured: str = "",
    environ: Mapping[str, str] = os.environ,
    ask: Callable[[str], str] = getpass,
    is_interactive: Callable[[], bool] = lambda: os.isatty(0) and os.isatty(2),
) -> str | None:
    """The first of: the systemd credential ``authproxy-passphrase``, ``configured`` (``passphrase_file``,
    a path or ``credential:NAME``), the file that ``$AUTHPROXY_PASSPHRASE_FILE`` names, the terminal.

    None when there is none of these: the key has no passphrase then. Raises SecretError when a file that was
    named can't be read.
    """
    path = _place(configured, environ)
    if path is not None:
        return _read(path)
    if is_interactive():
        return ask("Passphrase of the key for protected values (empty if it has none): ") or None
    return None


def _place(configured: str, environ: Mapping[str, str]) -> Path | None:
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / CREDENTIAL).exists():
        return Path(credentials) / CREDENTIAL
    if configured.startswith(_CREDENTIAL_PREFIX):
        name = configured.removeprefix(_CREDENTIAL_PREFIX)
        if not credentials:
            raise SecretError(f"passphrase_file={configured}: systemd gave this process no credentials")
        return Path(credentials) / Path(name).name
    if configured:
        return Path(configured)
    named = environ.get(ENVIRONMENT)
    return Path(named) if named else None


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SecretError(f"the passphrase can't be read from {path}: {reason}") from None
    return text.removesuffix("\n").removesuffix("\r")
