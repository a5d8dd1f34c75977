"""Who did something, by name: an actor is a key, and people know their keys by name."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import owned
from holdfast.store.tables import ApiKey
from web.live_page import uuid_or_none

SYSTEM = "system:"


async def key_names(db: AsyncSession, organization_id: UUID, actors: list[str]) -> dict[str, str]:
    """Names of the keys among some actors, by actor, with whose they are where that is known; what
    no person did, Holdfast did."""
    ids = {uuid_or_none(actor.removeprefix("key:")) for actor in actors if actor[:4] == "key:"}
    rows = await db.execute(
        owned(ApiKey, organization_id)
        .where(ApiKey.id.in_(ids - {None}))
        .with_only_columns(ApiKey.id, ApiKey.name, ApiKey.person)
    )
    names = {
        f"key:{key_id}": name if person is None or person == name else f"{person} ({name})"
        for key_id, name, person in rows
    }
    own = {actor for actor in actors if actor.startswith(SYSTEM)}
    return names | {actor: f"Holdfast ({actor.removeprefix(SYSTEM)})" for actor in own}
