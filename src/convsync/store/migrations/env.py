"""Alembic's entry: runs migrations on the connection that `store.migrate` hands over."""

from alembic import context

from convsync.store.schema import for_both_databases

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=for_both_databases(),
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
