"""Which configuration file to use when none is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from authproxy.errors import ConfigError

ENVIRONMENT = "AUTHPROXY_CONFIG"
SYSTEM_WIDE = Path("/etc/authproxy/authproxy.cfg")
LOCAL = (Path("conf/authproxy.cfg"), Path("authproxy.cfg"))


def find(
    explicit: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    working_dir: Path | None = None,
    system_wide: Path | None = None,
) -> Path:
    """The file to read: the one that was named (``--config``), ``$AUTHPROXY_CONFIG``,
    ``/etc/authproxy/authproxy.cfg``, ``./conf/authproxy.cfg``, ``./authproxy.cfg``.

    A file that was named, also by the environment, is not looked for elsewhere. Raises ConfigError with the list
    of what was looked at.
    """
    if explicit is not None:
        return explicit
    if environ.get(ENVIRONMENT):
        return Path(environ[ENVIRONMENT])
    here = working_dir or Path.cwd()
    candidates = [system_wide or SYSTEM_WIDE, *(here / path for path in LOCAL)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = ", ".join(str(candidate) for candidate in candidates)
    raise ConfigError(
        f"no configuration file: none was named (--config, ${ENVIRONMENT}) and there is none of {looked}"
    )
