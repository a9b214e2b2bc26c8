"""Where the paths of a configuration lead."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from authproxy.config.values import CREDENTIAL_PREFIX, SectionValues
from authproxy.errors import SecretError

_LARGEST_SECRET = 65_536


@dataclass(frozen=True, slots=True)
class Places:
    """Resolves paths. Files that are read are looked for beside the configuration file, then one directory
    up; directories that are written are relative to the working directory."""

    config: Path
    working_dir: Path
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, config: Path) -> Places:
        """For the configuration file at ``config``, in the process's own surroundings."""
        return cls(config.absolute(), Path.cwd(), os.environ)

    def candidates(self, text: str) -> tuple[Path, ...]:
        """Where a file that is read may be, the preferred place first."""
        path = Path(text)
        if path.is_absolute():
            return (path,)
        return self.config.parent / path, self.config.parent.parent / path

    def to_read(self, text: str) -> Path:
        candidates = self.candidates(text)
        return next((path for path in candidates if is_there(path)), candidates[0])

    def to_write(self, text: str) -> Path:
        return self.working_dir / text

    def passphrase_file(self, service: SectionValues) -> str:
        """An absolute path, ``credential:NAME``, or nothing."""
        given = service.text("passphrase_file")
        return given if given.startswith(CREDENTIAL_PREFIX) or not given else str(self.to_read(given))

    def state_dir(self, service: SectionValues) -> Path:
        given = service.optional_text("state_dir")
        if given:
            return self.to_write(given)
        from_systemd = self.environ.get("STATE_DIRECTORY", "").partition(":")[0]
        return self.to_write(from_systemd or "var")

    def log_dir(self, main: SectionValues, service: SectionValues) -> Path:
        given = main.optional_text("log_dir")
        return self.to_write(given) if given else self.state_dir(service) / "log"

    def secret_file(self, text: str) -> Path:
        """The file that ``KEY_file=text`` names. Raises SecretError for a credential that systemd did not pass."""
        if not text.startswith(CREDENTIAL_PREFIX):
            return self.to_read(text)
        name = text.removeprefix(CREDENTIAL_PREFIX)
        directory = self.environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise SecretError(f"systemd passed no credentials, so {name!r} is not there (CREDENTIALS_DIRECTORY)")
        if not name or "/" in name or name in (".", ".."):
            raise SecretError(f"{name!r} can't be the name of a credential")
        return Path(directory) / name

    def read_secret(self, text: str) -> str:
        """The content of that file without one newline at its end. Raises SecretError."""
        path = self.secret_file(text)
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_SECRET + 1)
        except OSError as error:
            raise SecretError(f"can't read {path}: {error.strerror}") from None
        if len(content) > _LARGEST_SECRET:
            raise SecretError(f"{path} is too large for a secret")
        try:
            secret = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SecretError(f"{path} is not UTF-8 text") from None
        if not secret:
            raise SecretError(f"{path} is empty")
        return secret


def is_there(path: Path) -> bool:
    """Whether there is something at ``path`` as far as this process may look."""
    try:
        path.stat()
    except OSError:
        return False
    return True
