"""Tokens: what identifies drivers. Compared without regard to case (OCPI CiString)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.token import TokenInvalid, TokenType, normalise_uid
from holdfast.services import local_lists
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.token_caches import clear_after_block
from holdfast.store.tables import Account, Session, Token, UserGroup
from holdfast.store.tables.tokens import TOKEN_STATUSES


async def create_token(db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]) -> Token:
    """`values` are columns of the table. Raises Invalid, Conflict (uid taken), NotFound."""
    columns = await _checked(db, organization_id, values)
    if await find_token(db, organization_id, columns["uid"]) is not None:
        raise Conflict("a token with this uid is there already")
    row = await db.scalars(
        insert(Token).values(organization_id=organization_id, **columns).returning(Token)
    )
    token = row.one()
    await local_lists.tokens_changed(db, organization_id, datetime.now(UTC))
    return token


async def find_token(db: AsyncSession, organization_id: UUID, uid: str) -> Token | None:
    """By uid in any case."""
    return await db.scalar(
        owned(Token, organization_id).where(func.upper(Token.uid) == uid.strip().upper())
    )


async def get_token(db: AsyncSession, organization_id: UUID, token_id: UUID) -> Token:
    """Raises NotFound."""
    return await find(db, Token, organization_id, token_id, "token")


async def list_tokens(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    status: str | None = None,
    uid: str | None = None,
    account_id: UUID | None = None,
    user_group_id: UUID | None = None,
) -> Slice[Token]:
    """Oldest first."""
    statement = owned(Token, organization_id)
    if status is not None:
        statement = statement.where(Token.status == status)
    if uid is not None:
        statement = statement.where(func.upper(Token.uid) == uid.strip().upper())
    if account_id is not None:
        statement = statement.where(Token.account_id == account_id)
    if user_group_id is not None:
        statement = statement.where(Token.user_group_id == user_group_id)
    return await take(db, statement, Token.id, asked)


async def update_token(
    db: AsyncSession, organization_id: UUID, token_id: UUID, values: Mapping[str, Any]
) -> Token:
    """Change the given columns; the uid stays. Raises NotFound, Invalid."""
    columns = await _checked(db, organization_id, values)
    token = await find(db, Token, organization_id, token_id, "token", lock=True)
    was_blocked = token.status == "blocked"
    for column, value in columns.items():
        setattr(token, column, value)
    now = token.changed_at = datetime.now(UTC)
    await db.flush()
    await local_lists.tokens_changed(db, organization_id, now)
    if token.status == "blocked" and not was_blocked:
        await clear_after_block(db, organization_id, now, token_ids=[token.id])
    return token


async def delete_token(db: AsyncSession, organization_id: UUID, token_id: UUID) -> None:
    """Only one that never charged: a session keeps its token. Raises NotFound, Conflict."""
    token = await find(db, Token, organization_id, token_id, "token", lock=True)
    used = await db.scalar(
        select(Session.id).where(belongs(Session, organization_id), Session.token_id == token_id)
    )
    if used is not None:
        raise Conflict("sessions were charged with this token: block it instead")
    await db.delete(token)
    await db.flush()
    await local_lists.tokens_changed(db, organization_id, datetime.now(UTC))


def normal_uid(uid: str) -> str:
    """The form in which it is stored. Raises Invalid."""
    try:
        return normalise_uid(uid)
    except TokenInvalid as error:
        raise Invalid("uid", "", str(error)) from None


def normal_type(kind: str) -> str:
    """The type as OCPI or OCPP spell it. Raises Invalid."""
    try:
        return TokenType.parse(kind).value
    except TokenInvalid as error:
        raise Invalid("type", kind, str(error)) from None


def normal_status(status: str) -> str:
    """Raises Invalid."""
    if status not in TOKEN_STATUSES:
        raise Invalid("status", status, f"use one of {', '.join(TOKEN_STATUSES)}")
    return status


async def _checked(
    db: AsyncSession, organization_id: UUID, values: Mapping[str, Any]
) -> dict[str, Any]:
    columns = dict(values)
    for name, normal in (("uid", normal_uid), ("type", normal_type), ("status", normal_status)):
        if name in columns:
            columns[name] = normal(columns[name])
    if columns.get("account_id") is not None:
        await find(db, Account, organization_id, columns["account_id"], "account")
    if columns.get("user_group_id") is not None:
        await find(db, UserGroup, organization_id, columns["user_group_id"], "user group")
    return columns
