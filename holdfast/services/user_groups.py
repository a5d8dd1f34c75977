"""User groups: drivers who pay a price of their own.

A tariff's elements name a group by its key, an assignment by its id. A member is an account, with
all its tokens, or one token; a token's own group comes before its account's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.version import NAME, NAME_LENGTH_MAX
from holdfast.services.refusal import Conflict, Invalid, TooMany
from holdfast.services.scope import belongs, find, owned, owned_update
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import Account, TariffAssignment, Token, UserGroup

GROUPS_MAX = 1_000
MEMBERS_AT_ONCE_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Ids of accounts and tokens."""

    account_ids: Sequence[UUID] = ()
    token_ids: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCounts:
    """How many accounts and tokens are in a group by themselves."""

    accounts: int = 0
    tokens: int = 0


async def create_group(
    db: AsyncSession, organization_id: UUID, *, key: str, name: str
) -> UserGroup:
    """The key stays: tariffs name it. Raises Invalid, Conflict (the key is taken), TooMany."""
    if not NAME.fullmatch(key):
        raise Invalid(
            "key", key, f"use letters, digits, '-', '_' and '.', at most {NAME_LENGTH_MAX}"
        )
    mine = owned(UserGroup, organization_id)
    if await db.scalar(mine.where(UserGroup.key == key)) is not None:
        raise Conflict(f"there is a user group {key!r} already")
    count = await db.scalar(
        select(func.count()).select_from(UserGroup).where(belongs(UserGroup, organization_id))
    )
    if count is not None and count >= GROUPS_MAX:
        raise TooMany(f"an organization has at most {GROUPS_MAX} user groups")
    row = await db.scalars(
        insert(UserGroup)
        .values(organization_id=organization_id, key=key, name=name)
        .returning(UserGroup)
    )
    return row.one()


async def list_groups(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked
) -> Slice[UserGroup]:
    """Oldest first."""
    return await take(db, owned(UserGroup, organization_id), UserGroup.id, asked)


async def get_group(db: AsyncSession, organization_id: UUID, group_id: UUID) -> UserGroup:
    """Raises NotFound."""
    return await find(db, UserGroup, organization_id, group_id, "user group")


async def rename_group(
    db: AsyncSession, organization_id: UUID, group_id: UUID, name: str
) -> UserGroup:
    """Raises NotFound."""
    group = await find(db, UserGroup, organization_id, group_id, "user group", lock=True)
    group.name = name
    await db.flush()
    return group


async def delete_group(db: AsyncSession, organization_id: UUID, group_id: UUID) -> UserGroup:
    """Only one without members that no tariff was ever assigned to. Raises NotFound, Conflict."""
    group = await find(db, UserGroup, organization_id, group_id, "user group", lock=True)
    counts = (await count_members(db, organization_id, [group_id])).get(group_id, MemberCounts())
    if counts.accounts or counts.tokens:
        raise Conflict(
            f"{counts.accounts} accounts and {counts.tokens} tokens are in the group: "
            "take them out first"
        )
    assigned = await db.scalar(
        owned(TariffAssignment, organization_id)
        .where(TariffAssignment.user_group_id == group_id)
        .limit(1)
    )
    if assigned is not None:
        raise Conflict("tariffs were assigned to the group: it answers for prices of the past")
    await db.delete(group)
    await db.flush()
    return group


async def count_members(
    db: AsyncSession, organization_id: UUID, group_ids: Iterable[UUID]
) -> dict[UUID, MemberCounts]:
    """Of each group; those without members are left out."""
    ids = list(group_ids)
    found: dict[UUID, list[int]] = {}
    for place, (table, column) in enumerate(
        ((Account, Account.user_group_id), (Token, Token.user_group_id))
    ):
        rows = await db.execute(
            select(column, func.count())
            .where(belongs(table, organization_id), column.in_(ids))
            .group_by(column)
        )
        for group_id, count in rows:
            if group_id is not None:
                found.setdefault(group_id, [0, 0])[place] = count
    return {
        group_id: MemberCounts(accounts=accounts, tokens=tokens)
        for group_id, (accounts, tokens) in found.items()
    }


async def add_members(
    db: AsyncSession, organization_id: UUID, group_id: UUID, members: Members
) -> UserGroup:
    """From now on; a member of another group leaves that. Raises NotFound, Invalid."""
    group = await get_group(db, organization_id, group_id)
    await _move(db, organization_id, members, group_id)
    return group


async def remove_members(
    db: AsyncSession, organization_id: UUID, group_id: UUID, members: Members
) -> UserGroup:
    """Those who are in it leave it. Raises NotFound, Invalid."""
    group = await get_group(db, organization_id, group_id)
    await _move(db, organization_id, members, None, only_from=group_id)
    return group


async def _move(
    db: AsyncSession,
    organization_id: UUID,
    members: Members,
    group_id: UUID | None,
    *,
    only_from: UUID | None = None,
) -> None:
    count = len(members.account_ids) + len(members.token_ids)
    if count > MEMBERS_AT_ONCE_MAX:
        right = f"use at most {MEMBERS_AT_ONCE_MAX} accounts and tokens at once"
        raise Invalid("accounts", f"{count} members", right)
    for table, ids, kind in (
        (Account, members.account_ids, "account"),
        (Token, members.token_ids, "token"),
    ):
        known = set(
            await db.scalars(
                select(table.id).where(belongs(table, organization_id), table.id.in_(ids))
            )
        )
        for wanted in ids:
            if wanted not in known:
                await find(db, table, organization_id, wanted, kind)  # raises NotFound
        statement = owned_update(table, organization_id).where(table.id.in_(ids))
        if only_from is not None:
            statement = statement.where(table.user_group_id == only_from)
        await db.execute(statement.values(user_group_id=group_id))
