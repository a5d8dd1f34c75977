"""User groups: drivers who pay a price of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from api.routes.fields import NAME_SAID, Input, Name, Output
from holdfast.domain.tariff.version import NAME
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import DriverWriter, Principal, Reader, TariffWriter
from holdfast.http.wrong_values import Said
from holdfast.services import audit, user_groups
from holdfast.services.user_groups import MEMBERS_AT_ONCE_MAX, MemberCounts, Members
from holdfast.store.tables import UserGroup

router = APIRouter(prefix="/user-groups", tags=["tariffs"], route_class=IdempotentRoute)

Key = Annotated[
    str,
    StringConstraints(pattern=f"^{NAME.pattern}$"),
    Said(NAME_SAID),
    Field(description="What `user_groups` of a tariff's elements name; it stays."),
]
Ids = Annotated[list[UUID], Field(default_factory=list, max_length=MEMBERS_AT_ONCE_MAX)]


class UserGroupShown(Output):
    """A group, and how many accounts and tokens are in it by themselves.

    A token without a group of its own is in its account's.
    """

    id: UUID
    key: str
    name: str
    accounts: int
    tokens: int
    created_at: datetime


class NewUserGroup(Input):
    """A group without members."""

    key: Key
    name: Name


class UserGroupChange(Input):
    """The key stays: tariffs name it."""

    name: Name


class MembersForm(Input):
    """Accounts and tokens by id, at most 500 together."""

    accounts: Ids
    tokens: Ids


@router.get("")
async def list_groups(db: Db, reader: Reader, asked: Asked) -> Page[UserGroupShown]:
    """Oldest first. Members: `/accounts?user_group=ID` and `/tokens?user_group=ID`."""
    rows = await user_groups.list_groups(db, reader.organization_id, asked)
    counts = await user_groups.count_members(
        db, reader.organization_id, [row.id for row in rows.items]
    )
    return page(rows, lambda row: to_group(row, counts.get(row.id)))


@router.post("", status_code=201)
async def make_group(new: NewUserGroup, db: Db, writer: TariffWriter) -> UserGroupShown:
    """Make a group."""
    row = await user_groups.create_group(db, writer.organization_id, key=new.key, name=new.name)
    await _audit(db, writer, "create", row, new.model_dump())
    return to_group(row)


@router.get("/{group_id}")
async def read_group(group_id: UUID, db: Db, reader: Reader) -> UserGroupShown:
    """One group."""
    row = await user_groups.get_group(db, reader.organization_id, group_id)
    return await _counted(db, row)


@router.patch("/{group_id}")
async def change_group(
    group_id: UUID, change: UserGroupChange, db: Db, writer: TariffWriter
) -> UserGroupShown:
    """Rename it."""
    row = await user_groups.rename_group(db, writer.organization_id, group_id, change.name)
    await _audit(db, writer, "change", row, change.model_dump())
    return await _counted(db, row)


@router.delete("/{group_id}", status_code=204)
async def delete_group(group_id: UUID, db: Db, writer: TariffWriter) -> None:
    """Only one without members that no tariff was ever assigned to."""
    row = await user_groups.delete_group(db, writer.organization_id, group_id)
    await _audit(db, writer, "delete", row, {"key": row.key})


@router.post("/{group_id}/members")
async def add_members(
    group_id: UUID, form: MembersForm, db: Db, writer: DriverWriter
) -> UserGroupShown:
    """They pay the group's price from their next session on, and leave the group of before."""
    row = await user_groups.add_members(db, writer.organization_id, group_id, _members(form))
    await _audit(db, writer, "add_members", row, form.model_dump(mode="json"))
    return await _counted(db, row)


@router.post("/{group_id}/members/remove")
async def remove_members(
    group_id: UUID, form: MembersForm, db: Db, writer: DriverWriter
) -> UserGroupShown:
    """Those who are in it leave it."""
    row = await user_groups.remove_members(db, writer.organization_id, group_id, _members(form))
    await _audit(db, writer, "remove_members", row, form.model_dump(mode="json"))
    return await _counted(db, row)


def to_group(row: UserGroup, counts: MemberCounts | None = None) -> UserGroupShown:
    """The answer."""
    counted = counts or MemberCounts()
    return UserGroupShown(
        id=row.id,
        key=row.key,
        name=row.name,
        accounts=counted.accounts,
        tokens=counted.tokens,
        created_at=row.created_at,
    )


def _members(form: MembersForm) -> Members:
    return Members(account_ids=form.accounts, token_ids=form.tokens)


async def _counted(db: Db, row: UserGroup) -> UserGroupShown:
    counts = await user_groups.count_members(db, row.organization_id, [row.id])
    return to_group(row, counts.get(row.id))


async def _audit(
    db: Db, writer: Principal, verb: str, row: UserGroup, details: Mapping[str, Any]
) -> None:
    await audit.record(
        db,
        writer.organization_id,
        actor=writer.actor,
        action=f"user_group.{verb}",
        subject=f"user_group:{row.id}",
        details=details,
    )
