"""Runs migrations inside the transaction of the connection that ``db.schema`` hands over."""

from alembic import context

from db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
    transactional_ddl=True,  # SQLite can, since we begin transactions ourselves
)
context.run_migrations()
