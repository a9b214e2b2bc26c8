"""What Alembic runs: the migrations, on the connection that ``authproxy.store.upgrade`` hands over."""

from __future__ import annotations

from alembic import context

from authproxy.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite can't alter most things: Alembic copies the table
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
