"""Who pays which tariff where: one precedence, with reasons, also for the past."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import tariff_assignments, tariff_versions, tariffs
from holdfast.services.assignment_plans import Scope
from holdfast.services.place_choices import ChargePlace, choose_each
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.tariff_choice import Audience, Choice, Driver, Place, choose, driver_of
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    Evse,
    Organization,
    Site,
    Station,
    Tariff,
    TariffVersion,
    Token,
    UserGroup,
)

T0 = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BODY = {"elements": [{"price_components": [{"type": "ENERGY", "price": "0.5"}]}]}


@dataclass(frozen=True)
class Here:
    """A station with two EVSEs at a site, a member with two tokens, and a guest."""

    db: AsyncSession
    organization_id: UUID
    site_id: UUID
    station_id: UUID
    account_id: UUID
    token_id: UUID
    other_token_id: UUID
    group_id: UUID
    other_group_id: UUID

    async def tariff(self, name: str, *, valid_from: datetime = T0 - HOUR) -> UUID:
        """With a version."""
        tariff_id = await add(
            self.db, Tariff, organization_id=self.organization_id, name=name, currency="EUR"
        )
        await add(
            self.db,
            TariffVersion,
            organization_id=self.organization_id,
            tariff_id=tariff_id,
            number=1,
            valid_from=valid_from,
            body={"id": name, "currency": "EUR", **BODY},
        )
        return tariff_id

    async def assigned(
        self, name: str, scope: Scope, *, now: datetime = T0, **version: Any
    ) -> UUID:
        """A tariff of that name, assigned."""
        tariff_id = await self.tariff(name, **version)
        row = await tariff_assignments.assign_tariff(
            self.db, self.organization_id, tariff_id, scope, now=now
        )
        return row.id

    async def choice(
        self, driver: Driver, *, evse: int | None = 1, at: datetime = T0 + HOUR
    ) -> Choice | None:
        """At the station. Among many places each has the same answer as by itself."""
        chosen = await choose(
            self.db,
            organization_id=self.organization_id,
            site_id=self.site_id,
            station_id=self.station_id,
            evse=evse,
            driver=driver,
            at=at,
        )
        places = [
            ChargePlace(site_id=self.site_id, station_id=self.station_id, evse=one)
            for one in (2, evse, 1)
        ]
        each = await choose_each(
            self.db, organization_id=self.organization_id, places=places, driver=driver, at=at
        )
        assert each.get(places[1]) == chosen
        return chosen

    async def name(
        self, driver: Driver, *, evse: int | None = 1, at: datetime = T0 + HOUR
    ) -> str | None:
        """Of the tariff that applies."""
        choice = await self.choice(driver, evse=evse, at=at)
        return None if choice is None else choice.tariff.name


async def add(db: AsyncSession, table: Any, **values: Any) -> UUID:
    made: UUID = (await db.execute(insert(table).values(**values).returning(table.id))).scalar_one()
    return made


async def network(db: AsyncSession, slug: str, identity: str) -> Here:
    owner = await add(db, Organization, slug=slug, name=slug)
    of = {"organization_id": owner}
    site = await add(db, Site, **of, name="S", time_zone="Europe/Berlin", currency="EUR")
    station = await add(db, Station, **of, site_id=site, identity=identity, registration="accepted")
    for number in (1, 2):
        await add(db, Evse, **of, station_id=station, number=number)
    group = await add(db, UserGroup, **of, key="members", name="Members")
    other = await add(db, UserGroup, **of, key="staff", name="Staff")
    account = await add(db, Account, **of, name="A", billing="invoice", user_group_id=group)
    tokens = [
        await add(
            db, Token, **of, type="RFID", uid=f"{slug}{name}", account_id=account, user_group_id=own
        )
        for name, own in (("1", None), ("2", other))
    ]
    return Here(db, owner, site, station, account, tokens[0], tokens[1], group, other)


async def test_the_closest_audience_wins_and_then_the_closest_place(db_sessions: Sessions) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        member = await driver_of(db, here.organization_id, token_id=here.token_id)
        staff = await driver_of(db, here.organization_id, token_id=here.other_token_id)
        guest, anybody = Driver(ad_hoc=True), Driver()
        station, evse = Scope(station="CP-1"), Scope(station="CP-1", evse=1)
        assert (await here.choice(anybody)) is None

        # Each step adds one that wins over all before it, for whom it is meant.
        await here.assigned("all", Scope())
        assert await here.name(anybody) == "all"
        await here.assigned("site", Scope(site_id=here.site_id))
        assert await here.name(anybody) == "site"
        await here.assigned("station", station)
        assert await here.name(anybody) == "station"
        await here.assigned("evse", evse)
        assert [await here.name(anybody, evse=number) for number in (1, 2, None)] == [
            "evse",
            "station",
            "station",
        ]
        await here.assigned("ad hoc", Scope(ad_hoc=True))
        assert await here.name(guest) == "ad hoc"
        assert await here.name(anybody) == "evse"
        await here.assigned("members", Scope(user_group_id=here.group_id))
        assert [await here.name(who) for who in (member, staff, guest)] == [
            "members",
            "evse",  # a token's own group comes before its account's
            "ad hoc",
        ]
        await here.assigned("contract", Scope(account_id=here.account_id))
        assert [await here.name(who) for who in (member, staff)] == ["contract", "contract"]
        await here.assigned("contract here", Scope(account_id=here.account_id, station="CP-1"))

        choice = await here.choice(member)

        assert choice is not None
        assert (choice.audience, choice.place) == (Audience.ACCOUNT, Place.STATION)
        assert [(item.tariff.name, item.lost) for item in choice.reasons] == [
            ("contract here", None),
            ("contract", "a tariff of the station is closer"),
            *(
                (name, f"a tariff for the driver's account comes before one for {whom}")
                for name, whom in (
                    ("members", "the driver's user group"),
                    ("evse", "everybody"),
                    ("station", "everybody"),
                    ("site", "everybody"),
                    ("all", "everybody"),
                )
            ),
        ]


async def test_what_cannot_price_is_passed_over_and_says_so(db_sessions: Sessions) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        await here.assigned("all", Scope())
        await here.assigned("not yet", Scope(site_id=here.site_id), valid_from=T0 + 9 * HOUR)
        await here.assigned("ended", Scope(station="CP-1"))
        for assigned in (await db.execute(Tariff.__table__.select())).all():
            if assigned.name == "ended":
                await tariff_versions.end_version(
                    db, here.organization_id, assigned.id, 1, actor="key:1", now=T0 + HOUR / 2
                )

        choice = await here.choice(Driver())

        assert choice is not None
        assert [(item.tariff.name, item.lost) for item in choice.reasons] == [
            ("ended", "its tariff has no version in force then"),
            ("not yet", "its tariff has no version in force then"),
            ("all", None),
        ]
        assert await here.name(Driver(), at=T0 + HOUR / 4) == "ended"
        assert await here.name(Driver(), at=T0 + 9 * HOUR) == "not yet"


async def test_the_past_is_answered_with_what_held_then(db_sessions: Sessions) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        await here.assigned("first", Scope())
        second = await here.assigned("second", Scope(), now=T0 + 2 * HOUR)
        await tariff_assignments.end_assignment(db, here.organization_id, second, now=T0 + 4 * HOUR)

        names = [await here.name(Driver(), at=T0 + hours * HOUR) for hours in (0, 1, 2, 3, 4)]

        assert names == ["first", "first", "second", "second", None]
        with pytest.raises(NotFound):
            await tariff_assignments.end_assignment(
                db, here.organization_id, second, now=T0 + 5 * HOUR
            )


async def test_the_first_assignment_of_all_counts_back_as_far_as_its_version(
    db_sessions: Sessions,
) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        assert await here.name(Driver()) is None
        ended = await here.assigned("first", Scope())
        await here.assigned("closer", Scope(site_id=here.site_id), now=T0 + HOUR / 4)

        early = T0 - HOUR / 2
        assert await here.name(Driver(), at=early) == "first"
        assert await here.name(Driver(), at=T0 - 2 * HOUR) is None  # its version was not in force
        choice = await here.choice(Driver(), at=early)
        assert choice is not None
        assert [item.lost for item in choice.reasons] == [None, "another one was made before it"]

        await tariff_assignments.end_assignment(db, here.organization_id, ended, now=T0 + HOUR / 8)
        assert await here.name(Driver(), at=T0 + HOUR / 5) is None  # ended, and nothing after it


async def test_a_scope_that_would_apply_nowhere_is_refused(db_sessions: Sessions) -> None:
    async with db_sessions.begin() as db:
        here = await network(db, "acme", "CP-1")
        rival = await network(db, "rival", "CP-2")
        tariff = await here.tariff("T")
        swedish = await add(
            db,
            Site,
            organization_id=here.organization_id,
            name="N",
            time_zone="Europe/Stockholm",
            currency="SEK",
        )

        for scope, refusal, told in (
            (Scope(station="CP-1", evse=3), Invalid, "has 1, 2"),
            (Scope(evse=1), Invalid, "name its station too"),
            (Scope(site_id=here.site_id, station="CP-1"), Invalid, "not both"),
            (Scope(ad_hoc=True, account_id=here.account_id), Invalid, "one only"),
            (Scope(site_id=swedish), Conflict, "SEK"),
            (Scope(station="CP-2"), NotFound, "CP-2"),
            (Scope(user_group_id=rival.group_id), NotFound, str(rival.group_id)),
            (Scope(account_id=rival.account_id), NotFound, str(rival.account_id)),
        ):
            with pytest.raises(refusal, match=told):
                await tariff_assignments.assign_tariff(
                    db, here.organization_id, tariff, scope, now=T0
                )
        with pytest.raises(NotFound):
            await driver_of(db, here.organization_id, token_id=rival.token_id)
        with pytest.raises(NotFound):
            await driver_of(db, here.organization_id, account_id=rival.account_id)
        await tariffs.retire_tariff(db, here.organization_id, tariff, now=T0)
        with pytest.raises(Conflict, match="retired"):
            await tariff_assignments.assign_tariff(
                db, here.organization_id, tariff, Scope(), now=T0
            )
