"""the first tables

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "applications",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("ikey", sa.Text(), nullable=True),
        sa.Column("skey", sa.LargeBinary(), nullable=True),
        sa.Column("allow_v1_signatures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("policy", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_applications")),
        sa.UniqueConstraint("ikey", name=op.f("uq_applications_ikey")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_table(
        "challenges",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_challenges")),
    )
    op.create_index(op.f("ix_challenges_expires"), "challenges", ["expires"], unique=False)
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'bypass', 'disabled')", name=op.f("ck_groups_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("nas", sa.Text(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("elapsed", sa.Float(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
    )
    op.create_index(op.f("ix_logins_at"), "logins", ["at"], unique=False)
    op.create_index(op.f("ix_logins_login_id"), "logins", ["login_id"], unique=False)
    op.create_index(op.f("ix_logins_username_at"), "logins", ["username", "at"], unique=False)
    op.create_table(
        "phones",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("number", sa.Text(), server_default="", nullable=False),
        sa.Column("extension", sa.Text(), server_default="", nullable=False),
        sa.Column("type", sa.Text(), server_default="mobile", nullable=False),
        sa.Column("platform", sa.Text(), server_default="", nullable=False),
        sa.Column("predelay", sa.Integer(), nullable=True),
        sa.Column("postdelay", sa.Integer(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.CheckConstraint("type IN ('mobile', 'landline', 'unknown')", name=op.f("ck_phones_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phones")),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )
    op.create_table(
        "telephony",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("phone_id", sa.Text(), nullable=True),
        sa.Column("last_digits", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("cost", sa.Float(), server_default="0", nullable=False),
        sa.Column("login_id", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('sms', 'call')", name=op.f("ck_telephony_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telephony")),
    )
    op.create_index(op.f("ix_telephony_at"), "telephony", ["at"], unique=False)
    op.create_index(op.f("ix_telephony_provider_id"), "telephony", ["provider_id"], unique=False)
    op.create_index(op.f("ix_telephony_user_id"), "telephony", ["user_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("last_login", sa.Float(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.Float(), nullable=True),
        sa.CheckConstraint("status IN ('active', 'bypass', 'disabled')", name=op.f("ck_users_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_table(
        "activations",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("phone_id", sa.Text(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("claimed", sa.Float(), nullable=True),
        sa.CheckConstraint("kind IN ('phone', 'enroll')", name=op.f("ck_activations_kind")),
        sa.ForeignKeyConstraint(
            ["phone_id"], ["phones.id"], name=op.f("fk_activations_phone_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_activations_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_activations")),
    )
    op.create_index(op.f("ix_activations_phone_id"), "activations", ["phone_id"], unique=False)
    op.create_index(op.f("ix_activations_user_id"), "activations", ["user_id"], unique=False)
    op.create_table(
        "aliases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_aliases_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_aliases")),
    )
    op.create_index(op.f("ix_aliases_user_id"), "aliases", ["user_id"], unique=False)
    op.create_table(
        "bypass_codes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("expires", sa.Float(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_bypass_codes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bypass_codes")),
        sa.UniqueConstraint("user_id", "hash", name=op.f("uq_bypass_codes_user_id_hash")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("phone_id", sa.Text(), nullable=True),
        sa.Column("digits", sa.Integer(), server_default="6", nullable=False),
        sa.Column("step", sa.Integer(), server_default="30", nullable=False),
        sa.Column("algorithm", sa.Text(), server_default="sha1", nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=True),
        sa.Column("drift", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("last_used", sa.Float(), nullable=True),
        sa.CheckConstraint("algorithm IN ('sha1', 'sha256', 'sha512')", name=op.f("ck_devices_algorithm")),
        sa.CheckConstraint("kind IN ('totp', 'hotp')", name=op.f("ck_devices_kind")),
        sa.CheckConstraint("origin IN ('software', 'hardware', 'phone')", name=op.f("ck_devices_origin")),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_devices_phone_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("serial", "kind", "digits", name=op.f("uq_devices_serial_kind_digits")),
    )
    op.create_index(op.f("ix_devices_phone_id"), "devices", ["phone_id"], unique=False)
    op.create_table(
        "phone_apps",
        sa.Column("phone_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("server_key", sa.LargeBinary(), nullable=True),
        sa.Column("subscription", sa.Text(), server_default="", nullable=False),
        sa.Column("permission", sa.Text(), server_default="", nullable=False),
        sa.Column("clock_offset", sa.Float(), nullable=True),
        sa.Column("last_contact", sa.Float(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.CheckConstraint("kind IN ('web', 'pipush')", name=op.f("ck_phone_apps_kind")),
        sa.ForeignKeyConstraint(
            ["phone_id"], ["phones.id"], name=op.f("fk_phone_apps_phone_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("phone_id", name=op.f("pk_phone_apps")),
        sa.UniqueConstraint("serial", name=op.f("uq_phone_apps_serial")),
    )
    op.create_table(
        "phone_users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("phone_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["phone_id"], ["phones.id"], name=op.f("fk_phone_users_phone_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_phone_users_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "phone_id", name=op.f("pk_phone_users")),
    )
    op.create_index(op.f("ix_phone_users_phone_id"), "phone_users", ["phone_id"], unique=False)
    op.create_table(
        "pushes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("client_ip", sa.Text(), server_default="", nullable=False),
        sa.Column("nas", sa.Text(), server_default="", nullable=False),
        sa.Column("login_id", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("phone_id", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), server_default="plain", nullable=False),
        sa.Column("options", sa.Text(), server_default="", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.Column("sent_at", sa.Float(), nullable=True),
        sa.Column("delivered_at", sa.Float(), nullable=True),
        sa.Column("opened_at", sa.Float(), nullable=True),
        sa.CheckConstraint("mode IN ('plain', 'number', 'code')", name=op.f("ck_pushes_mode")),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'denied', 'fraud', 'expired', 'cancelled')",
            name=op.f("ck_pushes_status"),
        ),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_pushes_phone_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_pushes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushes")),
    )
    op.create_index(op.f("ix_pushes_decided_at"), "pushes", ["decided_at"], unique=False)
    op.create_index(
        "ix_pushes_pending",
        "pushes",
        ["created"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(op.f("ix_pushes_phone_id"), "pushes", ["phone_id"], unique=False)
    op.create_index(op.f("ix_pushes_user_id"), "pushes", ["user_id"], unique=False)
    op.create_table(
        "sms_codes",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_id", sa.Text(), nullable=False),
        sa.Column("first_digit", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=True),
        sa.Column("used", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["phone_id"], ["phones.id"], name=op.f("fk_sms_codes_phone_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sms_codes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "hash", name=op.f("pk_sms_codes")),
    )
    op.create_index(op.f("ix_sms_codes_phone_id"), "sms_codes", ["phone_id"], unique=False)
    op.create_table(
        "user_groups",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_user_groups_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_groups_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_user_groups")),
    )
    op.create_index(op.f("ix_user_groups_group_id"), "user_groups", ["group_id"], unique=False)
    op.create_table(
        "device_users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_users_device_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_device_users_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "device_id", name=op.f("pk_device_users")),
    )
    op.create_index(op.f("ix_device_users_device_id"), "device_users", ["device_id"], unique=False)
