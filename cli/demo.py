"""Seeds the demo organization, and describes its fleet for the simulator.

A program of its own, run by `up` after the migration: the supervisor then neither loads the
database layer nor gets stuck in it.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import stripe
import typer
from pydantic import SecretStr

from cli.state import write_atomically
from holdfast.services.demo import Demo, attach_demo_cards, seed
from holdfast.settings import BadSettings, Settings
from holdfast.store.database import open_engine, open_sessions

STRIPE_RETRIES_MAX = 5


async def seed_demo(settings: Settings, known_key: str | None, *, network: bool) -> Demo:
    """Make what is missing of the demo organization, and give its drivers test cards.

    A known key is handed in, so that it goes on working; with `network` there are sites,
    stations, tariffs, tokens and accounts too. Two transactions: cards are made at Stripe, and
    nothing else waits for that.
    """
    engine = open_engine(settings.database_url, pool_size=1)
    sessions = open_sessions(engine)
    try:
        async with sessions.begin() as db:
            secret_key = settings.secret_key.get_secret_value()
            demo = await seed(db, secret_key, api_key=known_key, network=network)
        if network and settings.stripe_api_key:
            async with sessions.begin() as db:
                await attach_demo_cards(db, stripe_client(settings.stripe_api_key, settings))
    finally:
        await engine.dispose()
    return demo


def stripe_client(key: SecretStr, settings: Settings) -> stripe.StripeClient:
    """A client of the simulator, or of Stripe's own test mode where no other address is set."""
    base = settings.stripe_api_base
    return stripe.StripeClient(
        key.get_secret_value(),
        base_addresses={"api": base} if base else {},
        max_network_retries=STRIPE_RETRIES_MAX,
        http_client=stripe.HTTPXClient(),
    )


def main(
    key_file: Annotated[Path, typer.Option(help="Where the administrator's key is kept.")],
    fleet_file: Annotated[Path, typer.Option(help="Where the fleet is described.")],
    network: Annotated[bool, typer.Option(help="Also make sites, stations and drivers.")] = True,
) -> None:
    """Seed the demo organization of the database at HOLDFAST_DATABASE_URL."""
    known_key = key_file.read_text().strip() if key_file.exists() else None
    try:
        demo = asyncio.run(seed_demo(Settings.from_environment(), known_key, network=network))
    except (BadSettings, stripe.StripeError) as error:
        sys.exit(f"The demo network cannot be made: {error}")
    # Only after the commit: a key that the database does not know must not be handed out.
    write_atomically(key_file, demo.api_key)
    if network:
        write_atomically(fleet_file, json.dumps(demo.fleet, indent=2))


if __name__ == "__main__":
    typer.run(main)
