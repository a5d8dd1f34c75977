"""`holdfast migrate`: bring the database to the newest schema."""

import os
import sys

import typer

from cli.failures import CannotStart


def migrate() -> None:
    """Bring the database at HOLDFAST_DATABASE_URL to the newest schema; safe to repeat."""
    from holdfast.store.migrate import upgrade  # slow to import; other commands do not need it

    url = os.environ.get("HOLDFAST_DATABASE_URL")
    if not url:
        raise CannotStart("HOLDFAST_DATABASE_URL is not set: which database is to be migrated?")
    upgrade(url)
    typer.echo("the database has the newest schema")


if __name__ == "__main__":
    try:
        migrate()
    except CannotStart as failure:
        sys.exit(str(failure))
