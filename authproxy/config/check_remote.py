"""The keys of a remote second-factor service."""

from __future__ import annotations

from authproxy.config.problems import Findings, masked, quoted
from authproxy.config.schema import Form
from authproxy.config.values import SectionValues

_IKEY_LENGTH, _SKEY_LENGTH = 20, 40


def check_remote_keys(section: SectionValues, findings: Findings) -> None:
    keys = ("ikey", "skey", "api_host")
    given = [name for name in keys if section.is_mentioned(name)]
    if section.text("api_host") == "local":
        for name in ("ikey", "skey"):
            if section.is_given(name):
                message = "ignored: api_host=local means the embedded service"
                findings.info(section.line_of(name), section.name, section.key_of(name), message)
        return
    if not given:
        blank = [name for name in keys if (name, 0) in section.empty]
        if blank and not section.type.pending:
            message = f"{', '.join(blank)} empty: the embedded second-factor service is used"
            findings.info(section.line, section.name, "", message)
        return
    for name in keys:
        if name not in given:
            message = f"missing, although {' and '.join(given)} {'is' if len(given) == 1 else 'are'} given"
            wanted = f"{name}=, or none of ikey, skey and api_host for the embedded service"
            findings.error(section.line, section.name, name, message, wanted=wanted)
    check_key_lengths(section, findings)
    _timeouts(section, findings)
    if section.is_given("verified_push"):
        line, message = section.line_of("verified_push"), "has no effect: the remote service asks for its pushes"
        findings.warning(line, section.name, "verified_push", message)


def _timeouts(section: SectionValues, findings: Findings) -> None:
    """``failmode=safe`` must come to its turn before the login is rejected for being late."""
    longest, end = section.seconds("api_timeout"), section.seconds("appliance_timeout")
    if longest >= end and section.text("failmode") == "safe":
        message = "failmode=safe has no effect: the login is rejected at the end of appliance_timeout before"
        found, wanted = f"{longest:g} s", f"less than appliance_timeout, {end:g} s"
        findings.warning(section.line_of("api_timeout"), section.name, "api_timeout", message, found, wanted)


def check_key_lengths(section: SectionValues, findings: Findings) -> None:
    ikey, skey = section.text("ikey"), section.secret("skey")
    if ikey and (len(ikey) != _IKEY_LENGTH or not ikey.startswith("DI")):
        wanted = f"{_IKEY_LENGTH} characters that begin with DI"
        found = f"{quoted(ikey)} of {len(ikey)} characters"
        findings.warning(section.line_of("ikey"), section.name, "ikey", "does not look like a key", found, wanted)
    if skey and skey.form is Form.PLAIN and len(skey.text) != _SKEY_LENGTH:
        line, wanted = section.line_of("skey"), f"{_SKEY_LENGTH} characters"
        findings.warning(line, section.name, "skey", "perhaps cut off", masked(skey.text), wanted)
