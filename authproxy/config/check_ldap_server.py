"""How LDAP applications are served: what would surprise."""

from __future__ import annotations

from authproxy.config.check_directory import check_tls_version
from authproxy.config.problems import Findings, quoted
from authproxy.config.values import SectionValues
from authproxy.ldap import dn
from authproxy.ldap.dn import DnError

_SEALING = ("GSSAPI", "GSS-SPNEGO", "DIGEST-MD5")


def check_ldap_server(section: SectionValues, findings: Findings) -> None:
    _listeners(section, findings)
    _first_bind(section, findings)
    for number in section.numbers("exempt_ou"):
        try:
            dn.parse(section.text("exempt_ou", number))
        except DnError as error:
            line, key = section.line_of("exempt_ou", number), section.key_of("exempt_ou", number)
            findings.error(line, section.name, key, f"not a distinguished name: {error}")
    for mechanism in section.names("allow_sasl_mechanisms"):
        if mechanism.upper() in _SEALING or mechanism.upper().startswith("GS2-"):
            line, key = section.line_of("allow_sasl_mechanisms"), "allow_sasl_mechanisms"
            message = "works only without a security layer, for what it would seal can't be relayed"
            findings.warning(line, section.name, key, message, quoted(mechanism))


def _listeners(section: SectionValues, findings: Findings) -> None:
    has_certificate = section.is_given("ssl_cert_path") or section.is_given("ssl_key_path")
    for name, other in (("ssl_cert_path", "ssl_key_path"), ("ssl_key_path", "ssl_cert_path")):
        if section.is_given(name) and not section.is_mentioned(other):
            findings.error(section.line_of(name), section.name, name, f"needs {other}, too")
    if has_certificate and not section.is_given("ssl_port") and str(section.integer("port")).endswith("636"):
        port = section.integer("port")
        message = f"port={port} is the listener for LDAP and StartTLS; LDAPS listens on ssl_port, now 636"
        findings.warning(section.line_of("port"), section.name, "port", message, wanted=f"ssl_port={port}")
    if has_certificate:
        check_tls_version(section, findings)
    elif not _is_loopback(section.text("interface")):
        message = "no certificate: passwords and passcodes cross the network in clear text"
        findings.warning(section.line, section.name, "", message, wanted="ssl_cert_path= and ssl_key_path=")


def _is_loopback(interface: str) -> bool:
    return interface.startswith("127.") or interface == "::1"


def _first_bind(section: SectionValues, findings: Findings) -> None:
    if section.is_given("exempt_primary_bind") and section.flag("exempt_primary_bind"):
        return  # meant so
    if section.flag("exempt_primary_bind") and not section.numbers("exempt_ou"):
        message = (
            "the first bind of every connection needs no second factor: right for applications that bind a service"
            " account first, wrong for those that bind the user at once (exempt_primary_bind=false for these)"
        )
        findings.info(section.line, section.name, "exempt_primary_bind", message)
