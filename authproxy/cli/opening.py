"""Opening a configuration for a command: find it, check it, and have its secrets decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from authproxy.config import ini
from authproxy.config.build import KeyPlaces, key_places, load_with_problems
from authproxy.config.locate import find
from authproxy.config.passphrase import find_passphrase
from authproxy.config.problems import Problem
from authproxy.config.secrets import Vault, is_protected, seed_key
from authproxy.config.settings import ServiceSettings, Settings
from authproxy.secondfactor.seeds import read_key


@dataclass(frozen=True, slots=True)
class Opened:
    """A valid configuration, what was noted about it, and the key of the embedded service's secrets."""

    settings: Settings
    problems: tuple[Problem, ...]
    seed_key: bytes = field(repr=False)


def open_configuration(config: Path | None) -> Opened:
    """Blocks while gpg decrypts. Raises ConfigError or SecretError."""
    path = find(config)
    with _vault(key_places(path)) as vault:
        vault.reveal_all(_protected_values(path))
        settings, problems = load_with_problems(path, vault.reveal)
        return Opened(settings, problems, _seed_key(settings.service, vault))


def _protected_values(path: Path) -> list[str]:
    """All that gpg will be asked for, to have it done at once."""
    try:
        text, _ = ini.decode(path.read_bytes(), str(path))
    except OSError:
        return []  # loading says why
    entries = (entry for section in ini.parse(text, str(path)).sections for entry in section.entries)
    return [entry.value for entry in entries if is_protected(entry.value)]


@contextmanager
def _vault(places: KeyPlaces) -> Iterator[Vault]:
    vault = Vault(places.gnupg_home, lambda: find_passphrase(places.passphrase_file))
    try:
        yield vault
    finally:
        vault.close()


def _seed_key(service: ServiceSettings, vault: Vault) -> bytes:
    if service.seed_key is not None:
        return read_key(service.seed_key.reveal())
    return seed_key(service.state_dir, vault)
