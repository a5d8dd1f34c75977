"""API keys of one's organization."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field

from api.routes.fields import Input, Instant, Name, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Administrator
from holdfast.services import api_keys, audit
from holdfast.settings import Settings
from holdfast.store.tables import ApiKey

router = APIRouter(prefix="/api-keys", tags=["api keys"], route_class=IdempotentRoute)

Role = Literal["administrator", "operator", "finance", "support", "read-only"]


class KeyShown(Output):
    """A key, by its last characters; the key itself is shown once, when it is made."""

    id: UUID
    name: str
    role: str
    hint: str
    person: str | None
    made_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyMade(KeyShown):
    """The new key, shown this once."""

    key: str


class NewKey(Input):
    """A role, whose it is, and perhaps an end."""

    name: Name
    role: Role
    person: Annotated[
        Name | None,
        Field(
            description="Whose key it is, always written alike: nobody approves what they wrote, "
            "with whichever of their keys. Without it the key counts as its maker's."
        ),
    ] = None
    expires_at: Instant | None = None


@router.get("")
async def list_keys(db: Db, administrator: Administrator, asked: Asked) -> Page[KeyShown]:
    """Newest first."""
    rows = await api_keys.list_keys(db, administrator.organization_id, asked)
    return page(rows, KeyShown.model_validate)


@router.post("", status_code=201)
async def make_key(new: NewKey, request: Request, db: Db, administrator: Administrator) -> KeyMade:
    """Make a key. An answer that is asked for again with an Idempotency-Key shows it no more."""
    settings: Settings = request.app.state.settings
    key = api_keys.new_key()
    row = await api_keys.register_key(
        db,
        settings.secret_key.get_secret_value(),
        administrator.organization_id,
        name=new.name,
        role=new.role,
        api_key=key,
        expires_at=new.expires_at,
        person=new.person,
        made_by=administrator.key_id,
    )
    await audit.record(
        db,
        administrator.organization_id,
        actor=administrator.actor,
        action="api_key.create",
        subject=f"api_key:{row.id}",
        details={"name": new.name, "role": new.role, "person": new.person},
    )
    return _made(row, key)


@router.post("/{key_id}/revoke")
async def revoke_key(key_id: UUID, db: Db, administrator: Administrator) -> KeyShown:
    """It works no more, at once."""
    row = await api_keys.revoke_key(db, administrator.organization_id, key_id)
    await audit.record(
        db,
        administrator.organization_id,
        actor=administrator.actor,
        action="api_key.revoke",
        subject=f"api_key:{key_id}",
    )
    return KeyShown.model_validate(row)


def _made(row: ApiKey, key: str) -> KeyMade:
    return KeyMade(**KeyShown.model_validate(row).model_dump(), key=key)
