"""One's own organization, and making another."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from api.routes.fields import Input, Name, Output
from holdfast.domain.authorization import CONCURRENT_MAX
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Page
from holdfast.http.principal import Administrator, Reader
from holdfast.http.wrong_values import Said
from holdfast.services import api_keys, audit, organizations
from holdfast.settings import Settings

router = APIRouter(prefix="/organizations", tags=["organizations"], route_class=IdempotentRoute)

Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$"),
    Said("use 2 to 63 small letters, digits and -, such as north-grid"),
]


class OrganizationShown(Output):
    """An operator's company."""

    id: UUID
    slug: str
    name: str
    token_concurrent_max: int | None
    tariff_approval: str
    created_at: datetime


class NewOrganization(Input):
    """`slug` can never be changed."""

    slug: Slug
    name: Name


class OrganizationMade(Output):
    """The new organization and its first administrator's key, shown this once."""

    organization: OrganizationShown
    api_key: str


class OrganizationChange(Input):
    """What may be changed. `token_concurrent_max`: how many transactions a token may have at once
    unless it says itself; null is no limit. `tariff_approval`: whether a draft of a tariff is
    approved by a second person, or its author may do so and publish versions directly."""

    name: Name | None = None
    tariff_approval: Literal["second_person", "author"] | None = None
    token_concurrent_max: Annotated[int, Field(ge=1, le=CONCURRENT_MAX)] | None = None


@router.get("")
async def list_organizations(db: Db, reader: Reader) -> Page[OrganizationShown]:
    """The organization of the key that asks: there is no other to see."""
    row = await organizations.get_organization(db, reader.organization_id)
    return Page(items=[OrganizationShown.model_validate(row)])


@router.get("/current")
async def read_organization(db: Db, reader: Reader) -> OrganizationShown:
    """The organization of the key that asks."""
    row = await organizations.get_organization(db, reader.organization_id)
    return OrganizationShown.model_validate(row)


@router.patch("/current")
async def change_organization(
    change: OrganizationChange, db: Db, administrator: Administrator
) -> OrganizationShown:
    """Only the fields that are sent are changed."""
    values = change.model_dump(exclude_unset=True)
    for name in ("name", "tariff_approval"):
        if values.get(name, "") is None:
            del values[name]
    row = await organizations.change_organization(db, administrator.organization_id, values)
    await audit.record(
        db,
        administrator.organization_id,
        actor=administrator.actor,
        action="organization.change",
        subject=f"organization:{row.id}",
        details=values,
    )
    return OrganizationShown.model_validate(row)


@router.post("", status_code=201)
async def make_organization(
    new: NewOrganization, request: Request, db: Db, administrator: Administrator
) -> OrganizationMade:
    """Another organization, with a key of its own: the key that asks never sees into it."""
    settings: Settings = request.app.state.settings
    row = await organizations.create_organization(db, slug=new.slug, name=new.name)
    key = api_keys.new_key()
    made = await api_keys.register_key(
        db,
        settings.secret_key.get_secret_value(),
        row.id,
        name="First administrator",
        role="administrator",
        api_key=key,
    )
    for organization_id in (administrator.organization_id, row.id):
        await audit.record(
            db,
            organization_id,
            actor=administrator.actor,
            action="organization.create",
            subject=f"organization:{row.id}",
            details={"slug": new.slug, "key": str(made.id)},
        )
    return OrganizationMade(organization=OrganizationShown.model_validate(row), api_key=key)
