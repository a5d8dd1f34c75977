"""To whom API keys belong, as far as it is known: two keys of one person are no two pairs of eyes.

A key may name its person. One that names nobody belongs to whoever made it, and so on up to a key
that names somebody or that no key made (the first one, and those of before makers were kept).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import owned
from holdfast.store.tables import ApiKey

KEY = "key:"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOrigin:
    """What is known of a key's person."""

    person: str | None
    made_by: UUID | None


def owner_of(key_id: UUID, origins: Mapping[UUID, KeyOrigin]) -> str:
    """The person by name, else the key at the beginning of the line. Pure."""
    seen: set[UUID] = set()
    while True:
        origin = origins.get(key_id)
        if origin is None or key_id in seen:
            return f"{KEY}{key_id}"
        if origin.person is not None and (person := _as_read(origin.person)):
            return f"person:{person}"
        if origin.made_by is None:
            return f"{KEY}{key_id}"
        seen.add(key_id)
        key_id = origin.made_by


def _as_read(name: str) -> str:
    """Names that nobody can tell apart in the audit log are one: letters that are composed or not,
    large or small, spaces, what is not seen at all. Empty: it names nobody."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(
        one for one in folded if one.isspace() or not unicodedata.category(one).startswith("C")
    )
    return " ".join(seen.split())


async def same_person(db: AsyncSession, organization_id: UUID, actor: str) -> frozenset[str]:
    """All keys that belong to the person of this actor, as the audit log names them; the actor is
    one of them."""
    rows = await db.execute(
        owned(ApiKey, organization_id).with_only_columns(ApiKey.id, ApiKey.person, ApiKey.made_by)
    )
    origins = {key_id: KeyOrigin(person=person, made_by=maker) for key_id, person, maker in rows}
    actors = {f"{KEY}{key_id}": owner_of(key_id, origins) for key_id in origins}
    owner = actors.get(actor)
    return frozenset({actor, *(one for one, who in actors.items() if who == owner)})
