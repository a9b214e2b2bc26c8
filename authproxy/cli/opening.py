"""Opening a configuration for a command: find it, check it, and have its secrets decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from authproxy.config.build import KeyPlaces, key_places, load_with_problems
from authproxy.config.locate import find
from authproxy.config.passphrase import find_passphrase
from authproxy.config.problems import Problem
from authproxy.config.secrets import Vault, seed_key
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
        settings, problems = load_with_problems(path, vault.reveal)
        return Opened(settings, problems, _seed_key(settings.service, vault))


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
