"""`holdfast create-organization`: an organization and its first administrator's key."""

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from cli.environment import STATE_DIR, known_settings
from cli.failures import CannotStart
from holdfast.services.api_keys import new_key, register_key
from holdfast.services.audit import record
from holdfast.services.organizations import create_organization as make_organization
from holdfast.services.refusal import Refusal
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


async def make(settings: Settings, slug: str, name: str, person: str | None = None) -> str:
    """Insert both in one transaction; returns the key, which is not stored in the clear."""
    key = new_key()
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        async with open_sessions(engine).begin() as db:
            organization = await make_organization(db, slug=slug, name=name)
            await register_key(
                db,
                settings.secret_key.get_secret_value(),
                organization.id,
                name="first administrator",
                role="administrator",
                api_key=key,
                person=(person or "").strip() or None,
            )
            await record(
                db,
                organization.id,
                actor="system:cli",
                action="organization.create",
                subject=f"organization:{organization.id}",
            )
    finally:
        await engine.dispose()
    return key


def create_organization(
    slug: Annotated[str, typer.Option(help="Short name in small letters, digits and dashes.")],
    name: Annotated[str, typer.Option(help="The name that people read.")],
    person: Annotated[
        str | None, typer.Option(help="Whose the first key is: nobody approves their own prices.")
    ] = None,
    state_dir: Annotated[
        Path, typer.Option(help="Folder of the installation that `up` made.")
    ] = STATE_DIR,
) -> None:
    """Create an organization and print an administrator's key for it, once."""
    if not SLUG.fullmatch(slug):
        raise CannotStart(
            f"The slug {slug!r} must be 1 to 40 small letters, digits or dashes, "
            "with a letter or digit at both ends."
        )
    try:
        key = asyncio.run(make(known_settings(state_dir), slug, name, person))
    except Refusal as refusal:
        raise CannotStart(f"Nothing was created: {refusal}.") from None
    typer.echo(key)
