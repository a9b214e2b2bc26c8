"""Each section as a whole: what it needs, what belongs together, what it gives away."""

from __future__ import annotations

from authproxy.config.check_appliances import check_appliances
from authproxy.config.check_directory import check_directory
from authproxy.config.check_entries import WINDOWS_VALUE
from authproxy.config.check_ldap_server import check_ldap_server
from authproxy.config.check_mail import check_mail
from authproxy.config.check_monitor import check_metrics, check_syslog, check_traces
from authproxy.config.check_remote import check_key_lengths, check_remote_keys
from authproxy.config.check_telephony import check_telephony
from authproxy.config.check_web import check_web
from authproxy.config.problems import Findings, Severity, masked
from authproxy.config.schema import Form, Role, Shape
from authproxy.config.values import SecretSource, SectionValues


def check_section(section: SectionValues, findings: Findings, *, syntax_only: bool) -> None:
    if section.type.pending:
        findings.warning(section.line, section.name, "", f"section has no effect: {section.type.pending}")
    _required(section, findings)
    _pairs(section, findings)
    _windows_secrets(section, findings, syntax_only=syntax_only)
    if "radius_ip" in section.type.by_name:
        check_appliances(section, findings)
    if section.type.role is Role.SERVER:
        check_remote_keys(section, findings)
    elif section.type.name == "cloud":
        check_key_lengths(section, findings)
    if section.type.name == "ad_client":
        check_directory(section, findings)
    elif section.type.name == "ldap_server_auto":
        check_ldap_server(section, findings)
    elif section.type.name == "service":
        check_web(section, findings)
    elif section.type.name == "main":
        check_syslog(section, findings)
        check_traces(section, findings)
    elif section.type.name == "metrics":
        check_metrics(section, findings)
    elif section.type.name == "telephony":
        check_telephony(section, findings)
    elif section.type.name == "mail":
        check_mail(section, findings)


# ---------------------------------------------------------------- what is missing


def _required(section: SectionValues, findings: Findings) -> None:
    for option in section.type.options:
        if not option.required or option.shape is Shape.NUMBERED:
            continue
        number = 1 if option.shape is Shape.FAILOVER else 0
        if section.is_mentioned(option.name, number) or _replaced(section, option.name):
            continue
        message = "empty, but needed" if (option.name, number) in section.empty else "missing"
        key = option.key(number)
        findings.error(section.line, section.name, key, message, wanted=option.kind.wanted)


def _replaced(section: SectionValues, name: str) -> bool:
    """``bind_dn`` names the service account just as well when it is bound with a simple bind; a keytab stands for
    its password."""
    if section.type.name != "ad_client":
        return False
    if name == "service_account_password":
        return section.text("auth_type") == "kerberos" and section.is_given("keytab")
    return name == "service_account_username" and section.is_given("bind_dn")


def _pairs(section: SectionValues, findings: Findings) -> None:
    if section.type.name == "radius_client":
        hosts = set(section.numbers("host"))
        for name in ("port", "secret"):
            for number in section.numbers(name):
                if number > 1 and number not in hosts:
                    key = section.key_of(name, number)
                    missing = section.type.by_name["host"].key(number)
                    findings.warning(section.line_of(name, number), section.name, key, f"ignored: no {missing}")
        _fallback_ports(section, hosts, findings)


def _fallback_ports(section: SectionValues, hosts: set[int], findings: Findings) -> None:
    if not section.is_given("port", 1) or section.integer("port", 1) == 1812:
        return
    for number in sorted(hosts - {1}):
        if not section.is_mentioned("port", number):
            key = section.key_of("host", number)
            option = section.type.by_name["port"]
            message = (
                f"uses port 1812, as {option.key(number)} is not given ({option.key(1)} holds for the first only)"
            )
            findings.warning(section.line_of("host", number), section.name, key, message)


# ---------------------------------------------------------------- protected values of Windows


def _windows_secrets(section: SectionValues, findings: Findings, *, syntax_only: bool) -> None:
    for given in section.given.values():
        source = given.value
        if not isinstance(source, SecretSource) or source.form is not Form.PROTECTED:
            continue
        if source.text.startswith(WINDOWS_VALUE):
            severity = Severity.WARNING if syntax_only or not section.is_served else Severity.ERROR
            message = (
                "protected by Windows on the host that made it: it can't be read here; "
                "give the plain secret, and protect it with 'authproxy passwd'"
            )
            findings.add(severity, given.line, section.name, given.key, message, found=masked(source.text))
