"""The front door's own certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme


@dataclass
class Certificate:
    """``ca.pem``, ``cert.pem`` and ``key.pem`` in a directory."""

    directory: Path
    ca: trustme.CA

    @classmethod
    def make(cls, directory: Path) -> Certificate:
        made = cls(directory, trustme.CA())
        made.ca.cert_pem.write_to_path(str(directory / "ca.pem"))
        made.issue("localhost")
        return made

    def issue(self, name: str) -> None:
        """A new certificate for ``name`` and 127.0.0.1."""
        leaf = self.ca.issue_cert(name, "127.0.0.1")
        (self.directory / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(self.directory / "key.pem"))

    def options(self) -> dict[str, Any]:
        """For a section's settings."""
        return {"ssl_cert_path": self.directory / "cert.pem", "ssl_key_path": self.directory / "key.pem"}
