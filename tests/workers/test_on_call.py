"""What on-call reads in the Temporal UI (W4), on the real server: of every kind of workflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from holdfast.contracts import late_truth
from holdfast.contracts.names import (
    ATTENTION,
    ORGANIZATION,
    PAYMENT_STATE,
    SESSION_STATE,
    SITE,
    STATION,
    late_truth_workflow_id,
    order_workflow_id,
    payment_workflow_id,
    session_workflow_id,
)
from holdfast.services.charges import place_hold
from holdfast.services.outbox import notify, tell
from holdfast.services.rebuild import late_message
from holdfast.services.remote_start import StartAsked
from holdfast.services.station_commands import start_session
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Order, Payment, Session, Station
from tests.activities.rows import Network
from tests.workers.conftest import serving
from tests.workers.test_workers import until

pytestmark = pytest.mark.usefixtures("nothing_left_running", "world")


OURS = {key.name for key in (ORGANIZATION, SITE, STATION, SESSION_STATE, PAYMENT_STATE, ATTENTION)}


@dataclass(frozen=True)
class Read:
    """A workflow as the UI shows it."""

    summary: str | None
    details: str
    attributes: Mapping[str, object]


async def read(temporal: Client, workflow_id: str, details: str) -> Read:
    """As soon as it says so: it may have said something else before."""
    handle = temporal.get_workflow_handle(workflow_id)
    metadata = WorkflowMetadata()

    async def says() -> bool:
        nonlocal metadata
        query = "__temporal_workflow_metadata"
        metadata = await handle.query(query, result_type=WorkflowMetadata)
        return details in metadata.current_details

    await until(says, f"{workflow_id} says {details!r}")
    description = await handle.describe()
    pairs = description.typed_search_attributes
    return Read(
        summary=await description.static_summary(),
        details=metadata.current_details,
        attributes={pair.key.name: pair.value for pair in pairs if pair.key.name in OURS},
    )


async def held(db_sessions: Sessions, made: Network) -> Payment:
    async with db_sessions.begin() as db:
        return await place_hold(
            db,
            organization_id=made.organization_id,
            amount_minor=6000,
            currency="EUR",
            payment_method="pm_card_visa",
        )


async def started_on(
    db_sessions: Sessions, settings: Settings, made: Network, hold: Payment
) -> Order:
    """A session on the hold; its order waits for a station that is not connected."""
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        station = await db.get_one(Station, made.station_id)
        commanded = await start_session(
            db,
            made.organization_id,
            station.identity,
            StartAsked(evse=1, connector=2, payment_id=hold.id),
            actor="key:test",
            now=now,
            not_after=now + timedelta(minutes=5),
            settings=settings,
        )
        # Facts that came late are another workflow's: it waits for more of them.
        session = await db.get_one(Session, commanded.order.session_id)
        await tell(
            db,
            made.organization_id,
            late_truth_workflow_id(session.id),
            operation="start",
            name=late_truth.WORKFLOW,
            message=await late_message(db, session),
        )
        await notify(db, ["outbox"])
    return commanded.order


async def test_a_session_its_payment_its_order_and_its_late_facts_are_found_and_read(
    worker_settings: Settings, db_sessions: Sessions, made: Network, temporal: Client
) -> None:
    hold = await held(db_sessions, made)
    station = f"CP-{made.organization_id}"
    places = {"Organization": "acme", "Station": station, "Site": str(made.site_id)}

    async def is_held() -> bool:
        async with db_sessions() as db:
            return (await db.get_one(Payment, hold.id)).state == "held"

    async def all_found() -> bool:
        query = f"Station = '{station}' AND ExecutionStatus = 'Running'"
        return len([found.id async for found in temporal.list_workflows(query)]) == 4

    async with serving(worker_settings):
        await until(is_held, "the hold is held")
        before = await read(temporal, payment_workflow_id(hold.id), "held")
        order = await started_on(db_sessions, worker_settings, made, hold)
        assert order.session_id is not None
        await until(all_found, "all four are found by their station")
        session = await read(temporal, session_workflow_id(order.session_id), "waiting")
        payment = await read(temporal, payment_workflow_id(hold.id), "held")
        waiting = await read(temporal, order_workflow_id(order.id), "waiting")
        late = await read(temporal, late_truth_workflow_id(order.session_id), "waiting")

    assert session == Read(
        f"{station} · EVSE 1/2",
        "waiting for the station to report the start",
        {**places, "SessionState": "authorised"},
    )
    assert "Station" not in before.attributes
    assert payment == Read(
        "hold 60.00 EUR",
        "held; waiting for the session to be priced",
        {**places, "PaymentState": "held"},
    )
    assert (waiting.summary, waiting.attributes) == (f"start · {station}", places)
    assert "waiting" in waiting.details
    assert late == Read(f"late facts · {station}", "late facts: 1; waiting for more", places)
