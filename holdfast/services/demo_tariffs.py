"""The demo's prices: for everybody, for fleets, for whoever pays ad hoc, and a draft in review.

Rows are written directly: they are there before anybody works with them, and so are their pasts.
Their versions are published the normal way, from the day of the seed on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.services import demo_network
from holdfast.services.publications import begin
from holdfast.services.tariff_bodies import read_body
from holdfast.store.tables import (
    Account,
    Station,
    Tariff,
    TariffAssignment,
    TariffDraft,
    TariffVersion,
    UserGroup,
)

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
DEMO = "system:demo"
PLACE = ("site_id", "station_id", "user_group_id", "ad_hoc")


async def seed_tariffs(db: AsyncSession, organization_id: UUID, sites: Mapping[str, UUID]) -> None:
    """Make what is missing; what somebody assigned, ended or approved since stays as it is."""
    rows = await db.execute(
        select(Tariff.name, Tariff.id).where(Tariff.organization_id == organization_id)
    )
    known = {name: tariff_id for name, tariff_id in rows}
    for name, body in demo_network.TARIFFS.items():
        if name not in known:
            known[name] = await _tariff(db, organization_id, name, body)
    fleets = await _fleets(db, organization_id)
    await _assign(db, organization_id, await _places(db, organization_id, sites, known, fleets))
    await _draft(db, organization_id, known[demo_network.AC_TARIFF])
    await _publish(db, organization_id, [known[name] for name in demo_network.TARIFFS])


async def _places(
    db: AsyncSession,
    organization_id: UUID,
    sites: Mapping[str, UUID],
    known: Mapping[str, UUID],
    fleets: UUID,
) -> list[dict[str, Any]]:
    fast_of = {site.name: site.fast_tariff for site in demo_network.SITES}
    fast = {one.identity: fast_of[one.site] for one in demo_network.STATIONS if one.fast}
    stations = (
        await db.execute(
            select(Station.id, Station.identity).where(
                Station.organization_id == organization_id, Station.identity.in_(fast)
            )
        )
    ).all()
    return [
        {"tariff_id": known[demo_network.AC_TARIFF]},
        *(
            {"tariff_id": known[site.tariff], "site_id": sites[site.name]}
            for site in demo_network.SITES
            if site.tariff != demo_network.AC_TARIFF
        ),
        *(
            {"tariff_id": known[fast[identity]], "station_id": station}
            for station, identity in stations
        ),
        *(
            {
                "tariff_id": known[demo_network.AD_HOC_OF[fast[identity]]],
                "station_id": station,
                "ad_hoc": True,
            }
            for station, identity in stations
        ),
        {
            "tariff_id": known[demo_network.FLEET_TARIFF],
            "site_id": sites[demo_network.BERLIN],
            "user_group_id": fleets,
        },
    ]


async def _assign(db: AsyncSession, organization_id: UUID, places: list[dict[str, Any]]) -> None:
    """A tariff that was ever assigned to a place is not assigned there again."""
    rows = await db.execute(
        select(
            TariffAssignment.tariff_id,
            *(TariffAssignment.__table__.c[name] for name in PLACE),
        ).where(TariffAssignment.organization_id == organization_id)
    )
    there = {tuple(row) for row in rows}
    for place in places:
        scope = {"site_id": None, "station_id": None, "user_group_id": None, "ad_hoc": False}
        scope |= {name: value for name, value in place.items() if name != "tariff_id"}
        if (place["tariff_id"], *(scope[name] for name in PLACE)) in there:
            continue
        await db.execute(
            upsert(TariffAssignment)
            .values(
                organization_id=organization_id,
                tariff_id=place["tariff_id"],
                created_at=SINCE,
                **scope,
            )
            .on_conflict_do_nothing()
        )


async def _tariff(db: AsyncSession, organization_id: UUID, name: str, body: dict[str, Any]) -> UUID:
    tariff_id = (
        await db.execute(
            insert(Tariff)
            .values(organization_id=organization_id, name=name, currency=demo_network.CURRENCY)
            .returning(Tariff.id)
        )
    ).scalar_one()
    version_id: UUID = (await db.execute(select(func.uuidv7()))).scalar_one()
    version = read_body(
        body, currency=demo_network.CURRENCY, now=datetime.now(UTC), name=str(version_id)
    )
    await db.execute(
        insert(TariffVersion).values(
            id=version_id,
            organization_id=organization_id,
            tariff_id=tariff_id,
            number=1,
            valid_from=SINCE,
            body=tariff_to_json(version),
        )
    )
    return tariff_id


async def _publish(db: AsyncSession, organization_id: UUID, tariff_ids: list[UUID]) -> None:
    """The normal way, so that the ledger fills; what was ever published is left alone."""
    versions = await db.scalars(
        select(TariffVersion)
        .where(
            TariffVersion.organization_id == organization_id,
            TariffVersion.tariff_id.in_(tariff_ids),
        )
        .order_by(TariffVersion.id)
    )
    for version in versions.all():
        await begin(db, version, DEMO)


async def _fleets(db: AsyncSession, organization_id: UUID) -> UUID:
    """The group, with the fleets' accounts in it when it is made."""
    known = await db.scalar(
        select(UserGroup.id).where(
            UserGroup.organization_id == organization_id,
            UserGroup.key == demo_network.FLEET_GROUP,
        )
    )
    if known is not None:
        return known
    made: UUID = (
        await db.execute(
            insert(UserGroup)
            .values(
                organization_id=organization_id, key=demo_network.FLEET_GROUP, name="Fleet partners"
            )
            .returning(UserGroup.id)
        )
    ).scalar_one()
    emails = [one.email for one in demo_network.ACCOUNTS if one.billing == "invoice"]
    await db.execute(
        update(Account)
        .where(Account.organization_id == organization_id, Account.email.in_(emails))
        .values(user_group_id=made)
    )
    return made


async def _draft(db: AsyncSession, organization_id: UUID, tariff_id: UUID) -> None:
    """In review, written by nobody with a key: whoever looks at the demo may approve it."""
    known = await db.scalar(
        select(TariffDraft.id).where(
            TariffDraft.organization_id == organization_id, TariffDraft.created_by == DEMO
        )
    )
    if known is not None:
        return
    now = datetime.now(UTC)
    await db.execute(
        insert(TariffDraft).values(
            organization_id=organization_id,
            tariff_id=tariff_id,
            state="review",
            revision=2,
            body=demo_network.DRAFT,
            note=demo_network.DRAFT_NOTE,
            created_by=DEMO,
            changed_by=DEMO,
            authors=[DEMO],
            submitted_by=DEMO,
            submitted_at=now,
        )
    )
