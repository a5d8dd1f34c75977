"""Versions of tariffs: made once, immutable, each with a state that follows from time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.finding import Finding
from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.life import VersionSpan, VersionState, version_states
from holdfast.services import publications
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.tariff_bodies import checked
from holdfast.services.version_spans import NEWEST_FIRST, VERSIONS_MAX, covers, spans_of
from holdfast.store.tables import Organization, Tariff, TariffVersion, TariffVersionEnd

SAME_MOMENT = timedelta(seconds=10)
"""Two people approve at once: one waits for the other, and the clocks of two machines differ."""

SOON_AFTER = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A new version, and what is unwise about it."""

    version: TariffVersion
    advice: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLife:
    """A version's state now, and its end if one was written."""

    state: VersionState
    ends_at: datetime | None
    ended_by: str | None = None
    reason: str | None = None


async def publish_version(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    body: Mapping[str, Any],
    *,
    valid_from: datetime,
    actor: str,
    now: datetime,
) -> Published:
    """Add a version without a draft, where the organization trusts its authors with that.

    Raises NotFound, Conflict (a second person has to approve), TariffInvalid, Invalid, TooMany.
    """
    tariff = await locked_tariff(db, organization_id, tariff_id)
    if await approval_rule(db, organization_id) != "author":
        raise Conflict(
            "a second person approves prices here: make a draft "
            f"(POST /api/v1/tariff-drafts with the tariff {tariff_id}), submit it, and have "
            "another key approve it; or set the organization's tariff_approval to 'author'"
        )
    return await make_version(db, tariff, body, valid_from=valid_from, actor=actor, now=now)


async def approval_rule(db: AsyncSession, organization_id: UUID) -> str:
    """`second_person` or `author`."""
    rule = await db.scalar(
        select(Organization.tariff_approval).where(Organization.id == organization_id)
    )
    if rule is None:
        raise NotFound("organization", organization_id)
    return rule


async def locked_tariff(db: AsyncSession, organization_id: UUID, tariff_id: UUID) -> Tariff:
    """The tariff that may get a version; whoever adds one waits here. Raises NotFound, Conflict."""
    tariff = await db.scalar(
        owned(Tariff, organization_id)
        .where(Tariff.id == tariff_id)
        .with_for_update(key_share=True)  # rows that name it may be written meanwhile
        .execution_options(populate_existing=True)
    )
    if tariff is None:
        raise NotFound("tariff", tariff_id)
    if tariff.retired_at is not None:
        raise Conflict("the tariff is retired")
    return tariff


async def make_version(
    db: AsyncSession,
    tariff: Tariff,
    body: Mapping[str, Any],
    *,
    valid_from: datetime,
    actor: str,
    now: datetime,
) -> Published:
    """The immutable row, and the start of its publication, which is audited.

    The tariff is locked. Versions follow each other in time: of two that are to hold from now on,
    the one that was approved last does.

    Raises TariffInvalid, Invalid (what lint blocks, or a time before another version's), TooMany.
    """
    spans = (await spans_of(db, tariff.organization_id, tariff.id)).values()
    if len(spans) >= VERSIONS_MAX:
        raise TooMany(f"a tariff has at most {VERSIONS_MAX} versions: make a new tariff")
    last = max((span for span in spans if not span.never), key=_since, default=None)
    if last is not None and valid_from == now and last.valid_from - now < SAME_MOMENT:
        valid_from = max(now, last.valid_from + SOON_AFTER)
    if last is not None and valid_from <= last.valid_from:
        raise Invalid(
            "valid_from",
            valid_from.isoformat(),
            f"use a time after that of version {last.number}, {last.valid_from.isoformat()}"
            + (", or withdraw that one first" if last.valid_from > now else ""),
        )
    # The version is known by its own id, also inside its body: a price names what priced it.
    version_id: UUID = (await db.execute(select(func.uuidv7()))).scalar_one()
    parsed, findings = await checked(db, tariff, body, name=str(version_id), now=now)
    rows = await db.scalars(
        insert(TariffVersion)
        .values(
            id=version_id,
            organization_id=tariff.organization_id,
            tariff_id=tariff.id,
            number=1 + max((span.number for span in spans), default=0),
            valid_from=valid_from,
            body=tariff_to_json(parsed),
        )
        .returning(TariffVersion)
    )
    version = rows.one()
    await publications.begin(db, version, actor)
    return Published(version=version, advice=findings)


async def lives_of(db: AsyncSession, tariff: Tariff, now: datetime) -> dict[int, VersionLife]:
    """The life of each version of a tariff, by its number."""
    spans = await spans_of(db, tariff.organization_id, tariff.id)
    states = version_states([*spans.values()], now, retired_at=tariff.retired_at)
    lives = {
        span.number: VersionLife(state=states[span.number], ends_at=span.ends_at)
        for span in spans.values()
    }
    ends = await db.scalars(
        owned(TariffVersionEnd, tariff.organization_id).where(
            TariffVersionEnd.version_id.in_(spans)
        )
    )
    for end in ends:
        number = spans[end.version_id].number
        lives[number] = replace(lives[number], ended_by=end.ended_by, reason=end.reason)
    return lives


async def latest_version(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID
) -> TariffVersion | None:
    """The one with the highest number."""
    return await db.scalar(
        owned(TariffVersion, organization_id)
        .where(TariffVersion.tariff_id == tariff_id)
        .order_by(TariffVersion.number.desc())
        .limit(1)
    )


async def list_versions(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, asked: SliceAsked
) -> Slice[TariffVersion]:
    """Oldest first. Raises NotFound."""
    await find(db, Tariff, organization_id, tariff_id, "tariff")
    statement = owned(TariffVersion, organization_id).where(TariffVersion.tariff_id == tariff_id)
    return await take(db, statement, TariffVersion.id, asked)


async def get_version(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, number: int
) -> TariffVersion:
    """By its number in its tariff. Raises NotFound."""
    row = await db.scalar(
        owned(TariffVersion, organization_id).where(
            TariffVersion.tariff_id == tariff_id, TariffVersion.number == number
        )
    )
    if row is None:
        raise NotFound("tariff version", number)
    return row


async def version_at(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, at: datetime
) -> TariffVersion:
    """The version in force at an instant. Raises NotFound."""
    found = (await versions_at(db, organization_id, [tariff_id], at)).get(tariff_id)
    if found is None:
        await find(db, Tariff, organization_id, tariff_id, "tariff")
        raise NotFound("tariff version valid at", at.isoformat())
    return found


async def versions_at(
    db: AsyncSession, organization_id: UUID, tariff_ids: Sequence[UUID], at: datetime
) -> dict[UUID, TariffVersion]:
    """The version in force of each tariff that has one, retired or not."""
    rows = await db.scalars(
        owned(TariffVersion, organization_id)
        .where(TariffVersion.tariff_id.in_(tariff_ids), covers(at))
        .ext(distinct_on(TariffVersion.tariff_id))
        .order_by(TariffVersion.tariff_id, *NEWEST_FIRST)
    )
    return {row.tariff_id: row for row in rows}


def withdrawn() -> ColumnElement[bool]:
    """The version ended before it came into force."""
    return (
        select(TariffVersionEnd.version_id)
        .where(
            TariffVersionEnd.version_id == TariffVersion.id,
            TariffVersionEnd.ends_at <= TariffVersion.valid_from,
        )
        .correlate(TariffVersion)
        .exists()
    )


async def end_version(
    db: AsyncSession,
    organization_id: UUID,
    tariff_id: UUID,
    number: int,
    *,
    actor: str,
    now: datetime,
    ends_at: datetime | None = None,
    reason: str | None = None,
) -> TariffVersion:
    """Withdraw a version that is scheduled, or end one early: at once, or at `ends_at`.

    Sessions that froze it go on with it. The version before it is in force again, unless it was
    ended too. Raises NotFound, Conflict (ended already, or the tariff is retired), Invalid.
    """
    await locked_tariff(db, organization_id, tariff_id)
    version = await get_version(db, organization_id, tariff_id, number)
    ended = await db.scalar(
        select(TariffVersionEnd.ends_at).where(TariffVersionEnd.version_id == version.id)
    )
    if ended is not None:
        raise Conflict(f"version {number} ends at {ended.isoformat()} already")
    if ends_at is not None and ends_at < now:
        raise Invalid("ends_at", ends_at.isoformat(), "use a time ahead, or leave it out: at once")
    if ends_at is not None and ends_at <= version.valid_from:
        raise Invalid(
            "ends_at",
            ends_at.isoformat(),
            f"use a time after {version.valid_from.isoformat()}, when it comes into force, or "
            "leave it out: it is withdrawn at once",
        )
    await db.execute(
        insert(TariffVersionEnd).values(
            version_id=version.id,
            organization_id=organization_id,
            ends_at=ends_at or now,
            ended_by=actor,
            reason=reason,
        )
    )
    await publications.refresh(db, organization_id, [tariff_id], now=now)
    return version


def _since(span: VersionSpan) -> tuple[datetime, int]:
    return span.valid_from, span.number
