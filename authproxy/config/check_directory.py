"""How a directory is reached: what would surprise."""

from __future__ import annotations

from authproxy.config.problems import Findings, quoted
from authproxy.config.values import SectionValues


def check_directory(section: SectionValues, findings: Findings) -> None:
    transport, kind = section.text("transport"), section.text("auth_type")
    _auth_type(section, kind, findings)
    if transport == "clear" and not _on_this_host(section):
        _clear_text(section, kind, findings)
    _hosts(section, kind, findings)
    _account_name(section, findings)
    if section.is_given("port"):
        port = section.integer("port")
        if (port, transport) in ((636, "clear"), (636, "starttls"), (389, "ldaps")):
            message = f"unusual with transport={transport}: 389 is for clear and starttls, 636 for ldaps"
            findings.warning(section.line_of("port"), section.name, "port", message)
    if transport != "clear" and not section.flag("ssl_verify_hostname"):
        line = section.line_of("ssl_verify_hostname")
        message = "any certificate of a trusted authority is taken for the directory's"
        findings.warning(line, section.name, "ssl_verify_hostname", message)
    if transport != "clear":
        check_tls_version(section, findings)


def check_simple_binds(server: SectionValues, client: SectionValues, findings: Findings) -> None:
    """An LDAP application's connection can't be sealed on its way through: its passwords go in simple binds."""
    is_relayed = server.type.name == "ldap_server_auto" and client.type.name == "ad_client"
    if not is_relayed or client.text("transport") != "clear" or _on_this_host(client):
        return
    if client.text("auth_type") != "plain":  # of which it has been said already
        message = f"[{client.name}] is reached with transport=clear: passwords of LDAP applications are not sealed"
        findings.warning(
            server.line, server.name, "", message, wanted="transport=ldaps or transport=starttls there"
        )


def check_tls_version(section: SectionValues, findings: Findings) -> None:
    if section.text("minimum_tls_version") in ("ssl3", "tls1.0", "tls1.1"):
        line = section.line_of("minimum_tls_version")
        message = "TLS older than 1.2 is not offered; 1.2 is used"
        findings.warning(line, section.name, "minimum_tls_version", message)


def _hosts(section: SectionValues, kind: str, findings: Findings) -> None:
    hosts = {number: section.text("host", number) for number in section.numbers("host")}
    for number, host in hosts.items():
        line, key = section.line_of("host", number), section.key_of("host", number)
        if host.startswith("_") and len(hosts) > 1:
            message = "the name of SRV records stands alone: they name all servers, in order"
            findings.error(line, section.name, key, message, quoted(host), "no other host")
        elif kind == "kerberos" and (":" in host or host.replace(".", "").isdigit()):
            message = "Kerberos knows servers by their names, seldom by their addresses"
            findings.warning(line, section.name, key, message, quoted(host), "the server's name")


def _auth_type(section: SectionValues, kind: str, findings: Findings) -> None:
    line = section.line_of("auth_type")
    if kind == "sspi":
        message = "exists on Windows only: with a keytab, auth_type=kerberos does the same without a password"
        findings.error(line, section.name, "auth_type", message, kind, "ntlm2, plain or kerberos")
    elif kind == "ntlm1":
        findings.info(line, section.name, "auth_type", "NTLMv1 is not safe and not used: NTLMv2 is, as with ntlm2")
    if section.is_given("keytab") and kind != "kerberos":
        findings.warning(section.line_of("keytab"), section.name, "keytab", "no effect without auth_type=kerberos")


def _account_name(section: SectionValues, findings: Findings) -> None:
    name, kind = section.text("service_account_username"), section.text("auth_type")
    has_domain = section.is_given("ntlm_domain") and kind.startswith("ntlm")
    is_simple_bind = kind == "plain" or (kind != "kerberos" and section.text("transport") != "clear")
    if not is_simple_bind:
        _name_for_sasl(section, name, kind, findings)
    elif (
        name
        and not has_domain
        and not section.is_mentioned("bind_dn")
        and not any(mark in name for mark in "\\@=")
    ):
        message = "a simple bind may not know an account by its bare name"
        wanted = "user@domain, DOMAIN\\user, a DN, or bind_dn="
        line, key = section.line_of("service_account_username"), "service_account_username"
        findings.warning(line, section.name, key, message, quoted(name), wanted)


def _name_for_sasl(section: SectionValues, name: str, kind: str, findings: Findings) -> None:
    has_dn_only = not name and section.is_given("bind_dn")
    if kind != "sspi" and ("=" in name or has_dn_only):
        key = "bind_dn" if has_dn_only else "service_account_username"
        message = f"auth_type={kind} needs the account's name; a DN is for a simple bind (auth_type=plain)"
        wanted = "service_account_username=name, DOMAIN\\name or name@domain"
        findings.error(section.line_of(key), section.name, key, message, quoted(section.text(key)), wanted)


def _on_this_host(section: SectionValues) -> bool:
    hosts = [section.text("host", number) for number in section.numbers("host")]
    return all(host == "localhost" or host.startswith("127.") or host == "::1" for host in hosts)


def _clear_text(section: SectionValues, kind: str, findings: Findings) -> None:
    name = next((name for name in ("transport", "auth_type") if section.is_given(name)), "")
    line = section.line_of(name) if name else section.line
    if kind == "plain":
        message = "passwords cross the network in clear text: set transport=ldaps or transport=starttls"
        findings.warning(line, section.name, name, message)
    elif kind != "kerberos":
        message = (
            "connections are sealed with NTLM: who listens can try to guess weak passwords; "
            "transport=ldaps or transport=starttls is safer"
        )
        findings.info(line, section.name, name, message)
