"""Opening a configuration for a command: find it, check it, and have its secrets decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from authproxy.config import ini
from authproxy.config.build import KeyPlaces, key_places, load_with_problems
from authproxy.config.changes import Entries, entries
from authproxy.config.locate import find
from authproxy.config.passphrase import find_passphrase
from authproxy.config.problems import Problem
from authproxy.config.secrets import Vault, is_protected, seed_key
from authproxy.config.settings import ServiceSettings, Settings
from authproxy.secondfactor.seeds import read_key


@dataclass(frozen=True, slots=True)
class Opened:
    """A valid configuration, what was noted about it, the key of the embedded service's secrets, and the file's
    own words."""

    settings: Settings
    problems: tuple[Problem, ...]
    seed_key: bytes = field(repr=False)
    entries: Entries = field(default_factory=dict, repr=False)


def open_configuration(config: Path | None, *, may_ask: bool = True) -> Opened:
    """Blocks while gpg decrypts; asks for a passphrase if it ``may_ask``. Raises ConfigError, SecretError."""
    path = find(config)
    with _vault(key_places(path), may_ask) as vault:
        written = _written(path)
        vault.reveal_all(
            [value for options in written.values() for value in options.values() if is_protected(value)]
        )
        settings, problems = load_with_problems(path, vault.reveal)
        return Opened(settings, problems, _seed_key(settings.service, vault), written)


def _written(path: Path) -> Entries:
    try:
        text, _ = ini.decode(path.read_bytes(), str(path))
    except OSError:
        return {}  # loading says why
    return entries(ini.parse(text, str(path)))


@contextmanager
def _vault(places: KeyPlaces, may_ask: bool) -> Iterator[Vault]:
    def passphrase() -> str | None:
        if may_ask:
            return find_passphrase(places.passphrase_file)
        return find_passphrase(places.passphrase_file, is_interactive=lambda: False)

    vault = Vault(places.gnupg_home, passphrase)
    try:
        yield vault
    finally:
        vault.close()


def _seed_key(service: ServiceSettings, vault: Vault) -> bytes:
    if service.seed_key is not None:
        return read_key(service.seed_key.reveal())
    return seed_key(service.state_dir, vault)
