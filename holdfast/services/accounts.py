"""Accounts: who pays for tokens, and with which card."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import local_lists
from holdfast.services.refusal import Invalid
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.token_caches import clear_after_block
from holdfast.store.tables import Account, UserGroup
from holdfast.store.tables.tokens import BILLINGS


async def create_account(
    db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]
) -> Account:
    """`values` are columns of the table. Raises Invalid, NotFound."""
    await _check(db, organization_id, values)
    row = await db.scalars(
        insert(Account).values(organization_id=organization_id, **values).returning(Account)
    )
    return row.one()


async def list_accounts(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    query: str | None = None,
    user_group_id: UUID | None = None,
) -> Slice[Account]:
    """Oldest first; `query` is part of a name or address."""
    statement = owned(Account, organization_id)
    if query is not None:
        statement = statement.where(
            Account.name.icontains(query, autoescape=True)
            | Account.email.icontains(query, autoescape=True)
        )
    if user_group_id is not None:
        statement = statement.where(Account.user_group_id == user_group_id)
    return await take(db, statement, Account.id, asked)


async def get_account(
    db: AsyncSession, organization_id: UUID, account_id: UUID, *, lock: bool = False
) -> Account:
    """Raises NotFound."""
    return await find(db, Account, organization_id, account_id, "account", lock=lock)


async def update_account(
    db: AsyncSession,
    organization_id: UUID,
    account_id: UUID,
    values: Mapping[str, Any],
    *,
    blocked: bool | None = None,
) -> Account:
    """Change the given columns; block or unblock. Raises NotFound, Invalid."""
    await _check(db, organization_id, values)
    account = await get_account(db, organization_id, account_id, lock=True)
    for column, value in values.items():
        setattr(account, column, value)
    if blocked is True and account.blocked_at is None:
        account.blocked_at = datetime.now(UTC)
    elif blocked is False:
        account.blocked_at = None
    await db.flush()
    if blocked is not None:
        now = datetime.now(UTC)
        await local_lists.tokens_changed(db, organization_id, now)
        if blocked:
            await clear_after_block(db, organization_id, now, account_id=account.id)
    return account


async def _check(db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> None:
    if values.get("user_group_id") is not None:
        await find(db, UserGroup, organization_id, values["user_group_id"], "user group")
    billing = values.get("billing")
    if billing is not None and billing not in BILLINGS:
        raise Invalid("billing", billing, f"use one of {', '.join(BILLINGS)}")
