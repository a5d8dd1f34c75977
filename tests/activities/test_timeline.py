"""The timeline of a session is read by people: names and amounts, no ids."""

from activities.sessions import Sessions as SessionActivities
from holdfast.contracts.sessions import SessionOrder, SettleOrder
from holdfast.services.sessions import timeline
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.activities.rows import Network, account, session
from web.dashboard.session import pairs


async def test_the_timeline_names_the_tariff_and_the_amount_with_its_currency(
    db_sessions: Sessions, settings: Settings, made: Network
) -> None:
    steps = SessionActivities(db_sessions, settings)
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    session_id = await session(db_sessions, made, account_id=account_id, token_id=token_id)

    await steps.begin_session(SessionOrder(session_id=session_id))
    await steps.settle_session(SettleOrder(session_id=session_id))

    async with db_sessions() as db:
        events = {
            event.kind: event.details
            for event in await timeline(db, made.organization_id, session_id)
        }
    assert events["begun"] == {"tariff": "plain", "version": 1}
    assert events["settled.invoiced"] == {
        "amount_minor": 1000,
        "currency": "EUR",
        "reason": None,
    }
    assert pairs(events["begun"]) == (("Tariff", "plain"), ("Version", "1"))
    assert pairs(events["settled.invoiced"])[0][1].replace("\xa0", " ") == "10.00 EUR"
