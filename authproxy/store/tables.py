"""Every table of the embedded service, as SQLAlchemy Core metadata: the same for SQLite and PostgreSQL.

Times are seconds since the epoch (UTC), as floats. IDs are text, a two-letter prefix and random characters.
A change here needs a migration in ``migrations/versions`` and a new :data:`HEAD`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0001"
"""The newest migration: what a fresh database is stamped with."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, *words: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False, unique=True),  # normalized: secondfactor/names.py
    Column("display_name", Text, nullable=False),  # as the administrator spelled it
    Column("realname", Text, nullable=False, server_default=""),
    Column("firstname", Text, nullable=False, server_default=""),
    Column("lastname", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default="", index=True),
    Column("status", Text, nullable=False, server_default="active"),
    Column("notes", Text, nullable=False, server_default=""),
    Column("custom", Text, nullable=False, server_default="{}"),  # JSON: what a site wants to remember
    Column("default_method", Text, nullable=False, server_default=""),  # "push:DP...", as chosen in the portal
    Column("directory_id", Text, ForeignKey("directories.id", ondelete="SET NULL"), index=True),
    Column("directory_key", Text),  # objectGUID or entryUUID: stays when the entry is renamed
    Column("last_sync", Float),
    Column("left_directory", Float),  # since when it has not listed them: what disabled them ends with this
    Column("created", Float, nullable=False),
    Column("last_login", Float),
    Column("failures", Integer, nullable=False, server_default="0"),  # wrong passcodes in a row
    Column("locked_until", Float),
    Column("trashed", Float),  # since when the user waits in the trash to be deleted
    Column("restores_to", Text),  # the status of before
    Column("restored", Float),  # last time the user came out of it: that counts as being seen
    UniqueConstraint("directory_id", "directory_key"),
    _one_of("status", "active", "bypass", "disabled"),
    CheckConstraint("trashed IS NULL OR status = 'disabled'", name="trashed"),
)

Index(
    "ix_users_trashed",
    users.c.trashed,
    sqlite_where=users.c.trashed.is_not(None),
    postgresql_where=users.c.trashed.is_not(None),
)

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False, server_default="active"),
    Column("notes", Text, nullable=False, server_default=""),
    Column("directory_id", Text, ForeignKey("directories.id", ondelete="SET NULL"), index=True),
    Column("directory_key", Text),
    Column("created", Float, nullable=False),
    _one_of("status", "active", "bypass", "disabled"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("name", Text, primary_key=True),  # normalized, like users.username; never one of those
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False, server_default="1"),
)

user_groups = Table(
    "user_groups",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", Text, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True),
)

phones = Table(
    "phones",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column(
        "number", Text, nullable=False, server_default=""
    ),  # E.164; "": a tablet, or a phone only known by its app
    Column("extension", Text, nullable=False, server_default=""),
    Column("type", Text, nullable=False, server_default="mobile"),
    Column("platform", Text, nullable=False, server_default=""),  # as the API spells it: "apple ios" ...
    Column("predelay", Integer),  # seconds before an extension is dialed
    Column("postdelay", Integer),  # seconds before the message is spoken
    Column("directory_id", Text, ForeignKey("directories.id", ondelete="SET NULL"), index=True),  # has its number
    Column("created", Float, nullable=False),
    _one_of("type", "mobile", "landline", "unknown"),
)

phone_users = Table(
    "phone_users",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("phone_id", Text, ForeignKey("phones.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False, server_default="1"),  # orders a user's phones: push2, phone3
)

phone_apps = Table(
    "phone_apps",
    metadata,
    Column("phone_id", Text, ForeignKey("phones.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("serial", Text, nullable=False, unique=True),  # names the app to the service; random
    Column("public_key", LargeBinary, nullable=False),  # DER SubjectPublicKeyInfo: verifies what the phone says
    Column("server_key", LargeBinary),  # pipush: our private key for this phone, sealed
    Column("subscription", Text, nullable=False, server_default=""),  # Web Push: JSON; "": none
    Column("permission", Text, nullable=False, server_default=""),  # to notify, as the phone last said
    Column("clock_offset", Float),  # seconds the phone's clock was ahead, last time heard
    Column("last_contact", Float),
    Column("is_untested", Integer, nullable=False, server_default="0"),  # 1 or 2: does not count yet (phone_test)
    Column("created", Float, nullable=False),
    _one_of("kind", "web", "pipush"),
)

activations = Table(
    "activations",
    metadata,
    Column(
        "hash", LargeBinary, primary_key=True
    ),  # SHA-256 of the code: a link or a QR code holds the code itself
    Column("kind", Text, nullable=False),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("phone_id", Text, ForeignKey("phones.id", ondelete="CASCADE"), index=True),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("claimed", Float),  # None: not used yet
    Column("sent", Float),  # by mail or SMS: no other is sent before this one has expired
    Column("needs_test", Integer, nullable=False, server_default="0"),  # what claims it has to answer first
    _one_of("kind", "phone", "enroll"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("serial", Text),  # of a hardware token; unique per kind and digits
    Column("phone_id", Text, ForeignKey("phones.id", ondelete="CASCADE"), index=True),  # shown by this phone's app
    Column("digits", Integer, nullable=False, server_default="6"),
    Column("step", Integer, nullable=False, server_default="30"),  # seconds; TOTP
    Column("algorithm", Text, nullable=False, server_default="sha1"),
    Column("seed", LargeBinary, nullable=False),  # encrypted, bound to the device's ID
    Column("counter", Integer, nullable=False, server_default="0"),  # next HOTP counter that may be accepted
    Column("last_step", Integer),  # last accepted TOTP step: it and older ones are used up
    Column("drift", Integer, nullable=False, server_default="0"),  # steps the clock was ahead, last time seen
    Column("created", Float, nullable=False),
    Column("last_used", Float),
    UniqueConstraint("serial", "kind", "digits"),
    _one_of("kind", "totp", "hotp", "yubikey"),  # yubikey: counter is session * 256 + use, seed private ID and key
    _one_of("origin", "software", "hardware", "phone"),
    _one_of("algorithm", "sha1", "sha256", "sha512"),
)

device_users = Table(
    "device_users",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", Text, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False, server_default="1"),  # orders a user's devices: push2, phone3
)

bypass_codes = Table(
    "bypass_codes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("hash", LargeBinary, nullable=False),  # HMAC-SHA-256 with a server key
    Column("uses_left", Integer),  # None: any number until it expires
    Column("expires", Float),  # None: when its uses are used up
    Column("created", Float, nullable=False),
    Column("created_by", Text, nullable=False, server_default=""),  # the actor, as in the audit
    UniqueConstraint("user_id", "hash"),
)

sms_codes = Table(
    "sms_codes",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", LargeBinary, primary_key=True),  # HMAC-SHA-256 with a server key
    Column("phone_id", Text, ForeignKey("phones.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("first_digit", Text, nullable=False),  # tells the user which comes next
    Column("position", Integer, nullable=False),  # within its batch
    Column("created", Float, nullable=False),
    Column("expires", Float),  # None: until the next batch
    Column("used", Float),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("username", Text, nullable=False),
    Column("application", Text, nullable=False),
    Column("client_ip", Text, nullable=False, server_default=""),
    Column("nas", Text, nullable=False, server_default=""),
    Column("login_id", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("decided_at", Float),
    Column("decided_by", Text),
    Column("phone_id", Text, ForeignKey("phones.id", ondelete="SET NULL"), index=True),  # None: any approver's
    Column("mode", Text, nullable=False, server_default="plain"),
    Column("options", Text, nullable=False, server_default=""),  # "07,42,93": what the phone shows to pick from
    Column("answer", Text, nullable=False, server_default=""),  # the number that was shown, or is to be typed
    Column("nonce", Text),  # pipush: names the request to the phone
    Column("detail", Text, nullable=False, server_default="{}"),  # JSON: what else the phone shows
    Column("sent_at", Float),  # handed to the push service, or to an open page
    Column("delivered_at", Float),  # the phone has said that the notification came
    Column("opened_at", Float),  # the phone has fetched it
    _one_of("mode", "plain", "number", "code"),
    _one_of("status", "pending", "approved", "denied", "fraud", "expired", "cancelled"),
)
Index(None, pushes.c.decided_at)
Index(
    "ix_pushes_pending",
    pushes.c.created,
    sqlite_where=pushes.c.status == "pending",
    postgresql_where=pushes.c.status == "pending",
)

challenges = Table(
    "challenges",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the State
    Column("payload", Text, nullable=False),  # JSON
    Column("expires", Float, nullable=False, index=True),
)

logins = Table(
    "logins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("login_id", Text, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("section", Text, nullable=False),
    Column("username", Text, nullable=False),  # as it was typed
    Column("name", Text, nullable=False, server_default=""),  # the same without domain and case: store/journal.py
    Column("nas", Text, nullable=False),
    Column("client_ip", Text),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("factor", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("elapsed", Float, nullable=False),
    Column("steps", Text, nullable=False),  # JSON: [[stage, result, detail, at], ...]
)
Index(None, logins.c.name, logins.c.at)
Index(  # holds all that is searched for: a million logins are looked through in a tenth of a second
    "ix_logins_search",
    *(logins.c[name] for name in ("at", "id", "result", "reason", "factor", "section", "username", "client_ip")),
)

login_names = Table(  # each spelling once: a part of a name is looked for in these, not in all logins
    "login_names",
    metadata,
    Column("username", Text, primary_key=True),
    Column("name", Text, nullable=False),  # as in logins
)

telephony = Table(
    "telephony",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # passcodes, login, activation ...
    Column("user_id", Text, index=True),  # stays when the user is deleted: it is a record of cost
    Column("phone_id", Text),
    Column("last_digits", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False),  # queued, sent, delivered, answered, failed ...
    Column("provider_id", Text, index=True),
    Column("detail", Text, nullable=False, server_default=""),
    Column("cost", Float, nullable=False, server_default="0"),  # credits
    Column("login_id", Text, nullable=False, server_default=""),
    _one_of("kind", "sms", "call"),
)

Index(
    "ix_telephony_search",
    *(telephony.c[name] for name in ("at", "id", "kind", "status", "purpose", "user_id", "last_digits", "cost")),
)

applications = Table(
    "applications",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("ikey", Text, unique=True),  # None: a server section that uses the service in this process
    Column("skey", LargeBinary),  # sealed
    Column("allow_v1_signatures", Integer, nullable=False, server_default="0"),
    Column("notes", Text, nullable=False, server_default=""),
    Column("created", Float, nullable=False),
    Column("policy", Text, nullable=False, server_default="{}"),  # JSON
    Column("redirect_uris", Text, nullable=False, server_default="[]"),  # JSON: where a prompt may lead back to
    Column("permissions", Text, nullable=False, server_default="[]"),  # JSON: of an Admin API, "adminapi_read_log"
    Column("groups_allowed", Text, nullable=False, server_default="[]"),  # JSON: IDs; empty: every user
    Column("self_service", Integer, nullable=False, server_default="0"),  # the prompt leads to the portal
    Column("extras", Text, nullable=False, server_default="{}"),  # JSON: what the Admin API only keeps
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),  # JSON; never a secret
    Column("address", Text, nullable=False, server_default=""),  # where the actor was
)

Index("ix_audit_search", *(audit.c[name] for name in ("at", "id", "actor", "action", "object")))

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# ---------------------------------------------------------------- administrators

administrators = Table(
    "administrators",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),  # in lower case: the name to log in with
    Column("name", Text, nullable=False),
    Column("phone", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False),  # as secondfactor/roles.py spells it
    Column("status", Text, nullable=False, server_default="pending"),
    Column("password_hash", Text),  # argon2id; None: not set yet
    Column("password_changed", Float),
    Column("totp_seed", LargeBinary),  # sealed; None: has no authenticator app
    Column("totp_last_step", Integer),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("locked_until", Float),
    Column("language", Text, nullable=False, server_default=""),
    Column("created", Float, nullable=False),
    Column("last_login", Float),
    _one_of("status", "pending", "active", "disabled"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("admin_id", Text, ForeignKey("administrators.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", LargeBinary, primary_key=True),  # HMAC-SHA-256 with a server key
    Column("used", Float),
)

admin_links = Table(
    "admin_links",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of what the link ends with
    Column("admin_id", Text, ForeignKey("administrators.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("used", Float),
    _one_of("kind", "activation", "reset"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),  # ID of an administrator or a user; "": nobody yet
    Column("csrf", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("expires", Float, nullable=False, index=True),
    Column("confirmed", Float),  # when the subject last showed password and factor
    Column("address", Text, nullable=False, server_default=""),
    Column("browser", Text, nullable=False, server_default=""),
    Column("data", Text, nullable=False, server_default="{}"),  # JSON; never a secret
    _one_of("kind", "admin", "portal", "prompt"),
)

# ---------------------------------------------------------------- security keys

security_keys = Table(
    "security_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("admin_id", Text, ForeignKey("administrators.id", ondelete="CASCADE"), index=True),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),  # COSE_Key, CBOR
    Column("sign_count", Integer, nullable=False, server_default="0"),
    Column("aaguid", Text, nullable=False, server_default=""),
    Column("transports", Text, nullable=False, server_default="[]"),  # JSON
    Column("is_uv_capable", Integer, nullable=False, server_default="0"),
    Column("is_backed_up", Integer, nullable=False, server_default="0"),
    Column("label", Text, nullable=False, server_default="Security Key"),
    Column("name", Text, nullable=False, server_default=""),
    Column("created", Float, nullable=False),
    Column("last_used", Float),
    CheckConstraint("(user_id IS NULL) <> (admin_id IS NULL)", name="owner"),
)

remembered_browsers = Table(
    "remembered_browsers",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("application", Text, nullable=False),  # an ikey; "": every application
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False, index=True),
    Column("last_used", Float),
    Column("browser", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
)

tickets = Table(
    "tickets",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of what somebody holds
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False, server_default="{}"),  # JSON
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False, index=True),
    Column("used", Float),
)

# ---------------------------------------------------------------- mail, and who is invited by it

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # enrollment, activation, passcodes, fraud, administrator ...
    Column("recipient", Text, nullable=False),
    Column("user_id", Text, index=True),  # stays when the user is deleted: it is a record of what went out
    Column("admin_id", Text),
    Column("sender", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False),  # with {1}, {2} ... where secrets stood
    Column("html", Text, nullable=False, server_default=""),
    Column("secrets", LargeBinary),  # sealed JSON list of what stood there
    Column("status", Text, nullable=False, server_default="queued"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt", Float),  # None: it is done with
    Column("sent", Float),
    Column("problem", Text, nullable=False, server_default=""),  # what the last attempt met
    _one_of("kind", "mail", "sms"),
    _one_of("status", "queued", "sent", "failed"),
)
Index(
    "ix_messages_queued",
    messages.c.next_attempt,
    sqlite_where=messages.c.status == "queued",
    postgresql_where=messages.c.status == "queued",
)

invitations = Table(
    "invitations",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),  # SHA-256
    Column("code", LargeBinary, nullable=False),  # sealed: the same link is sent again
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),  # counted from the first mail; sending again does not move it
    Column("last_sent", Float),
    Column("times_sent", Integer, nullable=False, server_default="0"),
    Column("completed", Float),
)

# ---------------------------------------------------------------- directories that users come from

directories = Table(
    "directories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("client", Text, nullable=False),  # an [ad_client] section: how to reach it
    Column("base_dn", Text, nullable=False, server_default=""),  # "": the section's search_dn
    Column("group_dns", Text, nullable=False, server_default="[]"),  # JSON: whose members become users; [] is all
    Column("filter", Text, nullable=False, server_default=""),  # who else is left out
    Column("attributes", Text, nullable=False, server_default="{}"),  # JSON: email=mail, phone=mobile ...
    Column("region", Text, nullable=False, server_default=""),  # whose numbers are without a country: "DE"
    Column("adopts", Integer, nullable=False, server_default="0"),  # users who were here before become its own
    Column("is_enabled", Integer, nullable=False, server_default="1"),
    Column("interval", Integer, nullable=False, server_default="86400"),  # seconds between scheduled syncs
    Column("sends_invitations", Integer, nullable=False, server_default="0"),
    Column("shrink_limit", Integer, nullable=False, server_default="20"),  # percent that may leave at once
    Column("cursor", Text, nullable=False, server_default="{}"),  # JSON: where the next incremental sync begins
    Column("created", Float, nullable=False),
    _one_of("kind", "active directory", "openldap"),
)

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("directory_id", Text, ForeignKey("directories.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("mode", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("status", Text, nullable=False),
    Column("counts", Text, nullable=False, server_default="{}"),  # JSON: read, added, changed, disabled ...
    Column("problem", Text, nullable=False, server_default=""),
    _one_of("mode", "full", "incremental", "dry", "user"),
    _one_of("status", "running", "done", "refused", "failed"),
)

# ---------------------------------------------------------------- policies, credits, status

policies = Table(
    "policies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("is_global", Integer, nullable=False, server_default="0"),
    Column("sections", Text, nullable=False, server_default="{}"),  # JSON: only what this policy decides
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
)

policy_links = Table(
    "policy_links",
    metadata,
    Column("application", Text, primary_key=True),  # its name
    Column("group_id", Text, primary_key=True, server_default=""),  # "": the application's own
    Column("policy_id", Text, ForeignKey("policies.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False, server_default="1"),  # the first group that the user is in counts
)

credit_entries = Table(
    "credit_entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("amount", Float, nullable=False),  # credits; a correction may be negative
    Column("note", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False),
    _one_of("kind", "purchase", "correction"),
)

status_changes = Table(
    "status_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("component", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    _one_of("state", "up", "degraded", "down", "unknown"),
)
