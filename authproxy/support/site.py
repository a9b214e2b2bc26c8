"""The installation a bundle is made of: its configuration, also one that can't be used, and where things are."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from authproxy.config import ini
from authproxy.config.places import Places
from authproxy.config.schema import Form
from authproxy.config.sections import section_type
from authproxy.config.settings import Settings
from authproxy.config.values import Checked
from authproxy.errors import AuthproxyError
from authproxy.secondfactor.seeds import SeedBox
from authproxy.support.scrubber import secrets_in, secrets_in_document

PURPOSE = "support pseudonyms"


@dataclass(frozen=True)
class Site:
    """Where things are. ``settings`` is None for a configuration that can't be used, and ``problem`` says why."""

    path: Path
    text: str = field(repr=False)
    checked: Checked = field(repr=False)
    settings: Settings | None = field(repr=False)
    seed_key: bytes | None = field(repr=False)
    problem: str = ""

    @cached_property
    def document(self) -> ini.Document:
        return ini.parse(self.text, str(self.path))

    @property
    def state_dir(self) -> Path:
        return Places.of(self.path).state_dir(self.checked.service)

    @property
    def log_dir(self) -> Path:
        return Places.of(self.path).log_dir(self.checked.main, self.checked.service)

    @property
    def database(self) -> str:
        """The URL."""
        return self.settings.service.database if self.settings else f"sqlite:///{self.state_dir / 'authproxy.db'}"

    def pseudonym_key(self) -> bytes:
        """The same in all bundles of a site; a new one each time while its seed key can't be had."""
        return SeedBox(self.seed_key).derived(PURPOSE) if self.seed_key else secrets.token_bytes(32)

    def secrets(self) -> Iterator[str]:
        """All that is known of them."""
        yield from secrets_in_document(self.document)
        yield from secrets_in(self.settings)
        if self.seed_key:
            yield b64encode(self.seed_key).decode()
        for section in self.document.sections:
            for entry in section.entries:
                type_ = section_type(section.name)
                resolved = type_.resolve(entry.key) if type_ else None
                if resolved and resolved.form is Form.FILE:
                    with suppress(AuthproxyError):
                        yield Places.of(self.path).read_secret(entry.value)

    def certificate_files(self) -> list[Path]:
        """Those that the configuration names, and the one we made."""
        places = Places.of(self.path)
        named = [
            places.to_read(entry.value)
            for section in self.document.sections
            for entry in section.entries
            if entry.key in ("ssl_cert_path", "ssl_ca_certs_file", "http_ca_certs_file") and entry.value
        ]
        return list(dict.fromkeys([*named, self.state_dir / "web.pem"]))
