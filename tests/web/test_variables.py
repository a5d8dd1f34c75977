"""The page of a station's variables: found, paged, wanted, refreshed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from tests.web.parsed import Element

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PATH = "/stations/HAM-01/variables"


async def _tell_more(db: AsyncSession, common: dict[str, Any], variable_id: UUID) -> None:
    """What it was before, an alarm, and a report that is under way."""
    station = {name: common[name] for name in ("organization_id", "station_id")}
    await db.execute(
        insert(t.VariableChange).values(
            **station,
            variable_id=variable_id,
            was="60",
            became="300",
            at=AT,
            source="event",
        )
    )
    await db.execute(
        insert(t.StationEvent).values(
            **station,
            received_at=datetime.now(UTC),
            at=datetime.now(UTC),
            kind="monitor",
            name="Connector.Temperature",
            severity=2,
            details={"value": "75"},
        )
    )
    await db.execute(
        insert(t.StationReport).values(
            **station,
            kind="variables",
            request_id=4,
            parts=[0, 2],
        )
    )


@pytest.fixture
async def interval(network: Network, db_sessions: Sessions) -> UUID:
    """HAM-01 (OCPP 2.0.1) told of 120 variables; the id of its HeartbeatInterval."""
    common: dict[str, Any] = {
        "organization_id": network.organization_id,
        "station_id": network.stations["HAM-01"],
        "mutability": "read_write",
        "reported_at": AT,
        "source": "report",
    }
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Station).where(t.Station.identity == "HAM-01").values(protocol="ocpp2.0.1")
        )
        await db.execute(
            insert(t.StationVariable),
            [
                common | {"component": "Filler", "variable": f"Number{n:03d}", "value": str(n)}
                for n in range(119)
            ],
        )
        found = await db.scalar(
            insert(t.StationVariable)
            .values(
                **common,
                component="OCPPCommCtrlr",
                variable="HeartbeatInterval",
                value="<b>300</b>",
                data_type="integer",
                min_limit="1",
                max_limit="3600",
                unit="s",
            )
            .returning(t.StationVariable.id)
        )
        assert found is not None
        await _tell_more(db, common, found)
    return UUID(str(found))


def rows(page: Element) -> list[Element]:
    """The variables of a page."""
    return [row for row in page.all("tr") if row.attributes.get("id", "").startswith("variable-")]


async def test_a_long_inventory_is_paged_searched_and_shows_a_report_under_way(
    sign_in: SignIn, interval: UUID
) -> None:
    browser = await sign_in()

    first = await browser.page(PATH)
    last = await browser.page(f"{PATH}?page=3")
    found = await browser.page(f"{PATH}?text=heartbeat")
    nothing = await browser.page(f"{PATH}?text=there-is-none")

    assert len(rows(first)) == 50
    assert "Page 1 of 3" in first.text
    assert "Connector.Temperature: 75, severity 2" in first.text
    assert "part 2 of an unknown number" in first.text
    assert len(rows(last)) == 20
    (row,) = rows(found)
    assert row.attributes["id"] == f"variable-{interval}"
    assert "<b>300</b>" in row.text
    assert "Nothing fits" in nothing.text


async def test_a_station_that_told_nothing_yet_has_a_page_that_says_so(
    sign_in: SignIn, network: Network
) -> None:
    page = await (await sign_in()).page("/stations/HAM-02/variables")

    assert "No variable is known yet" in page.text


async def test_one_variable_shows_its_history_and_takes_a_value_that_fits(
    sign_in: SignIn, interval: UUID, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    path = f"{PATH}/{interval}"

    page = await browser.page(path)
    field = page.one("input", id="value")
    assert (field.attributes["type"], field.attributes["min"], field.attributes["max"]) == (
        "number",
        "1",
        "3600",
    )
    assert "told in an event" in page.text
    refused = await browser.send(path, value="7200", decision="want")
    assert refused.status_code == 422
    assert "at most 3600" in refused.text
    assert (await browser.send(path, value="60", enforce="yes", decision="want")).status_code == 303
    async with db_sessions() as db:
        order = (await db.scalars(select(t.Order).where(t.Order.kind == "configure"))).one()
    assert order.payload == {"variables": {"OCPPCommCtrlr.HeartbeatInterval": "60"}}
    assert "Pending" in (await browser.page(path)).text
    assert (await browser.send(path, decision="drop")).status_code == 303
    async with db_sessions() as db:
        assert list(await db.scalars(select(t.StationSetting))) == []


async def test_all_variables_are_asked_for_by_whoever_may_command(
    sign_in: SignIn, interval: UUID, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    assert (await browser.send(f"{PATH}/refresh")).status_code == 303
    async with db_sessions() as db:
        order = (await db.scalars(select(t.Order).where(t.Order.kind == "base_report"))).one()
    assert order.payload == {"base": "full"}

    reader = await sign_in("read-only")
    page = await reader.page(f"{PATH}/{interval}")
    assert "Want this value" not in page.text
    assert (await reader.send(f"{PATH}/refresh")).status_code == 403
