"""Caches of stations: a token that was blocked must not be accepted from one any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, cast, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.orders import place_order
from holdfast.services.scope import belongs
from holdfast.store.tables import Organization, Session, Station, StationVariable

ACTOR = "system:token-caches"
VALID = timedelta(days=7)
USED_WITHIN = timedelta(days=365)
GATHER = timedelta(seconds=2)
STATIONS_MAX = 100
TOKENS_MAX = 10_000  # blocked at once, by an import


async def clear_after_block(
    db: AsyncSession,
    organization_id: UUID,
    now: datetime,
    *,
    token_ids: Sequence[UUID] = (),
    account_id: UUID | None = None,
) -> int:
    """Order the caches cleared that may hold the tokens, or any token of the account: those of
    stations that charged with it in the last year and say that they have a cache switched on.

    A station that was never asked for its variables is left alone; it learns of the block when it
    asks. Returns how many are cleared.
    """
    # One array, however many: a parameter each would be more than Postgres takes.
    listed = Session.token_id == any_(cast(list(token_ids[:TOKENS_MAX]), ARRAY(Uuid())))
    whose = listed if account_id is None else Session.account_id == account_id
    stations = await db.scalars(
        select(Station)
        .where(
            belongs(Station, organization_id),
            Station.retired_at.is_(None),
            exists().where(
                Session.station_id == Station.id, whose, Session.created_at > now - USED_WITHIN
            ),
            exists().where(StationVariable.station_id == Station.id, _cache_is_on()),
        )
        .order_by(Station.id)
        .limit(STATIONS_MAX)
    )
    organization = await db.get_one(Organization, organization_id)
    cleared = 0
    for station in stations.all():
        await place_order(
            db,
            organization=organization,
            station=station,
            kind="clear_cache",
            payload={},
            not_after=now + VALID,
            requested_by=ACTOR,
            relay_at=now + GATHER,
        )
        cleared += 1
    return cleared


def _cache_is_on() -> ColumnElement[bool]:
    """OCPP 1.6 AuthorizationCacheEnabled, 2.x AuthCacheCtrlr.Enabled."""
    named = or_(
        and_(
            StationVariable.component == "",
            func.lower(StationVariable.variable) == "authorizationcacheenabled",
        ),
        and_(
            func.lower(StationVariable.component) == "authcachectrlr",
            func.lower(StationVariable.variable) == "enabled",
        ),
    )
    return and_(
        named,
        StationVariable.attribute == "actual",
        StationVariable.gone_at.is_(None),
        func.lower(StationVariable.value) == "true",
    )
