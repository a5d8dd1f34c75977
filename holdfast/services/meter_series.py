"""The meter series of a session, thinned to as many points as a curve needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.sessions import see_session

POINTS_DEFAULT = 300
POINTS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterPoint:
    """One bucket of time: when its last sample was, its last register, its mean power."""

    at: datetime
    register_wh: int | None
    energy_wh: int | None
    power_w: int | None
    soc_percent: int | None
    samples: int


# Buckets are of equal length in the stations' own time. Registers never fall inside a session
# (the writer adds what a reset took away to the session, not to its samples), so that the greatest
# of a bucket is its last.
QUERY = text(
    """
    WITH seen AS (
        SELECT sampled_at, energy_mwh, power_w, soc_percent FROM meter_values
        WHERE organization_id = :organization_id AND session_id = :session_id
    ), span AS (
        SELECT min(sampled_at) AS first, max(sampled_at) AS last FROM seen
    ), placed AS (
        SELECT seen.*, CASE WHEN last = first THEN 0 ELSE least(:points - 1, floor(
            extract(epoch FROM sampled_at - first) * :points / extract(epoch FROM last - first)
        )::bigint) END AS bucket FROM seen, span
    )
    SELECT max(sampled_at) AS at,
        (array_agg(energy_mwh ORDER BY sampled_at DESC, energy_mwh DESC NULLS LAST)
            FILTER (WHERE energy_mwh IS NOT NULL))[1] AS register_mwh,
        round(avg(power_w))::bigint AS power_w, max(soc_percent) AS soc_percent,
        count(*) AS samples
    FROM placed GROUP BY bucket ORDER BY bucket
    """
)


async def meter_series(
    db: AsyncSession, organization_id: UUID, session_id: UUID, *, points: int = POINTS_DEFAULT
) -> list[MeterPoint]:
    """At most `points` points, oldest first. Raises NotFound."""
    seen = await see_session(db, organization_id, session_id)
    rows = await db.execute(
        QUERY,
        {
            "organization_id": organization_id,
            "session_id": session_id,
            "points": min(max(points, 1), POINTS_MAX),
        },
    )
    return [_point(row, seen.session.meter_start_mwh) for row in rows]


def _point(row: Any, start_mwh: int | None) -> MeterPoint:
    register_mwh = row.register_mwh
    energy = None
    if register_mwh is not None and start_mwh is not None and register_mwh >= start_mwh:
        energy = (int(register_mwh) - start_mwh) // 1_000
    return MeterPoint(
        at=row.at,
        register_wh=None if register_mwh is None else int(register_mwh) // 1_000,
        energy_wh=energy,
        power_w=None if row.power_w is None else int(row.power_w),
        soc_percent=row.soc_percent,
        samples=int(row.samples),
    )
