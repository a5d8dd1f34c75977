"""The demo network: complete, repeatable, and readable by the simulated fleet."""

from datetime import UTC, datetime

from sqlalchemy import func, select, update

from holdfast.domain.finding import Severity
from holdfast.services import api_keys, demo, demo_network, publication_steps
from holdfast.services.passwords import hash_password, matches
from holdfast.services.tariff_bodies import lint_body, lint_for
from holdfast.services.tariff_choice import Driver, choose, driver_of, version_for_anybody
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Account,
    ApiKey,
    Connector,
    Evse,
    Organization,
    OutboxRow,
    Publication,
    ReviewTask,
    ShownPrice,
    Site,
    Station,
    Tariff,
    TariffAssignment,
    TariffDraft,
    TariffVersion,
    Token,
    UserGroup,
)
from simulator.stations.config import parse_fleet

SECRET = "a secret for tests only, forty characters"  # noqa: S105 - guards nothing
TABLES = (
    *(Organization, ApiKey, Site, Station, Evse, Connector),
    *(Tariff, TariffVersion, TariffAssignment, TariffDraft, UserGroup, Account, Token),
    *(Publication, OutboxRow),
)


async def counts(sessions: Sessions) -> dict[str, int]:
    async with sessions() as db:
        return {
            table.__tablename__: await db.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES
        }


async def seeded(
    sessions: Sessions, *, api_key: str | None = None, network: bool = True
) -> demo.Demo:
    async with sessions.begin() as db:
        return await demo.seed(db, SECRET, api_key=api_key, network=network)


async def test_the_demo_network_is_complete(db_sessions: Sessions) -> None:
    await seeded(db_sessions)

    assert await counts(db_sessions) == {
        "organizations": 1,
        "api_keys": 1,
        "sites": 3,
        "stations": 12,
        "evses": 24,
        "connectors": 28,
        "tariffs": 10,
        "tariff_versions": 10,
        "tariff_assignments": 12,
        "tariff_drafts": 1,
        "user_groups": 1,
        "accounts": 21,
        "tokens": 32,
        "tariff_publications": 10,
        "outbox": 10,
    }


async def test_the_demo_s_prices_go_live_the_normal_way_and_nobody_has_to_look_at_them(
    db_sessions: Sessions,
) -> None:
    await seeded(db_sessions)
    async with db_sessions.begin() as db:
        for publication in (await db.scalars(select(Publication))).all():
            await publication_steps.tell(db, publication.id, None, datetime.now(UTC))

    async with db_sessions() as db:
        rows = (await db.scalars(select(ShownPrice))).all()
        states = set(await db.scalars(select(Publication.state)))
        tasks = await db.scalar(select(func.count()).select_from(ReviewTask))

    assert states == {"live"}
    assert tasks == 0
    assert {row.state for row in rows} == {"shown"}
    assert sum(row.channel == "page" for row in rows) == 24
    assert {row.language for row in rows if row.channel == "page"} == {"de-DE", "nl-NL", "pt-PT"}


async def test_every_station_bills_the_vat_of_its_country(db_sessions: Sessions) -> None:
    await seeded(db_sessions)

    rates: dict[str, set[str]] = {}
    async with db_sessions() as db:
        for station, country in await db.execute(
            select(Station, Site.country).join(Site, Site.id == Station.site_id)
        ):
            version = await version_for_anybody(
                db,
                organization_id=station.organization_id,
                site_id=station.site_id,
                station_id=station.id,
                at=datetime.now(UTC),
            )
            assert version is not None
            for element in version.body["elements"]:
                for component in element["price_components"]:
                    rates.setdefault(str(country), set()).add(str(component["vat"]))

    assert rates == {"DE": {"19"}, "NL": {"21"}, "PT": {"23"}}


async def test_fleets_and_whoever_pays_ad_hoc_have_prices_of_their_own_that_may_be_published(
    db_sessions: Sessions,
) -> None:
    made = await seeded(db_sessions)
    now = datetime.now(UTC)

    async with db_sessions() as db:
        places = {
            row.identity: row
            for row in await db.scalars(
                select(Station).where(Station.identity.in_(("HF-BER-01", "HF-BER-04", "HF-AMS-04")))
            )
        }
        fleet = await db.scalar(select(Account.id).where(Account.billing == "invoice").limit(1))
        member = await driver_of(db, made.organization_id, account_id=fleet)
        names = {}
        for identity, station in places.items():
            for who, driver in (("fleet", member), ("guest", Driver(ad_hoc=True))):
                choice = await choose(
                    db,
                    organization_id=made.organization_id,
                    site_id=station.site_id,
                    station_id=station.id,
                    evse=1,
                    driver=driver,
                    at=now,
                )
                names[identity, who] = None if choice is None else choice.tariff.name
        linted = {
            (tariff.name, finding.code)
            for tariff in await db.scalars(select(Tariff))
            for version in await db.scalars(
                select(TariffVersion).where(TariffVersion.tariff_id == tariff.id)
            )
            for finding in (await lint_for(db, tariff, version.body, now=now)).findings
            if finding.severity is Severity.BLOCK
        }
        draft = (await db.scalars(select(TariffDraft))).one()
        review = await lint_body(db, made.organization_id, draft.tariff_id, draft.body, now=now)

    assert names == {
        ("HF-BER-01", "fleet"): "Fleet partners, Berlin",
        ("HF-BER-01", "guest"): "AC standard",
        ("HF-BER-04", "fleet"): "Fleet partners, Berlin",
        ("HF-BER-04", "guest"): "Ad hoc",
        ("HF-AMS-04", "fleet"): "DC fast, Netherlands",
        ("HF-AMS-04", "guest"): "Ad hoc, Netherlands",
    }
    assert linted == set()
    assert not review.blocked


async def test_a_second_seed_changes_nothing(db_sessions: Sessions) -> None:
    first = await seeded(db_sessions)
    before = await counts(db_sessions)

    second = await seeded(db_sessions)

    assert second == first
    assert await counts(db_sessions) == before


async def test_the_fleet_simulator_reads_the_fleet_and_its_passwords_are_those_stored(
    db_sessions: Sessions,
) -> None:
    made = await seeded(db_sessions)

    stations = parse_fleet(made.fleet).stations

    assert sorted(station.protocol for station in stations) == ["ocpp1.6"] * 8 + ["ocpp2.0.1"] * 4
    async with db_sessions() as db:
        rows = await db.execute(select(Station.identity, Station.password_hash))
        hashes = {identity: stored for identity, stored in rows}
    assert all(
        station.password is not None and matches(SECRET, station.password, hashes[station.identity])
        for station in stations
    )


async def test_a_rotated_password_is_left_alone(db_sessions: Sessions) -> None:
    await seeded(db_sessions)
    rotated = hash_password(SECRET, "rotated by an operator")
    async with db_sessions.begin() as db:
        await db.execute(
            update(Station).where(Station.identity == "HF-BER-01").values(password_hash=rotated)
        )

    await seeded(db_sessions)

    async with db_sessions() as db:
        stored = await db.scalar(
            select(Station.password_hash).where(Station.identity == "HF-BER-01")
        )
    assert stored == rotated


async def test_a_known_key_goes_on_working_after_the_database_was_made_anew(
    db_sessions: Sessions,
) -> None:
    known = api_keys.new_key()

    made = await seeded(db_sessions, api_key=known, network=False)

    assert made.api_key == known
    async with db_sessions() as db:
        holder = await api_keys.find_holder(db, SECRET, known)
    assert holder is not None
    assert (holder.organization, holder.role) == (demo_network.SLUG, "administrator")


async def test_a_revoked_key_is_replaced_and_never_revived(db_sessions: Sessions) -> None:
    first = await seeded(db_sessions, network=False)
    async with db_sessions.begin() as db:
        await db.execute(update(ApiKey).values(revoked_at=func.now()))

    second = await seeded(db_sessions, api_key=first.api_key, network=False)

    assert second.api_key != first.api_key
    async with db_sessions() as db:
        assert await api_keys.find_holder(db, SECRET, first.api_key) is None
        assert await api_keys.find_holder(db, SECRET, second.api_key) is not None
