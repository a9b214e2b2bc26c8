"""Who may know whom: the rules of docs/architecture.md, read from the imports. One test per rule."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "authproxy"


@dataclass(frozen=True)
class Rule:
    """``rooms`` (modules, or packages with what is below) import nothing of ``forbidden`` and, if ``allowed``
    is given, of authproxy nothing but that. ``but`` are rooms the rule does not bind."""

    name: str
    rooms: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    but: tuple[str, ...] = ()


OUTSIDE = ("twisted", "socket", "asyncio", "threading", "selectors", "ssl", "sqlite3", "sqlalchemy", "subprocess")
WORDS = (
    "authproxy.model",
    "authproxy.value",
    "authproxy.errors",
    "authproxy.secret",
    "authproxy.typed",
    "authproxy.policy",
)

PEOPLES_PAGES = (
    "authproxy.web.admin",
    "authproxy.web.api.admin",
    "authproxy.web.oidc",
    "authproxy.web.pages",
    "authproxy.web.portal",
    "authproxy.web.prompt",
    "authproxy.web.status",
)

RULES = (
    Rule(
        "pure modules do no I/O",
        (
            "authproxy.model",
            "authproxy.value",
            "authproxy.errors",
            "authproxy.secret",
            "authproxy.policy",
            "authproxy.typed",
            "authproxy.radius.packet",
            "authproxy.radius.password",
            "authproxy.radius.request",
            "authproxy.radius.vendors",
            "authproxy.radius.passthrough",
            "authproxy.radius.conversations",
            "authproxy.radius.eap",
            "authproxy.radius.estate",
            "authproxy.radius.methods",
            "authproxy.radius.seal",
            "authproxy.primary.verified_name",
            "authproxy.ldap.ber",
            "authproxy.ldap.binds",
            "authproxy.ldap.dn",
            "authproxy.ldap.filters",
            "authproxy.ldap.filter_text",
            "authproxy.ldap.messages",
            "authproxy.ldap.operations",
            "authproxy.ldap.proxy_header",
            "authproxy.ldap.requests",
            "authproxy.ldap.responses",
            "authproxy.ldap.session",
            "authproxy.ldap.sasl",
            "authproxy.ldap.logon_failure",
            "authproxy.ldap.service_records",
            "authproxy.primary.login_name",
            "authproxy.primary.account_state",
            "authproxy.ldap.stream",
            "authproxy.drops",
            "authproxy.config.changes",
            "authproxy.secondfactor.passcode",
            "authproxy.secondfactor.names",
            "authproxy.secondfactor.lockout",
            "authproxy.secondfactor.policy_factors",
            "authproxy.secondfactor.policy_gate",
            "authproxy.secondfactor.policy_kinds",
            "authproxy.secondfactor.policy_merge",
            "authproxy.secondfactor.policy_sections",
            "authproxy.secondfactor.policy_set",
            "authproxy.secondfactor.setting_kinds",
            "authproxy.secondfactor.setting_list",
            "authproxy.secondfactor.menu",
            "authproxy.secondfactor.reach",
            "authproxy.secondfactor.prompts",
            "authproxy.secondfactor.resolution",
            "authproxy.secondfactor.wording",
            "authproxy.secondfactor.authapi",
            "authproxy.secondfactor.enroll_api",
            "authproxy.secondfactor.remote_answers",
            "authproxy.secondfactor.remote_devices",
            "authproxy.apiclient.messages",
            "authproxy.apiclient.envelope",
            "authproxy.apiclient.signature",
            "authproxy.httpproxy.connect",
            "authproxy.messaging.addresses",
            "authproxy.messaging.gateway",
            "authproxy.messaging.speech",
            "authproxy.messaging.templates",
            "authproxy.messaging.twilio_signature",
            "authproxy.messaging.twiml",
            "authproxy.secondfactor.rows",
            "authproxy.secondfactor.roster",
            "authproxy.directory.position",
            "authproxy.directory.schema",
            "authproxy.secondfactor.message_text",
            "authproxy.web.addresses",
            "authproxy.secondfactor.phone_proof",
            "authproxy.secondfactor.phone_bus",
            "authproxy.secondfactor.pipush_text",
            "authproxy.messaging.webpush_cipher",
            "authproxy.messaging.webpush_hosts",
            "authproxy.messaging.webpush_vapid",
            "authproxy.support.findings",
            "authproxy.tracing.spans",
            "authproxy.support.redaction",
            "authproxy.support.scrubber",
            "authproxy.support.pseudonyms",
            "authproxy.support.archive",
            "authproxy.support.connectivity_report",
            "authproxy.support.figures",
            "authproxy.support.primary_only_file",
            "authproxy.support.top_screen",
            "authproxy.support.watchlist",
            "authproxy.web.phone.requests",
            "authproxy.web.rates",
            "authproxy.web.source",
            "authproxy.secondfactor.api_permissions",
            "authproxy.web.api.admin.log_words",
            "authproxy.web.api.admin.platforms",
            "authproxy.web.api.admin.shapes",
            "authproxy.web.api.bson",
            "authproxy.web.api.envelope",
            "authproxy.web.api.parameters",
            "authproxy.web.api.signature",
        ),
        forbidden=OUTSIDE,
    ),
    # Reading files and asking gpg is what config is there for; waiting for anything is not.
    Rule(
        "config knows no event loop and no network",
        ("authproxy.config",),
        forbidden=("twisted", "asyncio", "threading", "sqlite3", "sqlalchemy"),
    ),
    Rule(
        "values, errors and secrets know nobody",
        ("authproxy.value", "authproxy.errors", "authproxy.secret"),
        allowed=(),
    ),
    Rule("model knows how values are made", ("authproxy.model",), allowed=("authproxy.value",)),
    Rule(
        "policy and typed know the words only",
        ("authproxy.policy", "authproxy.typed"),
        allowed=("authproxy.model", "authproxy.value"),
    ),
    Rule(
        "authenticator knows contracts, not who implements them",
        ("authproxy.authenticator",),
        allowed=(
            *WORDS,
            "authproxy.config.settings",
            "authproxy.metrics",
            "authproxy.deadlines",
            "authproxy.log",
            "authproxy.loginlog",
        ),
    ),
    Rule(
        "front doors are handed the authenticator",
        ("authproxy.radius", "authproxy.ldap"),
        forbidden=(
            "authproxy.authenticator",
            "authproxy.policy",
            "authproxy.primary",
            "authproxy.secondfactor",
            "authproxy.store",
        ),
    ),
    Rule("one wire does not know the other: radius", ("authproxy.radius",), forbidden=("authproxy.ldap",)),
    Rule("one wire does not know the other: ldap", ("authproxy.ldap",), forbidden=("authproxy.radius",)),
    Rule(
        "primaries know the words, settings and the wire clients",
        ("authproxy.primary",),
        forbidden=("authproxy.secondfactor", "authproxy.store", "authproxy.authenticator", "authproxy.policy"),
    ),
    Rule(
        "the second factor knows no wire and no primary",
        ("authproxy.secondfactor",),
        forbidden=("authproxy.radius", "authproxy.ldap", "authproxy.primary", "authproxy.authenticator"),
    ),
    Rule(
        "who reads directories for users knows what is said of them, never who stores it",
        ("authproxy.directory",),
        allowed=(
            *WORDS,
            "authproxy.directory",
            "authproxy.config.settings",
            "authproxy.ldap.dn",
            "authproxy.ldap.service_records",
            "authproxy.primary.service_account",
            "authproxy.secondfactor.roster",
        ),
    ),
    Rule(
        "the API's client knows the words only",
        ("authproxy.apiclient",),
        allowed=(*WORDS, "authproxy.apiclient"),
    ),
    Rule(
        "the HTTP proxy knows its settings only",
        ("authproxy.httpproxy",),
        allowed=(*WORDS, "authproxy.httpproxy", "authproxy.config.settings", "authproxy.drops"),
    ),
    Rule(
        "messages and calls know the service's contracts and its ledger, never the store",
        ("authproxy.messaging",),
        allowed=(
            *WORDS,
            "authproxy.messaging",
            "authproxy.apiclient",
            "authproxy.config.settings_mail",
            "authproxy.config.settings_telephony",
            "authproxy.secondfactor.gateways",
            "authproxy.secondfactor.mailroom",
            "authproxy.secondfactor.messages",
            "authproxy.secondfactor.message_text",
            "authproxy.secondfactor.outbox",
            "authproxy.secondfactor.refusals",
            "authproxy.secondfactor.reach",
            "authproxy.secondfactor.seeds",
            "authproxy.secondfactor.telephony",
            "authproxy.secondfactor.telephony_rate",
            "authproxy.web.pages.catalogue",
        ),
    ),
    Rule(
        "what watches knows the figures only",
        ("authproxy.monitor", "authproxy.metrics", "authproxy.metrics_state"),
        allowed=(
            *WORDS,
            "authproxy.monitor",
            "authproxy.metrics",
            "authproxy.metrics_state",
            "authproxy.config.settings",
        ),
    ),
    Rule(
        "traces know the words and where they go",
        ("authproxy.tracing",),
        allowed=(*WORDS, "authproxy.tracing", "authproxy.config.settings"),
    ),
    Rule(
        "what the daemon does for support staff knows no wire and no store",
        (
            "authproxy.support.desk",
            "authproxy.support.primary_only",
            "authproxy.support.primary_only_file",
            "authproxy.support.watchlist",
            "authproxy.support.commands",
            "authproxy.support.figures",
        ),
        allowed=(*WORDS, "authproxy.support", "authproxy.metrics", "authproxy.metrics_state"),
    ),
    Rule(
        "the store keeps, it does not judge",
        ("authproxy.store",),
        forbidden=(
            "authproxy.radius",
            "authproxy.ldap",
            "authproxy.primary",
            "authproxy.secondfactor",
            "authproxy.authenticator",
            "authproxy.policy",
            "authproxy.config",
        ),
    ),
    Rule(
        "the web knows the service's words, never the store",
        ("authproxy.web",),
        but=PEOPLES_PAGES,
        allowed=(
            *WORDS,
            "authproxy.web",
            "authproxy.secondfactor.authapi",
            "authproxy.secondfactor.enroll_api",
            "authproxy.secondfactor.phone_api",
            "authproxy.secondfactor.phone_bus",
            "authproxy.secondfactor.pipush_api",
            "authproxy.messaging.gateway",
            "authproxy.drops",
            "authproxy.tcp",
            "authproxy.config.settings",
        ),
    ),
    Rule(
        "pages for people show what the service can do, and never see the store",
        PEOPLES_PAGES,
        forbidden=(
            "authproxy.store",
            "authproxy.radius",
            "authproxy.ldap",
            "authproxy.primary",
            "authproxy.authenticator",
        ),
    ),
    Rule(
        "config knows no room but the words",
        ("authproxy.config",),
        allowed=(
            *WORDS,
            "authproxy.config",
            "authproxy.radius.names",
            "authproxy.radius.attributes",
            "authproxy.ldap.dn",
        ),
    ),
    Rule(
        "only service, its assembly and cli know everything",
        ("authproxy",),
        forbidden=("authproxy.service", "authproxy.assembly", "authproxy.cli"),
        but=(
            "authproxy.service",
            "authproxy.assembly",
            "authproxy.running",
            "authproxy.cli",
            "authproxy.demo",
            "authproxy.__main__",
        ),
    ),
    Rule(
        "the global reactor is named in service and cli only",
        ("authproxy",),
        forbidden=("twisted.internet.reactor",),
        but=("authproxy.service", "authproxy.cli"),
    ),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name.replace(" ", "-"))
def test_the_rooms_keep_to(rule: Rule) -> None:
    assert broken(rule, PACKAGE) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name.replace(" ", "-"))
def test_every_room_of_a_rule_exists(rule: Rule) -> None:
    """A renamed module would otherwise slip out of its rule."""
    names = set(modules(PACKAGE))
    assert [room for room in rule.rooms + rule.but if room not in names] == []


# ---------------------------------------------------------------- reading imports


def modules(package: Path) -> dict[str, Path]:
    """Dotted name to file."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, module: str) -> Iterator[str]:
    """Every imported name in full (``twisted.internet.reactor``), also inside functions; not what only
    type checkers see."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                base = node.module or ""
                if node.level:
                    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                    base = ".".join([*parents, *([base] if base else [])])
                yield from (f"{base}.{alias.name}" for alias in node.names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                waiting.extend(node.orelse)
            case _:
                waiting.extend(ast.iter_child_nodes(node))


def is_below(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def broken(rule: Rule, package: Path) -> list[str]:
    """One line per import that the rule does not allow."""
    lines = []
    for module, path in modules(package).items():
        if not is_below(module, rule.rooms) or is_below(module, rule.but):
            continue
        for name in sorted(set(imports(path, module))):
            own = is_below(name, (package.name,)) and name != f"{package.name}.__version__"
            is_stranger = rule.allowed is not None and own and not is_below(name, rule.allowed)
            if is_stranger or is_below(name, rule.forbidden):
                lines.append(f"{module} imports {name}")
    return lines


# ---------------------------------------------------------------- the rules can be broken


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package with one module of each kind of offense."""
    package = tmp_path / "authproxy"
    (package / "radius").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "radius/__init__.py").touch()
    (package / "policy.py").write_text("from authproxy import store\nimport authproxy.model\n")
    (package / "radius/packet.py").write_text("def f():\n    from socket import socket\n    return socket\n")
    (package / "radius/server.py").write_text(
        "from typing import TYPE_CHECKING\nfrom ..store import engine\n"
        "from twisted.internet import reactor\nif TYPE_CHECKING:\n    from authproxy.primary import none\n"
    )
    return package


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        ("pure modules do no I/O", ["authproxy.radius.packet imports socket.socket"]),
        ("policy and typed know the words only", ["authproxy.policy imports authproxy.store"]),
        ("front doors are handed the authenticator", ["authproxy.radius.server imports authproxy.store.engine"]),
        (
            "the global reactor is named in service and cli only",
            ["authproxy.radius.server imports twisted.internet.reactor"],
        ),
        ("one wire does not know the other: radius", []),
    ],
)
def test_an_offense_is_found(house: Path, rule: str, lines: list[str]) -> None:
    assert broken(next(each for each in RULES if each.name == rule), house) == lines
