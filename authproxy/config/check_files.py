"""The files and directories that a configuration names: there, readable, and of use."""

from __future__ import annotations

import os
import stat
from importlib.util import find_spec
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from authproxy.config.places import Places
from authproxy.config.problems import Findings
from authproxy.config.schema import Form
from authproxy.config.values import (
    CREDENTIAL_PREFIX,
    Checked,
    Given,
    SecretSource,
    SectionValues,
    writes_log_files,
)
from authproxy.errors import SecretError

_CERTIFICATES = ("ssl_ca_certs_file", "ssl_cert_path", "certs", "http_ca_certs_file", "syslog_ca_certs_file")
_KEYS = ("ssl_key_path", "pkey")


def check_files(checked: Checked, places: Places, findings: Findings) -> None:
    """Adds what is wrong with them to ``findings``. Changes nothing on disk."""
    for section in checked.sections:
        if section.is_served:
            _pem_files(section, places, findings)
            _kerberos(section, places, findings)
            _secret_files(section, places, findings)
    _directories(checked, places, findings)
    _mode(checked, places, findings)


def _pem_files(section: SectionValues, places: Places, findings: Findings) -> None:
    for name in (*_CERTIFICATES, *_KEYS):
        given = section.given.get((name, 0))
        if given is None or not isinstance(given.value, str) or section.type.by_name[name].pending:
            continue
        wrong = _wrong_pem(given.value, places, is_key=name in _KEYS)
        if wrong:
            findings.error(given.line, section.name, given.key, wrong)


def _kerberos(section: SectionValues, places: Places, findings: Findings) -> None:
    if section.type.name != "ad_client" or section.text("auth_type") != "kerberos":
        return
    missing = [name for name in ("gssapi", "krb5") if find_spec(name) is None]
    if missing:
        message = f"kerberos needs what is not installed: {', '.join(missing)}; run 'make kerberos'"
        findings.error(section.line_of("auth_type"), section.name, "auth_type", message)
    keytab = section.optional_text("keytab")
    if keytab and not os.access(places.to_read(keytab), os.R_OK):
        message = f"can't read {places.to_read(keytab)}"
        findings.error(section.line_of("keytab"), section.name, "keytab", message)


def _wrong_pem(text: str, places: Places, *, is_key: bool) -> str:
    path = places.to_read(text)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return f"there is no {' nor '.join(str(path) for path in places.candidates(text))}"
    except OSError as error:
        return f"can't read {path}: {error.strerror}"
    try:
        if is_key:
            load_pem_private_key(data, password=None)
        else:
            x509.load_pem_x509_certificates(data)
    except TypeError:
        return f"the private key in {path} has a passphrase; remove it"
    except Exception:  # the library raises whatever its parsers raise
        return f"{path} holds no usable {'private key' if is_key else 'certificate'} in PEM format"
    return ""


def _secret_files(section: SectionValues, places: Places, findings: Findings) -> None:
    for (name, _), given in section.given.items():
        source = given.value
        if isinstance(source, SecretSource) and source.form is Form.FILE:
            _secret_file(section, given, source.text, places, findings)
        elif name == "passphrase_file" and isinstance(source, str):
            _secret_file(section, given, source, places, findings)


def _secret_file(section: SectionValues, given: Given, text: str, places: Places, findings: Findings) -> None:
    if text.startswith(CREDENTIAL_PREFIX) and "CREDENTIALS_DIRECTORY" not in places.environ:
        message = "not looked at: systemd passes credentials to the service only"
        findings.info(given.line, section.name, given.key, message)
        return
    try:
        places.read_secret(text)
    except SecretError as error:
        findings.error(given.line, section.name, given.key, str(error))


def _directories(checked: Checked, places: Places, findings: Findings) -> None:
    main, service = checked.main, checked.service
    needed = [(service, "state_dir", places.state_dir(service))]
    if writes_log_files(main):
        needed.append((main, "log_dir", places.log_dir(main, service)))
    for section, name, path in needed:
        wrong = _not_writable(path)
        if wrong:
            findings.error(section.line_of(name), section.name, name, wrong)
    mail = [section for section in checked.sections if section.type.name == "mail"]
    for section, name in ((main, "dictionary_dir"), *((section, "template_dir") for section in mail)):
        given = section.optional_text(name)
        if given and not places.to_read(given).is_dir():
            message = f"{places.to_read(given)} is not a directory"
            findings.error(section.line_of(name), section.name, name, message)


def _not_writable(path: Path) -> str:
    """Why ``path`` can't be a directory that this process writes to; empty if it can, or can be made."""
    for existing in (path, *path.parents):
        try:
            found = existing.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"can't use {path}: {existing}: {error.strerror}"
        if not stat.S_ISDIR(found.st_mode):
            return f"can't use {path}: {existing} is not a directory"
        if not os.access(existing, os.W_OK | os.X_OK):
            act = "write to" if existing == path else "create it in"
            return f"can't use {path}: no right to {act} {existing}"
        return ""
    return ""


def _mode(checked: Checked, places: Places, findings: Findings) -> None:
    try:
        mode = places.config.stat().st_mode
    except OSError:
        return
    if mode & stat.S_IROTH and any(_holds_plain_secret(section) for section in checked.sections):
        message = f"plain secrets in a file that everybody on this host can read: chmod o-rwx {places.config}"
        findings.warning(1, "", "", message)


def _holds_plain_secret(section: SectionValues) -> bool:
    return any(
        isinstance(given.value, SecretSource) and given.value.form is Form.PLAIN
        for given in section.given.values()
    )
