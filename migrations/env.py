"""Alembic's entry: migrates through the connection that osfsync hands over, inside its transaction.

A new migration: copy the newest file in `versions/`, write both directions by hand, raise `HEAD` in
`osfsync/state/tables.py`. The tests compare the result with the tables and say what is missing.
"""

from alembic import context

from osfsync.state.content_tables import contents

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=contents.metadata,
    render_as_batch=True,
)
context.run_migrations()
