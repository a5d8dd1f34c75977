"""The orders of a station on their page: read, filtered, cancelled."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network


async def test_an_order_is_shown_with_its_answer_and_cancelled_while_it_waits(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("operator")
    for kind in ("soft", "hard"):
        await browser.send("/stations/HAM-01/commands/reset", type=kind, patience="3600")
    async with db_sessions.begin() as db:
        first, second = await db.scalars(select(t.Order.id).order_by(t.Order.id.desc()).limit(2))
        await db.execute(
            update(t.Order)
            .where(t.Order.id == second)
            .values(
                state="rejected",
                attempts=2,
                parts=3,
                parts_done=1,
                answered_at=datetime.now(UTC) - timedelta(seconds=1),
                answer={
                    "status": "accepted",
                    "response": {"status": "Rejected"},
                    "parts": [{"part": 1, "status": "Accepted"}, {"part": 2, "status": "Rejected"}],
                },
            )
        )

    page = await browser.page("/stations/HAM-01/orders")
    assert "1 of 3 parts done" in page.text
    assert "part 2 was refused: Rejected" in page.text
    assert "sent 2 times" in page.text
    cancelling = {action for action in page.actions if action.endswith("/cancel")}
    assert cancelling == {f"/stations/HAM-01/orders/{first}/cancel"}
    waiting = await browser.page("/stations/HAM-01/orders?state=waiting")
    assert list(waiting.all("tr", id=f"order-{first}"))
    assert not list(waiting.all("tr", id=f"order-{second}"))

    await browser.send(f"/stations/HAM-01/orders/{first}/cancel")

    async with db_sessions() as db:
        assert await db.scalar(select(t.Order.state).where(t.Order.id == first)) == "cancelled"
        action = t.AuditEntry.action == "station.order_cancel"
        assert len(list(await db.scalars(select(t.AuditEntry).where(action)))) == 1
