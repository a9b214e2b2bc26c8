"""A configuration file as it may be shown to others: every secret is its length, comments are left out.

The schema knows the secrets. What it does not know is shown only where it can't be one: a mistyped
``radius_secrte_1`` holds a secret all the same, and so may the rest of a line that is no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from authproxy.config.ini import Document
from authproxy.config.problems import masked
from authproxy.config.schema import Form
from authproxy.config.sections import SECTION_TYPES, section_type

_HARMLESS = re.compile(
    r"(?:true|false|yes|no|on|off|auto|[0-9]{1,5}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})\Z", re.IGNORECASE
)
_USER_INFO = re.compile(r"(?<=://)([^/@\s:]*):([^/\s]*)@")
_PARAMETER = re.compile(
    r"((?:^|[?&;\s])[\w.-]*(?:key|token|secret|pass|pwd|auth|sig)[\w.-]*=)([^&;\s\"']+)", re.IGNORECASE
)
_HEADER = re.compile(r"\[\s*([A-Za-z0-9_]+)\s*\]\s*\Z")
_PROTECTED = "*****"


def redacted_text(text: str) -> str:
    """The file line by line, so that the line numbers of its problems still hold."""
    return "\n".join(_lines(text.replace("\r\n", "\n").replace("\r", "\n")))


def redacted_section(document: Document, name: str) -> dict[str, str]:
    """The entries of ``[name]`` as they may be shown."""
    section = next((each for each in document.sections if each.name == name), None)
    return {entry.key: redacted(name, entry.key, entry.value) for entry in section.entries} if section else {}


def redacted(section: str, key: str, value: str) -> str:
    """One value. A protected one is ``*****``; where a secret is in a file, the file is named."""
    if not value:
        return ""
    type_ = section_type(section)
    resolved = type_.resolve(key) if type_ else None
    if resolved is None:
        return value if _HARMLESS.match(value) else masked(value)
    if not resolved.option.secret or resolved.form is Form.FILE:
        return without_inline_secrets(value)
    if resolved.form is Form.PROTECTED:
        return _PROTECTED
    return value if value.lower().startswith("sqlite:///") else masked(value)


def without_inline_secrets(value: str) -> str:
    """``https://user:password@host/?token=...`` without the password and the token."""
    value = _USER_INFO.sub(lambda found: f"{found[1]}:{masked(found[2])}@", value)
    if "://" not in value:
        return value
    return _PARAMETER.sub(lambda found: found[1] + masked(found[2]), value)


def _lines(text: str) -> Iterator[str]:
    section = ""
    for line in text.removeprefix("\ufeff").split("\n"):
        content = line.strip()
        if not content:
            yield ""
        elif content.startswith(("#", ";")):
            yield _comment(content.lstrip("#; \t"), section)
        elif content.startswith("[") and (header := _HEADER.match(content)):
            section = header[1].lower()
            yield content
        else:
            yield _entry(content, section)


def _entry(content: str, section: str) -> str:
    delimiter = "=" if "=" in content else ":"
    key, found, value = (part.strip() for part in content.partition(delimiter))
    if not found or not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", key):
        return f"(a line of {len(content)} characters that is neither section nor entry)"
    return f"{key}={redacted(section, key.lower(), value)}"


def _comment(content: str, section: str) -> str:
    """Of comments, only switched-off sections and known options are shown."""
    if _HEADER.match(content):
        return f";{content}"
    key, found, value = (part.strip() for part in content.partition("="))
    name = key.lower()
    if found and any(type_.resolve(name) for type_ in SECTION_TYPES.values()):
        type_ = section_type(section)
        is_known = type_ is not None and type_.resolve(name) is not None
        shown = redacted(section, name, value) if is_known else masked(value)
        return f";{key}={shown}"
    return f"; (a comment of {len(content)} characters)" if content else ";"
