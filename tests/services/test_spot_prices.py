"""A market's first word counts, holes stay holes, and a file's life is its feed's."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.adapters.spot_price_file import SpotPriceFolder
from holdfast.contracts.ports import SpotInterval
from holdfast.contracts.spot_feeds import FeedDecision
from holdfast.services import spot_prices, spot_readings
from holdfast.services.price_matters import read_matters
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.spot_prices import NewFeed
from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Organization, OutboxRow, ReviewTask, SpotFeed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def interval(hours: float, price: str, length: timedelta = HOUR) -> SpotInterval:
    starts_at = NOON + hours * HOUR
    return SpotInterval(starts_at=starts_at, ends_at=starts_at + length, price=Decimal(price))


async def feed_of(
    db: AsyncSession, organization: UUID, *, source: str = "api", key: str = "DE-LU"
) -> SpotFeed:
    new = NewFeed(
        key=key, name="Day ahead", currency="EUR", source=source, time_zone="Europe/Berlin"
    )
    return await spot_prices.create_feed(db, organization, new, actor="key:1")


async def told(db: AsyncSession) -> list[tuple[str, bool]]:
    rows = await db.scalars(select(OutboxRow).order_by(OutboxRow.id))
    return [(row.name, bool(row.payload.get("rebuilt"))) for row in rows]


async def test_the_first_word_counts_and_another_is_a_problem_and_a_task_once(
    db_sessions: Sessions, organization: UUID
) -> None:
    first = [interval(0, "0.10"), interval(1, "0.20"), interval(3, "-0.05")]
    otherwise = [
        interval(0, "0.1"),  # the same, written otherwise
        interval(1, "0.25"),  # another price
        interval(3.25, "0.4", HOUR / 4),  # inside an hour that is known
        interval(2, "0.3"),  # new: the hole
    ]
    async with db_sessions.begin() as db:
        feed = await feed_of(db, organization)
        assert await told(db) == [], "nothing reads what clients write"
        done = await spot_prices.put_prices(
            db, organization, feed.key, first, now=NOON, actor="key:1"
        )
        assert (done.written, done.known, done.differing, feed.problem) == (3, 0, (), None)
        for _ in range(2):
            done = await spot_prices.put_prices(
                db, organization, feed.key, otherwise, now=NOON, actor="key:1"
            )
        assert [each.price for each in done.differing] == [Decimal("0.25"), Decimal("0.4")]
        assert feed.problem is not None
        assert "said first: 2" in feed.problem
        (task,) = await db.scalars(select(ReviewTask))
        assert (task.kind, task.subject) == ("spot_prices_differ", f"spot_feed:{feed.id}")
        task.resolved_at = NOON
        await db.flush()
        await spot_prices.put_prices(db, organization, feed.key, otherwise, now=NOON, actor="k")
        assert len(list(await db.scalars(select(ReviewTask)))) == 1, "a person has looked at it"
        await spot_prices.put_prices(db, organization, feed.key, first, now=NOON, actor="key:1")
        assert feed.problem is None

        found = await spot_prices.read_prices(db, organization, feed.key, NOON, NOON + 9 * HOUR)
        assert [str(each.price) for each in found] == ["0.1", "0.2", "0.3", "-0.05"]
        with pytest.raises(Invalid, match="two prices count"):
            await spot_prices.write_prices(db, feed, [interval(9, "1"), interval(9.5, "1")])


async def test_curves_are_of_the_organization_and_of_the_span_with_their_holes(
    db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        other = (
            await db.execute(
                insert(Organization).values(slug="rival", name="Rival").returning(Organization.id)
            )
        ).scalar_one()
        for owner, price in ((organization, "0.1"), (other, "0.9")):
            feed = await feed_of(db, owner)
            prices = [interval(0, price), interval(1, price), interval(4, price)]
            await spot_prices.put_prices(db, owner, feed.key, prices, now=NOON, actor="key:1")
        at = NOON + 30 * timedelta(minutes=1)
        found = await spot_prices.curves(db, organization, ["DE-LU", "FR"], at, NOON + 5 * HOUR)
        early = await spot_prices.curves(db, organization, ["DE-LU"], at, NOON + HOUR)

        assert set(found) == {"DE-LU"}
        curve = found["DE-LU"]
        assert [curve.at(NOON + n * HOUR) for n in range(6)] == [
            Decimal("0.1"),
            Decimal("0.1"),
            None,
            None,
            Decimal("0.1"),
            None,
        ]
        assert early["DE-LU"].starts == (NOON,)
        with pytest.raises(NotFound):
            await spot_prices.read_prices(db, other, "FR", NOON, NOON + HOUR)


async def test_a_retired_feed_keeps_its_prices_and_comes_back_with_them(
    db_sessions: Sessions, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        feed = await feed_of(db, organization, source="file")
        await spot_prices.write_prices(db, feed, [interval(0, "0.1")])
        with pytest.raises(Conflict, match="already"):
            await feed_of(db, organization)
        with pytest.raises(Conflict, match="from a file"):
            await spot_prices.put_prices(
                db, organization, feed.key, [interval(1, "1")], now=NOON, actor="key:1"
            )
        await spot_prices.retire_feed(db, organization, feed.key, now=NOON, actor="key:1")
        again = await feed_of(db, organization, source="file")

        assert (again.id, again.retired_at) == (feed.id, None)
        assert await told(db) == [
            ("SpotPriceFeed", False),
            ("feed_changed", False),
            ("SpotPriceFeed", True),
        ]
        kept = await spot_prices.curves(db, organization, ["DE-LU"], NOON, NOON + HOUR)
        assert kept["DE-LU"].at(NOON) == Decimal("0.1")
        audited = await db.scalars(select(AuditEntry.action).order_by(AuditEntry.id))
        assert list(audited) == ["spot_feed.create", "spot_feed.retire", "spot_feed.create"]


async def test_a_reading_writes_what_is_new_and_says_what_is_missing(
    db_sessions: Sessions, organization: UUID, tmp_path: Path
) -> None:
    source = SpotPriceFolder(str(tmp_path))
    day = "".join(
        f"{(datetime(2026, 11, 21, 23, tzinfo=UTC) + n * HOUR).isoformat()},{n}.5\n"
        for n in range(24)
    )
    file = tmp_path / "DE-LU.csv"
    evening = datetime(2026, 11, 22, 19, tzinfo=UTC)
    async with db_sessions.begin() as db:
        feed = await feed_of(db, organization, source="file")

        async def read() -> str | None:
            found = await spot_readings.read(source, feed.key)
            seen = await spot_readings.take(db, feed.id, found, evening)
            assert seen.problem == feed.problem
            return seen.missing

        assert await read() == "2026-11-22"
        assert feed.problem == "there is no file DE-LU.csv or DE-LU.json"
        file.write_text(f"starts_at,usd_per_mwh\n{day}")
        await read()
        assert feed.problem == "its prices are in USD, the feed is in EUR"
        file.write_text(f"starts_at,eur_per_mwh\n{day}nonsense,1\n")
        assert await read() == "2026-11-23", "today is there"
        assert feed.problem is not None
        assert "line 26" in feed.problem
        file.write_text(f"starts_at,eur_per_mwh\n{day.replace(',0.5', ',7')}")
        await read()
        assert feed.problem is not None
        assert "said first: 1" in feed.problem
        curve = (await spot_prices.curves(db, organization, [feed.key], NOON, evening))[feed.key]
        assert curve.at(NOON) == Decimal("0.0135")

        (missed,) = (await read_matters(db, organization, evening)).missing
        assert (missed.key, missed.day) == ("DE-LU", date(2026, 11, 23))
        assert missed.problem == feed.problem
        for _ in range(2):
            decision = FeedDecision(
                feed_id=feed.id,
                event_id="run:1",
                action="do_without",
                reason="holiday",
                missing="2026-11-23",
            )
            await spot_readings.note(db, decision)
        noted = await db.scalars(
            select(AuditEntry.action).where(AuditEntry.action == "spot_feed.do_without")
        )
        assert len(list(noted)) == 1
        assert (await read_matters(db, organization, evening)).count == 0, "done without"
        next_day = evening + 6 * HOUR
        assert (await read_matters(db, organization, next_day)).count == 0, "it is the same day"
        (missed,) = (await read_matters(db, organization, evening + timedelta(days=2))).missing
        assert missed.day == date(2026, 11, 24), "nobody spoke of that one"
        feed.retired_at = evening
        assert (await spot_readings.take(db, feed.id, None, evening)).retired
