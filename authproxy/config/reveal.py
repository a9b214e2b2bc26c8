"""Secrets of a configuration: from where they are kept to their plain value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from authproxy.config.options import BadValue
from authproxy.config.problems import Findings
from authproxy.config.schema import Form
from authproxy.config.values import PROTECTED_PREFIX, SecretSource, SectionValues
from authproxy.errors import SecretError
from authproxy.secret import Secret

Reveal = Callable[[str], str]
"""A protected value (``gpg1:...``) to the secret; raises SecretError."""

ReadFile = Callable[[str], str]
"""What stands behind ``KEY_file=`` to the secret; raises SecretError."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Resolves secrets; one that can't be had becomes a problem with its place, and an empty Secret."""

    reveal: Reveal | None
    read_file: ReadFile
    findings: Findings

    def optional(self, section: SectionValues, name: str, number: int = 0) -> Secret | None:
        source = section.secret(name, number)
        if source is None:
            return None
        try:
            text = self._text(source)
            section.type.by_name[name].kind.parse(text)
            return Secret(text)
        except SecretError as error:
            message, wanted = str(error), ""
        except BadValue as bad:
            message, wanted = "bad value", str(bad)
        line, key = section.line_of(name, number), section.key_of(name, number)
        self.findings.error(line, section.name, key, message, wanted=wanted)
        return None

    def required(self, section: SectionValues, name: str, number: int = 0) -> Secret:
        return self.optional(section, name, number) or Secret("")

    def _text(self, source: SecretSource) -> str:
        match source.form:
            case Form.PLAIN:
                return source.text
            case Form.FILE:
                return self.read_file(source.text)
            case Form.PROTECTED:
                if not source.text.startswith(PROTECTED_PREFIX):
                    raise SecretError("not protected by this program: it can't be read here")
                if self.reveal is None:
                    raise SecretError("protected, and no key to read it was given")
                return self.reveal(source.text)
