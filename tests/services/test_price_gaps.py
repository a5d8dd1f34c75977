"""Places without a price: the same answer as `choose` gives one by one, and told to who may act."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.assignment_plans import Scope
from holdfast.services.price_gaps import Cover, GapKind, GapPlace, list_gaps, read_cover
from holdfast.services.price_matters import read_matters, recent_matters
from holdfast.services.sessions import SessionFilter, list_sessions
from holdfast.services.slices import SliceAsked
from holdfast.services.tariff_assignments import assign_tariff
from holdfast.services.tariff_choice import Driver, choose
from holdfast.services.tariff_currency import assignment_findings
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    Evse,
    Organization,
    Session,
    Settlement,
    Site,
    Station,
    Tariff,
    TariffAssignment,
    TariffVersion,
    UserGroup,
)
from holdfast.store.tables.tariffs import TariffVersionEnd
from tests.services.test_tariff_choice import BODY, add, network

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERY = SliceAsked(limit=500)
CHANGES = (0, 1, 2, 4, 6)
"""Days from now on which a tariff of a world has no version any more."""
WORLDS = (3, 5, 8)


@dataclass(frozen=True)
class World:
    """An organization whose prices were thrown together."""

    db: AsyncSession
    dice: random.Random
    organization_id: UUID

    async def tariff(self, currency: str, *spans: tuple[int, int | None], **fields: object) -> UUID:
        """With versions, each valid from a day (from now) until another."""
        of = {"organization_id": self.organization_id}
        tariff = await add(self.db, Tariff, **of, name="T", currency=currency, **fields)
        for number, (first, last) in enumerate(spans, 1):
            body = {"id": "T", "currency": currency, **BODY}
            version = await add(
                self.db,
                TariffVersion,
                **of,
                tariff_id=tariff,
                number=number,
                valid_from=NOW + first * DAY,
                body=body,
            )
            if last is not None:
                await self.db.execute(
                    insert(TariffVersionEnd).values(
                        **of, version_id=version, ends_at=NOW + last * DAY, ended_by="key:1"
                    )
                )
        return tariff

    async def assignments(
        self,
        tariffs: Sequence[UUID],
        audiences: Sequence[dict[str, object]],
        places: Sequence[dict[str, object]],
        how_many: int,
    ) -> None:
        """Of random tariffs, to random audiences, at random places; some ended since."""
        taken = set()
        for _ in range(how_many):
            audience, place = self.dice.choice(audiences), self.dice.choice(places)
            until = self.dice.choice((None, None, None, NOW - DAY))
            key = (str(audience), str(place), until)
            if key in taken:
                continue
            taken.add(key)
            await add(
                self.db,
                TariffAssignment,
                organization_id=self.organization_id,
                tariff_id=self.dice.choice(tariffs),
                created_at=NOW - 2 * DAY,
                until_at=until,
                **audience,
                **place,
            )


async def thrown(db: AsyncSession, number: int) -> tuple[World, list[Driver]]:
    """A world, and drivers of every kind that it knows."""
    dice = random.Random(number)  # noqa: S311 - for tests
    owner = await add(db, Organization, slug=f"w{number}", name="W")
    of = {"organization_id": owner}
    world = World(db, dice, owner)
    sites = [
        await add(db, Site, **of, name=code, time_zone="UTC", currency=code)
        for code in ("EUR", "SEK")
    ]
    places: list[dict[str, object]] = [{}, {}]
    places.extend({"site_id": site} for site in sites)
    for index, site in enumerate((*sites, None)):
        station = await add(
            db,
            Station,
            **of,
            site_id=site,
            identity=f"W{number}-{index}",
            registration="accepted",
        )
        places.append({"station_id": station})
        for evse in (1, 2):
            await add(db, Evse, **of, station_id=station, number=evse)
            places.append({"station_id": station, "evse": evse})
    group = await add(db, UserGroup, **of, key="g", name="G")
    account = await add(db, Account, **of, name="A", billing="invoice")
    tariffs = [
        await world.tariff("EUR", (-9, None)),
        await world.tariff("EUR", (-9, 2), (5, None)),
        await world.tariff("EUR", (-9, 4)),
        await world.tariff("EUR", (-9, None), retired_at=NOW + DAY),
        await world.tariff("EUR", (-9, None), (-3, 6)),
        await world.tariff("EUR", (3, None)),
        await world.tariff("EUR", (-9, -1)),
        *([await world.tariff("SEK", (-9, None))] if dice.random() < 0.7 else []),
    ]
    audiences: list[dict[str, object]] = [{}, {"ad_hoc": True}, {"user_group_id": group}]
    audiences.append({"account_id": account})
    await world.assignments(tariffs, audiences, places, dice.choice((4, 8, 14)))
    return world, [Driver(account_id=account), Driver(user_group_id=group)]


async def one_by_one(
    world: World, contracts: Sequence[Driver], cover: Cover
) -> dict[tuple[str, int], set[tuple[GapKind, datetime | None]]]:
    """Every gap, as `choose` has it: EVSE by EVSE, driver by driver, day by day."""
    db, found = world.db, {}
    rows = await db.execute(
        select(Station, Evse.number, Site.currency)
        .join(Evse, Evse.station_id == Station.id)
        .outerjoin(Site, Site.id == Station.site_id)
        .where(Station.organization_id == world.organization_id)
    )
    for station, number, currency in rows.all():
        here: dict[str, Any] = {
            "organization_id": world.organization_id,
            "site_id": station.site_id,
            "station_id": station.id,
            "evse": number,
        }
        gaps: set[tuple[GapKind, datetime | None]] = set()
        for day in CHANGES:
            at = NOW + day * DAY
            public = await choose(db, **here, driver=Driver(ad_hoc=True), at=at)
            anybody = await choose(db, **here, driver=Driver(), at=at)
            when = None if day == 0 else at
            if public is None:
                gaps.add((GapKind.NO_PRICE, when))
                break
            if anybody is None and not any(kind is GapKind.ONLY_AD_HOC for kind, _ in gaps):
                gaps.add((GapKind.ONLY_AD_HOC, when))
        for driver in (Driver(), Driver(ad_hoc=True), *contracts):
            choice = await choose(db, **here, driver=driver, at=NOW)
            if choice is not None and currency not in (None, choice.tariff.currency):
                gaps.add((GapKind.OTHER_CURRENCY, None))
        if gaps:
            found[(station.identity, number)] = gaps
    return found


def told(places: Sequence[GapPlace]) -> dict[tuple[str, int], set[tuple[GapKind, datetime | None]]]:
    return {
        (place.station, place.evse): {(gap.kind, gap.from_at) for gap in place.gaps}
        for place in places
    }


async def test_every_gap_is_where_choosing_one_by_one_finds_none(db_sessions: Sessions) -> None:
    kinds: set[tuple[GapKind, bool]] = set()
    async with db_sessions.begin() as db:
        for number in WORLDS:
            world, contracts = await thrown(db, number)
            cover = await read_cover(db, world.organization_id, NOW)
            listed = await list_gaps(db, world.organization_id, EVERY, cover=cover, now=NOW)

            expected = await one_by_one(world, contracts, cover)

            assert told(listed.items) == expected, f"world {number}"
            assert (cover.evses, cover.lacking) == (6, len(expected))
            kinds |= {(kind, at is None) for gaps in expected.values() for kind, at in gaps}
    assert len(kinds) == 5, "a kind of gap that no world has is not tested"


async def test_gaps_are_counted_and_listed_of_one_organization(db_sessions: Sessions) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        await network(db, "rival", "CP-2")
        nothing = await read_cover(db, here.organization_id, NOW)
        listed = await list_gaps(db, here.organization_id, EVERY, cover=nothing, now=NOW)
        assert (nothing.assigned, nothing.evses, listed.items) == (False, 2, [])
        assert (await read_matters(db, here.organization_id, NOW)).count == 0, "free on purpose"

        await here.assigned("one", Scope(station="CP-1", evse=2))
        # Neither in service: one was never accepted, one is gone.
        for identity, fields in (
            ("CP-3", {"registration": "pending"}),
            ("CP-4", {"registration": "accepted", "retired_at": NOW}),
        ):
            of = {"organization_id": here.organization_id}
            station = await add(db, Station, **of, identity=identity, **fields)
            await add(db, Evse, **of, station_id=station, number=1)
        cover = await read_cover(db, here.organization_id, NOW)
        pages = [
            await list_gaps(db, here.organization_id, EVERY, cover=cover, now=NOW, kind=kind)
            for kind in (None, GapKind.NO_PRICE, GapKind.ONLY_AD_HOC)
        ]

        assert (cover.assigned, cover.evses, cover.lacking) == (True, 2, 1)
        assert (cover.now, cover.soon) == ({GapKind.NO_PRICE: 1}, {})
        assert [told(page.items) for page in pages] == [
            {("CP-1", 1): {(GapKind.NO_PRICE, None)}},
            {("CP-1", 1): {(GapKind.NO_PRICE, None)}},
            {},
        ]
        stale = await recent_matters(db, here.organization_id, NOW)
        fresh = await recent_matters(db, here.organization_id, NOW + timedelta(minutes=2))
        assert (stale.evses, fresh.evses) == (0, 1)


async def test_only_sessions_that_were_free_for_want_of_a_tariff_are_counted(
    db_sessions: Sessions,
) -> None:
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        tariff = await here.tariff("T")
        version = await db.scalar(select(TariffVersion.id).where(TariffVersion.tariff_id == tariff))
        for outcome, of_version, age in (
            ("free", None, 1),
            ("free", None, 6),
            ("free", None, 9),
            ("free", version, 1),
            ("waived", None, 1),
            ("invoiced", version, 1),
        ):
            of = {"organization_id": here.organization_id, "tariff_version_id": of_version}
            began = now - age * DAY
            session = await add(
                db,
                Session,
                **of,
                id=UUID(int=(int(began.timestamp() * 1_000) << 80) + random.getrandbits(62)),
                station_id=here.station_id,
                evse=1,
                created_at=began,
            )
            await db.execute(
                insert(Settlement).values(
                    **of,
                    session_id=session,
                    currency="EUR",
                    energy_wh=1,
                    amount_minor=0,
                    excl_vat="0",
                    incl_vat="0",
                    breakdown={},
                    deadline_at=now,
                    outcome=outcome,
                    settled_at=began,
                )
            )

        matters = await read_matters(db, here.organization_id, now)
        asked = SessionFilter(without_tariff=True, since=matters.since)
        listed = await list_sessions(db, here.organization_id, EVERY, asked)
        priced = await list_sessions(
            db, here.organization_id, EVERY, SessionFilter(without_tariff=False)
        )

        assert (matters.sessions, len(listed.items), len(priced.items)) == (2, 2, 3)


async def test_an_assignment_says_which_sites_are_in_another_currency(
    db_sessions: Sessions,
) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        of = {"organization_id": here.organization_id}
        sites = [
            await add(db, Site, **of, name=f"N{number}", time_zone="UTC", currency=currency)
            for number, currency in enumerate(("SEK",) * 6 + ("EUR",))
        ]
        tariff = await here.tariff("T")

        async def findings(scope: Scope) -> list[str]:
            row = await assign_tariff(db, here.organization_id, tariff, scope, now=NOW)
            return [finding.detail for finding in await assignment_findings(db, row)]

        assert await findings(Scope(station="CP-1")) == []
        (everywhere,) = await findings(Scope(user_group_id=here.group_id))
        assert everywhere.endswith(
            "in EUR, and would be paid at sites of another currency: "
            "N0 (SEK), N1 (SEK), N2 (SEK), N3 (SEK), N4 (SEK) and 1 more"
        )
        for site in sites[:5]:
            await add(
                db, TariffAssignment, **of, tariff_id=tariff, site_id=site, created_at=NOW
            )  # as if there were a tariff in kronor
        assert [text[-8:] for text in await findings(Scope())] == ["N5 (SEK)"]
