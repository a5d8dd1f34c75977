"""The history of variables and the records of reports go when their time is over."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import StationReport, StationVariable, VariableChange
from tests.activities.rows import Network
from workers import upkeep

NOW = datetime.now(UTC)


async def test_what_variables_were_is_kept_for_as_long_as_the_setting_says(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    common = {"organization_id": made.organization_id, "station_id": made.station_id}
    async with db_sessions.begin() as db:
        variable = await db.scalar(
            insert(StationVariable)
            .values(**common, component="", variable="K", reported_at=NOW, source="get")
            .returning(StationVariable.id)
        )
        for days in (9, 11):
            at = NOW - timedelta(days=days)
            await db.execute(
                insert(VariableChange).values(
                    **common,
                    variable_id=variable,
                    became=str(days),
                    at=at,
                    source="get",
                    created_at=at,
                )
            )
        for number, days in ((1, 29), (2, 31)):
            await db.execute(
                insert(StationReport).values(
                    **common,
                    kind="variables",
                    request_id=number,
                    changed_at=NOW - timedelta(days=days),
                )
            )

    ten_days = settings.model_copy(update={"retention_variable_changes_days": 10})
    await upkeep.keep_up(engine, ten_days, NOW)

    async with db_sessions() as db:
        assert list(await db.scalars(select(VariableChange.became))) == ["9"]
        assert list(await db.scalars(select(StationReport.request_id))) == [1]
        assert list(await db.scalars(select(StationVariable.variable))) == ["K"]
