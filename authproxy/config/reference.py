"""The example file and the option reference, written from the schema.

``python -m authproxy.config.reference [DIRECTORY]`` rewrites ``conf/authproxy.cfg.example`` and
``docs/options.md`` below DIRECTORY (default: the working directory).
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from authproxy.config.schema import Form, Option, SectionType, Shape
from authproxy.config.schema_global import MAIN
from authproxy.config.schema_shared import RADIUS_SERVER
from authproxy.config.sections import SECTION_TYPES

EXAMPLE = Path("conf/authproxy.cfg.example")
REFERENCE = Path("docs/options.md")

_EXAMPLE_HEAD = """\
; Configuration of authproxy. Copy it to /etc/authproxy/authproxy.cfg (readable by the service's user only),
; fill in your own values, and run 'authproxy check'.
;
; Comments begin with ; or # and stand on lines of their own. A value takes the rest of its line, without quotes.
; Options that are commented out show their default or an example. A second section of a type has a number in its
; name: [ad_client2]. Changes take effect at the next start.
;
; Secrets may be written as they are, protected (run 'authproxy passwd --whole-config'), or kept elsewhere:
; radius_secret_1=..., radius_secret_protected_1=gpg1:..., radius_secret_file_1=PATH or credential:NAME (systemd).
"""

# What the example sets; everything else is commented out.
_LIVE = {
    "ad_client": {
        "host": "dc1.example.com",
        "service_account_username": "svc-authproxy@example.com",
        "service_account_password": "change-me",
        "search_dn": "DC=example,DC=com",
        "auth_type": "plain",
        "transport": "ldaps",
    },
    "radius_server_auto": {
        "client": "ad_client",
        "radius_ip_1": "192.0.2.10",
        "radius_secret_1": "change-me-too",
    },
}

# What stands behind an option that has neither a default nor a value above.
_SAMPLES = {
    "account_sid": "AC00000000000000000000000000000000",
    "allow_sasl_mechanisms": "PLAIN",
    "api_host": "api-XXXXXXXX.duosecurity.com",
    "application": "VPN",
    "auth_token": "change-me",
    "base_url": "https://mfa.example.com:8443",
    "bind_dn": "CN=svc-authproxy,OU=Services,DC=example,DC=com",
    "call_body": '{"to": "{number}", "say": "{text}", "report": "{callback}"}',
    "call_header": "Content-Type: application/json",
    "call_success_body": "queued",
    "call_url": "https://voice.example.com/call",
    "caller_id": "+15555550100",
    "cipher_list": "ECDHE+AESGCM:ECDHE+CHACHA20",
    "client": "ad_client",
    "portal_client": "ad_client",
    "client_ip": "192.0.2.0/24",
    "database": "postgresql://authproxy:PASSWORD@db.example.com/authproxy",
    "dictionary_dir": "/etc/freeradius/3.0",
    "exempt_ou": "CN=svc-wiki,OU=Services,DC=example,DC=com",
    "exempt_username": "backup-operator",
    "from": "+15555550100",
    "gateway": "twilio",
    "gnupg_home": "/var/lib/authproxy/gnupg",
    "host": "192.0.2.20",
    "http_ca_certs_file": "service-ca.pem",
    "http_proxy_host": "proxy.example.com",
    "ikey": "DIXXXXXXXXXXXXXXXXXX",
    "interface": "192.0.2.1",
    "keytab": "/etc/authproxy/svc-authproxy.keytab",
    "ldap_filter": "(department=IT)",
    "log_dir": "/var/log/authproxy",
    "mail from": "mfa@example.com",
    "mail from_name": "Example IT",
    "mail host": "mail.example.com",
    "mail port": "587",
    "mail reply_to": "helpdesk@example.com",
    "mail ssl_ca_certs_file": "mail-ca.pem",
    "mail template_dir": "/etc/authproxy/mail",
    "nas_ip": "192.0.2.1",
    "ntlm_domain": "EXAMPLE",
    "ntlm_workstation": "VPN1",
    "otel_endpoint": "http://127.0.0.1:4318/v1/traces",
    "pass_through_attr_names": "Class,Filter-Id",
    "passphrase_file": "credential:authproxy-passphrase",
    "password": "change-me",
    "port": "636",
    "proxy_protocol": "192.0.2.5",
    "radius_ip": "192.0.2.0/24",
    "radius_secret": "change-me",
    "secret": "change-me",
    "security_group_dn": "CN=VPN Users,OU=Groups,DC=example,DC=com",
    "seed_key": "",
    "service_account_password": "change-me",
    "service_account_username": "svc-authproxy@example.com",
    "skey": "change-me",
    "sms_body": "to={number}&text={text}",
    "sms_header": "Authorization: Bearer {password}",
    "sms_success_body": "accepted",
    "sms_url": "https://sms.example.com/send",
    "ssl_ca_certs_file": "directory-ca.pem",
    "ssl_cert_path": "server.pem",
    "ssl_key_path": "server.key",
    "state_dir": "/var/lib/authproxy",
    "support_gpg_recipient": "support@example.com",
    "syslog_ca_certs_file": "siem-ca.pem",
    "syslog_host": "siem.example.com",
    "syslog_port": "6514",
    "trusted_proxies": "192.0.2.6",
    "webpush_hosts": "fcm.googleapis.com, .push.apple.com, .push.services.mozilla.com",
    "geoip_file": "GeoLite2-City.mmdb",
    "username": "authproxy",
}


def example() -> str:
    """The text of the example file."""
    parts = [_EXAMPLE_HEAD]
    explained = False
    for section in SECTION_TYPES.values():
        if section.pending:
            continue
        is_radius = section.name.startswith("radius_server_")
        parts.append("\n".join(_example_section(section, leave_out_shared=is_radius and explained)) + "\n")
        explained = explained or is_radius
    return "\n".join(parts)


def _example_section(section: SectionType, *, leave_out_shared: bool) -> Iterator[str]:
    live = _LIVE.get(section.name)
    is_live = live is not None or section.name in ("main", "service")
    yield f"; {'-' * 60} {section.name}"
    yield from _comment(section.help.replace("`", ""))
    yield f"{'' if is_live else ';'}[{section.name}]"
    if leave_out_shared:
        yield "; It takes the options of [radius_server_auto] up to debug, and these:"
    for option in section.options:
        shared = leave_out_shared and option in RADIUS_SERVER
        if not (shared or option.pending):
            yield from _example_option(section, option, live or {})


def _example_option(section: SectionType, option: Option, live: dict[str, str]) -> Iterator[str]:
    yield ""
    yield from _comment(f"{option.help}{_example_note(option)}".replace("`", ""))
    key = option.example_key()
    if key in live:
        yield f"{key}={live[key]}"
    else:
        sample = option.default or _SAMPLES.get(f"{section.name} {option.name}") or _SAMPLES[option.name]
        yield f";{key}={sample}"


def _example_note(option: Option) -> str:
    if option.required:
        return " (needed)"
    if option.default:
        return ""
    return f" (default: {option.default_note})" if option.default_note else ""


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 108, initial_indent="; ", subsequent_indent=";   ")


# ---------------------------------------------------------------- the reference page

_REFERENCE_HEAD = """\
# Options of authproxy.cfg

<!-- Written by `python -m authproxy.config.reference` from the schema in authproxy/config: change it there. -->

The file consists of `[section]` headers and `key=value` lines. Comments begin with `;` or `#` and stand on lines
of their own. Section names and keys are the same in any case. A value takes the rest of its line, without quotes;
`key=` alone is the same as leaving the key out.

* A second section of a type gets a number: `[ad_client]`, `[ad_client2]`, `[ad_client7]`.
* `NAME_N` is given as `NAME_1`, `NAME_2` and so on; gaps are allowed.
* `NAME`, `NAME_2` and so on: the first goes without a number, the others take over when it fails.
* Every **secret** `NAME` may instead be given as `NAME_protected` (what `authproxy passwd` prints) or as
  `NAME_file`: a path, or `credential:NAME` for a credential that systemd passes. With a number:
  `radius_secret_protected_1`, `secret_file_2`.
* Files that are read are looked for beside the configuration file, then one directory up. Directories that are
  written are relative to the working directory.
* Booleans are `true` or `false`, also `yes`/`no`, `on`/`off`, `1`/`0`.
* Without `--config`, the file is `$AUTHPROXY_CONFIG`, `/etc/authproxy/authproxy.cfg`, `conf/authproxy.cfg` or
  `authproxy.cfg`, the first that is there.
"""


def reference() -> str:
    """The text of the reference page."""
    return "\n".join([_REFERENCE_HEAD, *(_reference_section(section) for section in SECTION_TYPES.values())])


def _reference_section(section: SectionType) -> str:
    lines = [f"## [{section.name}]", "", section.help, ""]
    if section.pending:
        lines += [f"*Read and checked, but without effect: {section.pending}.*", ""]
    lines += ["| option | value | default | meaning |", "|---|---|---|---|"]
    lines += [_row(option, section) for option in section.options]
    return "\n".join(lines) + "\n"


def _row(option: Option, section: SectionType) -> str:
    meaning = option.help
    if option.inherited and section is not MAIN:
        meaning += " (else as in `[main]`)"
    if option.pending:
        meaning += f". *No effect: {option.pending}*"
    value = f"**secret**: {option.kind.wanted}" if option.secret and option.kind.wanted != "a secret" else ""
    value = value or ("**secret**" if option.secret else option.kind.wanted)
    cells = (_keys(option), value, _default(option), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _keys(option: Option) -> str:
    match option.shape:
        case Shape.NUMBERED:
            return f"`{option.name}_N`"
        case Shape.FAILOVER:
            return f"`{option.key(1)}`, `{option.key(2, Form.PLAIN)}` ..."
        case _:
            return f"`{option.name}`"


def _default(option: Option) -> str:
    if option.required:
        return "needed"
    return f"`{option.default}`" if option.default else option.default_note


def main(directory: Path) -> None:
    (directory / EXAMPLE).write_text(example(), encoding="utf-8")
    (directory / REFERENCE).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
