"""What the tables of tariffs forget, and what they never do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from holdfast.services.publications import SYSTEM
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Order, ShownPrice, TariffSimulation, TariffVersion
from tests.activities.rows import Network
from workers import upkeep

NOW = datetime(2126, 11, 22, 3, tzinfo=UTC)
THREE_YEARS = 1_095


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def shown(made: Network, key: str, **fields: Any) -> dict[str, Any]:
    """A row of the ledger; it is shown still unless told otherwise."""
    return {
        "organization_id": made.organization_id, "key": key, "channel": "page", "state": "shown",
        "version_id": made.tariff_version_id, "station_id": made.station_id, "evse": 1,
        "content": {}, "asked_at": days_ago(5_000), "shown_at": days_ago(5_000), "until_at": None,
        "order_id": None, "clearing_order_id": None, **fields,
    }  # fmt: skip


async def put_orders(db: AsyncSession, made: Network) -> dict[str, UUID]:
    """Ids of orders by what they are."""
    kinds = (
        ("old", SYSTEM, "accepted", 91),
        ("young", SYSTEM, "accepted", 89),
        ("waiting", SYSTEM, "waiting", 91),
        ("of a person", "key:1", "accepted", 91),
        ("on the display", SYSTEM, "accepted", 91),
        ("off the display", SYSTEM, "accepted", 91),
        ("clears the display", SYSTEM, "timed_out", 91),
    )
    rows = [
        {
            "id": UUID(int=number), "organization_id": made.organization_id, "payload": {},
            "station_id": made.station_id, "kind": "display_message", "state": state,
            "requested_by": by, "not_after": days_ago(days),
        }
        for number, (_, by, state, days) in enumerate(kinds)
    ]  # fmt: skip
    await db.execute(insert(Order), rows)
    return {kind[0]: UUID(int=number) for number, kind in enumerate(kinds)}


async def put_simulations(db: AsyncSession, made: Network) -> None:
    tariff_id = await db.scalar(select(TariffVersion.tariff_id))
    rows: list[dict[str, Any]] = [
        {
            "organization_id": made.organization_id, "tariff_id": tariff_id, "body": {},
            "scope": {}, "state": state, "created_by": name, "ended_at": ended_at,
        }
        for name, state, ended_at in (
            ("old", "done", days_ago(366)),
            ("young", "cancelled", days_ago(364)),
            ("running", "running", None),
        )
    ]  # fmt: skip
    await db.execute(insert(TariffSimulation), rows)


async def test_the_ledger_its_orders_and_simulations_are_forgotten_and_never_what_is_shown(
    engine: AsyncEngine, settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    long, lately = days_ago(THREE_YEARS + 1), days_ago(THREE_YEARS - 1)
    async with db_sessions.begin() as db:
        orders = await put_orders(db, made)
        await put_simulations(db, made)
        put = [
            shown(made, "over for long", until_at=long),
            shown(made, "refused for long", until_at=long, state="refused"),
            shown(made, "over lately", until_at=lately, order_id=orders["off the display"]),
            shown(made, "never confirmed", state="asked", shown_at=None),
            shown(
                made,
                "still shown",
                order_id=orders["on the display"],
                clearing_order_id=orders["clears the display"],
            ),
        ]
        await db.execute(insert(ShownPrice), put)

    more = [
        await upkeep.keep_up(engine, settings, NOW, batch=1, rounds_max=rounds) for rounds in (1, 9)
    ]

    assert more == [True, False]
    async with db_sessions() as db:
        rows = await db.execute(select(ShownPrice.key, ShownPrice.order_id))
        ledger = {key: order_id for key, order_id in rows}
        kept = set(await db.scalars(select(Order.id)))
        simulations = set(await db.scalars(select(TariffSimulation.created_by)))
    assert set(ledger) == {"over lately", "still shown", "never confirmed"}
    assert ledger["over lately"] == orders["off the display"]
    assert {name for name, order_id in orders.items() if order_id not in kept} == {
        "old",
        "off the display",
    }
    assert simulations == {"young", "running"}
