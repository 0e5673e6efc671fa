"""What Alembic runs; see `store.migrate`."""
