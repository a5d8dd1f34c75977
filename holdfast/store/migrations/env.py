"""Alembic's entry: online only, each migration in a transaction and under a lock timeout."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from holdfast.store.tables import Table

engine = create_engine(context.config.attributes["database_url"], poolclass=pool.NullPool)

with engine.connect() as connection:
    # A migration that cannot get its lock fails and is tried again: whoever writes waits behind it
    # for half a second at most, which is less than `deadlock_timeout`, so that it is never they who
    # are refused.
    connection.execute(text("SET lock_timeout = '500ms'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
