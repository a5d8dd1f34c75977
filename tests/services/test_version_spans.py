"""Which version is in force: the rows are asked as the pure rule says."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.life import in_force
from holdfast.services.tariff_versions import versions_at
from holdfast.services.version_spans import spans_of, version_in_force
from holdfast.store.database import Sessions
from holdfast.store.tables import Tariff, TariffVersion, TariffVersionEnd

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def tariff_of(
    db: AsyncSession, organization_id: UUID, lives: list[tuple[int, int | None]]
) -> Tariff:
    """Versions by the hours at which each begins and, if ever, ends."""
    tariff = Tariff(organization_id=organization_id, name="Day", currency="EUR")
    db.add(tariff)
    await db.flush()
    for number, (begins, ends) in enumerate(lives, start=1):
        version = TariffVersion(
            organization_id=organization_id,
            tariff_id=tariff.id,
            number=number,
            valid_from=NOON + begins * HOUR,
            body={},
        )
        db.add(version)
        await db.flush()
        if ends is not None:
            values = {"ends_at": NOON + ends * HOUR, "ended_by": "key:1"}
            await db.execute(
                insert(TariffVersionEnd).values(
                    version_id=version.id, organization_id=organization_id, **values
                )
            )
    return tariff


async def test_rows_are_asked_for_the_version_in_force_as_the_pure_rule_says(
    db_sessions: Sessions, organization: UUID
) -> None:
    # Ended by 2, the second version was withdrawn: it never came into force.
    firsts, seconds = (None, 1, 3), (None, 1, 2, 4)
    async with db_sessions() as db:
        for first, second in product(firsts, seconds):
            tariff = await tariff_of(db, organization, [(0, first), (2, second)])
            spans = await spans_of(db, organization, tariff.id)
            for hour in range(-1, 6):
                at = NOON + hour * HOUR
                expected = in_force(spans.values(), at)
                version = await version_in_force(db, tariff, at)
                listed = (await versions_at(db, organization, [tariff.id], at)).get(tariff.id)
                assert (version and spans[version.id]) == expected, (first, second, hour)
                assert listed is version


async def test_a_retired_tariff_has_no_version_in_force_from_then_on(
    db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions() as db:
        tariff = await tariff_of(db, organization, [(0, None)])
        tariff.retired_at = NOON + HOUR

        assert await version_in_force(db, tariff, NOON + HOUR - timedelta(seconds=1)) is not None
        assert await version_in_force(db, tariff, NOON + HOUR) is None
