"""Stopping and starting from pages: the same rules and audit entries as the API's."""

import pytest
from sqlalchemy import func, select, update

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from tests.web.test_forms import count


async def test_a_stop_is_audited_alike_from_both_pages_that_offer_it(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")

    await browser.send(
        "/stations/HAM-01/commands/stop", session=str(network.running), patience="120"
    )
    await browser.send(f"/sessions/{network.running}/stop")

    async with db_sessions() as db:
        placed = t.AuditEntry.action.startswith("station.")
        entries = list(await db.scalars(select(t.AuditEntry).where(placed)))
        orders = {str(order.id) for order in await db.scalars(select(t.Order))}
    told = {(entry.action, entry.subject, entry.details["session"]) for entry in entries}
    assert told == {("station.order.stop", "station:HAM-01", str(network.running))}
    assert {entry.details["order"] for entry in entries} == orders
    assert len(orders) == 2


@pytest.mark.parametrize("path", ["/stations/HAM-01/commands/stop", "/sessions/{id}/stop"])
async def test_a_session_that_we_ended_is_not_stopped(
    path: str, sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Session)
            .where(t.Session.id == network.running)
            .values(ended_by_us_at=func.now())
        )

    answer = await browser.send(
        path.format(id=network.running), session=str(network.running), patience="120"
    )

    assert answer.status_code == 409
    assert await count(db_sessions, t.Order) == 0


async def test_a_start_takes_its_limits_as_people_say_them(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    page = await browser.page("/stations/HAM-05")
    assert "Stop at a cost of (EUR, tax included)" in page.text

    answer = await browser.send(
        "/stations/HAM-05/commands/start",
        **{"evse": "1", "token": "HAM04A1B2C3", "patience": "120"},
        **{"limit_kwh": "12.5", "limit_minutes": "90", "limit_cost": "7,50"},
    )

    assert answer.status_code == 303
    async with db_sessions() as db:
        order = (await db.scalars(select(t.Order))).one()
        session = await db.get_one(t.Session, order.session_id)
    limits = (session.limit_energy_wh, session.limit_duration_s, session.limit_cost_minor)
    assert limits == (12_500, 5_400, 750)
