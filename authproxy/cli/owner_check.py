"""What ``authproxy check`` says of the Admin Panel's Owners: on one person alone no account should hang."""

from __future__ import annotations

from pathlib import Path

from authproxy.config.check_web import is_web_wanted
from authproxy.config.places import Places
from authproxy.config.problems import Problem, Severity
from authproxy.config.schema import Form
from authproxy.config.values import Checked, SectionValues
from authproxy.errors import ConfigError


def owner_problem(config: Path, checked: Checked) -> Problem | None:
    """None: there are two, there is no panel, or the database can't be looked at (other commands say why)."""
    service = checked.service
    path = _database(config, service) if is_web_wanted(service) else None
    warning = _warning(path) if path is not None and path.is_file() else ""
    if not warning:
        return None
    return Problem(Severity.WARNING, checked.file, service.line, service.name, "", warning)


def _database(config: Path, service: SectionValues) -> Path | None:
    """None: it is elsewhere, or said in a form that can't be read here."""
    from authproxy.store.engine import sqlite_path  # takes a while to load, and only the embedded service has it

    source = service.secret("database")
    if source is None:
        return Places.of(config).state_dir(service) / "authproxy.db"
    try:
        return sqlite_path(source.text) if source.form is Form.PLAIN else None
    except ConfigError:
        return None


def _warning(path: Path) -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from authproxy.secondfactor.administrators import owner_warning
    from authproxy.store.engine import glance

    try:
        with glance(path) as connection:
            return owner_warning(connection)
    except SQLAlchemyError:
        return ""
