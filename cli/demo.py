"""Seeds the demo organization, and describes its fleet for the simulator.

A program of its own, run by `up` after the migration: the supervisor then neither loads the
database layer nor gets stuck in it.
"""

import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.state import write_atomically
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions


async def seed_demo(known_key: str | None, *, network: bool) -> Any:
    """Make the demo organization if it is not there; its `api_key` and `fleet`.

    An existing key is handed in, so that it goes on working; with `network` there are sites,
    stations, tariffs, tokens and accounts too.
    """
    services = importlib.import_module("holdfast.services.demo")
    settings = Settings.from_environment()
    engine = open_engine(settings.database_url)
    try:
        async with open_sessions(engine).begin() as db:
            return await services.seed(db, settings, api_key=known_key, network=network)
    finally:
        await engine.dispose()


def main(
    key_file: Annotated[Path, typer.Option(help="Where the administrator's key is kept.")],
    fleet_file: Annotated[Path, typer.Option(help="Where the fleet is described.")],
    network: Annotated[bool, typer.Option(help="Also make sites, stations and drivers.")] = True,
) -> None:
    """Seed the demo organization of the database at HOLDFAST_DATABASE_URL."""
    known_key = key_file.read_text().strip() if key_file.exists() else None
    try:
        seeded = asyncio.run(seed_demo(known_key, network=network))
    except ModuleNotFoundError as error:
        sys.exit(f"The demo network cannot be made: {error}.")
    # Only after the commit: a key that the database does not know must not be handed out.
    write_atomically(key_file, seeded.api_key)
    if network:
        write_atomically(fleet_file, json.dumps(seeded.fleet, indent=2))


if __name__ == "__main__":
    typer.run(main)
