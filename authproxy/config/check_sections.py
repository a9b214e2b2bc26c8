"""Each section as a whole: what it needs, what belongs together, what it gives away."""

from __future__ import annotations

from itertools import combinations

from authproxy.config.check_entries import WINDOWS_VALUE
from authproxy.config.options import AddressRange
from authproxy.config.problems import Findings, Severity, masked, quoted
from authproxy.config.schema import Form, Role, Shape
from authproxy.config.values import SecretSource, SectionValues

_MOST_COMPARED = 1000  # appliances of one section; pairs grow with the square
_IKEY_LENGTH, _SKEY_LENGTH = 20, 40


def check_section(section: SectionValues, findings: Findings, *, syntax_only: bool) -> None:
    if section.type.pending:
        findings.warning(section.line, section.name, "", f"section has no effect: {section.type.pending}")
    _required(section, findings)
    _pairs(section, findings)
    _windows_secrets(section, findings, syntax_only=syntax_only)
    if "radius_ip" in section.type.by_name:
        _appliances(section, findings)
    if section.type.role is Role.SERVER:
        _remote_keys(section, findings)
    elif section.type.name == "cloud":
        _key_lengths(section, findings)
    if section.type.name == "ad_client":
        _directory(section, findings)
    elif section.type.name == "ldap_server_auto":
        _ldap_listener(section, findings)


# ---------------------------------------------------------------- what is missing


def _required(section: SectionValues, findings: Findings) -> None:
    for option in section.type.options:
        if not option.required or option.shape is Shape.NUMBERED:
            continue
        number = 1 if option.shape is Shape.FAILOVER else 0
        if section.is_mentioned(option.name, number) or _replaced(section, option.name):
            continue
        message = "empty, but needed" if (option.name, number) in section.empty else "missing"
        if section.type.name == "ad_client" and section.text("auth_type") == "sspi":
            message += "; auth_type=sspi needs Windows: give a service account"
        key = option.key(number)
        findings.error(section.line, section.name, key, message, wanted=option.kind.wanted)


def _replaced(section: SectionValues, name: str) -> bool:
    """``bind_dn`` names the service account just as well when it is bound with a simple bind."""
    return name == "service_account_username" and section.type.name == "ad_client" and section.is_given("bind_dn")


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


# ---------------------------------------------------------------- appliances


def _appliances(section: SectionValues, findings: Findings) -> None:
    addresses, secrets = set(section.numbers("radius_ip")), set(section.numbers("radius_secret"))
    mentioned = {number for name, number in section.unusable if name == "radius_ip"}
    unusable_secrets = {number for name, number in section.unusable if name == "radius_secret"}
    if not addresses and not mentioned:
        wanted = "radius_ip_1= and radius_secret_1="
        findings.error(section.line, section.name, "", "no appliance may send requests", wanted=wanted)
    for number in sorted(addresses - secrets - unusable_secrets):
        key, line = f"radius_ip_{number}", section.line_of("radius_ip", number)
        wanted = f"radius_secret_{number}="
        findings.error(line, section.name, key, "has no secret of the same number", wanted=wanted)
    for number in sorted(secrets - addresses - mentioned):
        key, line = section.key_of("radius_secret", number), section.line_of("radius_secret", number)
        wanted = f"radius_ip_{number}="
        findings.error(line, section.name, key, "has no address of the same number", wanted=wanted)
    _ranges(section, sorted(addresses), findings)


def _ranges(section: SectionValues, numbers: list[int], findings: Findings) -> None:
    ranges: list[tuple[int, AddressRange]] = []
    for number in numbers:
        span = section.get("radius_ip", number)
        assert isinstance(span, AddressRange)
        ranges.append((number, span))
        if span.is_everything():
            message = "open to every address: whoever learns the secret may ask; name the appliances"
            key = f"radius_ip_{number}"
            findings.warning(section.line_of("radius_ip", number), section.name, key, message)
    if len(ranges) <= _MOST_COMPARED:
        for (first, span), (second, other) in combinations(ranges, 2):
            if span.size == other.size and span.overlaps(other):
                _same_appliance(section, first, second, findings)


def _same_appliance(section: SectionValues, first: int, second: int, findings: Findings) -> None:
    key, line = f"radius_ip_{second}", section.line_of("radius_ip", second)
    where = f"radius_ip_{first} on line {section.line_of('radius_ip', first)}"
    if section.get("radius_secret", first) == section.get("radius_secret", second):
        findings.warning(line, section.name, key, f"overlaps {where}, which has the same secret: one is enough")
    else:
        message = f"overlaps {where}, which has another secret: it is not clear which one holds"
        findings.error(line, section.name, key, message)


# ---------------------------------------------------------------- keys of a remote service


def _remote_keys(section: SectionValues, findings: Findings) -> None:
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
    _key_lengths(section, findings)
    if not section.type.pending and len(given) == len(keys):
        message = (
            "section is not started: remote second-factor services (ikey, skey, api_host) are not supported yet; "
            "without these keys it uses the embedded service"
        )
        findings.warning(section.line, section.name, "", message)


def _key_lengths(section: SectionValues, findings: Findings) -> None:
    ikey, skey = section.text("ikey"), section.secret("skey")
    if ikey and (len(ikey) != _IKEY_LENGTH or not ikey.startswith("DI")):
        wanted = f"{_IKEY_LENGTH} characters that begin with DI"
        found = f"{quoted(ikey)} of {len(ikey)} characters"
        findings.warning(section.line_of("ikey"), section.name, "ikey", "does not look like a key", found, wanted)
    if skey and skey.form is Form.PLAIN and len(skey.text) != _SKEY_LENGTH:
        line, wanted = section.line_of("skey"), f"{_SKEY_LENGTH} characters"
        findings.warning(line, section.name, "skey", "perhaps cut off", masked(skey.text), wanted)


# ---------------------------------------------------------------- directories


def _directory(section: SectionValues, findings: Findings) -> None:
    transport, kind = section.text("transport"), section.text("auth_type")
    if transport == "clear":
        if not _on_this_host(section):
            _clear_text(section, kind, findings)
    elif kind != "plain":
        message = f"{kind} is not supported yet: accounts are bound with a simple bind inside TLS instead"
        findings.info(section.line_of("auth_type"), section.name, "auth_type", message)
    if section.is_given("port"):
        port = section.integer("port")
        if (port, transport) in ((636, "clear"), (636, "starttls"), (389, "ldaps")):
            message = f"unusual with transport={transport}: 389 is for clear and starttls, 636 for ldaps"
            findings.warning(section.line_of("port"), section.name, "port", message)
    if transport != "clear" and not section.flag("ssl_verify_hostname"):
        line = section.line_of("ssl_verify_hostname")
        message = "any certificate of a trusted authority is taken for the directory's"
        findings.warning(line, section.name, "ssl_verify_hostname", message)
    if transport != "clear" and section.text("minimum_tls_version") in ("ssl3", "tls1.0", "tls1.1"):
        line = section.line_of("minimum_tls_version")
        message = "TLS older than 1.2 is not offered; 1.2 is used"
        findings.warning(line, section.name, "minimum_tls_version", message)


def _on_this_host(section: SectionValues) -> bool:
    hosts = [section.text("host", number) for number in section.numbers("host")]
    return all(host == "localhost" or host.startswith("127.") or host == "::1" for host in hosts)


def _clear_text(section: SectionValues, kind: str, findings: Findings) -> None:
    message = "passwords cross the network in clear text: set transport=ldaps or transport=starttls"
    if kind != "plain":
        message += f" (auth_type={kind}, sealed NTLM, is not supported yet: accounts are bound with a simple bind)"
    name = next((name for name in ("transport", "auth_type") if section.is_given(name)), "")
    findings.warning(section.line_of(name) if name else section.line, section.name, name, message)


def _ldap_listener(section: SectionValues, findings: Findings) -> None:
    has_certificate = section.is_given("ssl_cert_path") or section.is_given("ssl_key_path")
    for name, other in (("ssl_cert_path", "ssl_key_path"), ("ssl_key_path", "ssl_cert_path")):
        if section.is_given(name) and not section.is_mentioned(other):
            findings.error(section.line_of(name), section.name, name, f"needs {other}, too")
    if has_certificate and not section.is_given("ssl_port") and str(section.integer("port")).endswith("636"):
        port = section.integer("port")
        message = f"port={port} is the listener for LDAP and StartTLS; LDAPS listens on ssl_port, now 636"
        findings.warning(section.line_of("port"), section.name, "port", message, wanted=f"ssl_port={port}")
