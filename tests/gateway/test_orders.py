"""Orders through a real Temporal server: the activity on the gateway's queue, the call on the
socket, the answer on the row."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from psycopg.types.json import Jsonb
from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from cli.ports import free_port
from gateway import orders
from gateway.app import GatewayApp
from gateway.order_queue import WAY_S
from holdfast.contracts.orders import FinishOrder, OrderAnswer, SendOrder
from holdfast.services import order_steps
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from tests.gateway.conftest import (
    ANY_PORT,
    Database,
    Network,
    Start,
    StationClient,
    connect_station,
)
from tests.gateway.test_outage import start_process

Place = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def app(
    start_gateway: Start, gateway_settings: Settings, temporal_server: str, network: Network
) -> GatewayApp:
    """A gateway whose Temporal is there."""
    return await start_gateway(
        gateway_settings.model_copy(update={"temporal_address": temporal_server})
    )


@pytest.fixture
def place(database: Database, network: Network) -> Place:
    """Writes an order's row."""

    async def place(kind: str, payload: dict[str, Any], **more: Any) -> UUID:
        order_id = uuid4()
        values = {
            "id": order_id,
            "organization_id": network.organization_id,
            "station_id": network.station_id,
            "kind": kind,
            "payload": Jsonb(payload),
            "requested_by": "test",
            "not_after": datetime.now(UTC) + timedelta(minutes=5),
        } | more
        marks = ", ".join(["%s"] * len(values))
        await database.rows(
            f"INSERT INTO orders ({', '.join(values)}) VALUES ({marks})",  # noqa: S608
            *values.values(),
        )
        return order_id

    return place


async def send(
    temporal: Client, app: GatewayApp, order_id: UUID, generation: int = 1, timeout_s: float = 5.0
) -> OrderAnswer:
    """As the workflow does, without the workflow."""
    answer: OrderAnswer = await temporal.execute_activity(
        "orders.send",
        SendOrder(order_id=order_id, generation=generation, timeout_s=timeout_s),
        id=f"test-{uuid4()}",
        task_queue=app.task_queue,
        schedule_to_start_timeout=timedelta(seconds=10),
        start_to_close_timeout=timedelta(seconds=20),
        result_type=OrderAnswer,
    )
    return answer


async def answering(station: StationClient, payload: Any) -> list[Any]:
    """Answer the next call; returns it."""
    call = await station.receive()
    await station.send(orjson.dumps([3, call[1], payload]).decode())
    return call


async def test_an_order_reaches_the_station_and_its_answer_the_row(
    app: GatewayApp, temporal: Client, place: Place, database: Database
) -> None:
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        order_id = await place("reset", {"type": "hard"})
        sending = asyncio.create_task(send(temporal, app, order_id))
        call = await answering(station, {"status": "Accepted"})

        assert await sending == OrderAnswer(state="accepted", status="Accepted")

    assert call[0] == 2
    assert call[2:] == ["Reset", {"type": "Hard"}]
    order = await database.row("SELECT state, attempts, answer, sent_at FROM orders")
    assert order["state"] == "accepted"
    assert order["attempts"] == 1
    assert order["answer"] == {"status": "accepted", "response": {"status": "Accepted"}}
    # What is final stays final, and nothing is sent a second time.
    assert await send(temporal, app, order_id) == OrderAnswer(state="accepted")
    logged = await database.until("SELECT 1 FROM frames WHERE action = 'Reset' AND outbound")
    assert len(logged) == 1


async def test_an_order_without_an_answer_is_unknown_and_a_late_one_is_dropped(
    app: GatewayApp, temporal: Client, place: Place, database: Database
) -> None:
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        order_id = await place("unlock", {"evse": 1, "connector": 1})
        sending = asyncio.create_task(send(temporal, app, order_id, timeout_s=0.3))
        call = await station.receive()
        assert (await sending).state == "timed_out"
        await station.send(orjson.dumps([3, call[1], {"status": "Unlocked"}]).decode())
        # The next call is not mixed up with the late answer.
        second = await place("reset", {"type": "soft"})
        sending = asyncio.create_task(send(temporal, app, second))
        await answering(station, {"status": "Rejected"})
        assert await sending == OrderAnswer(state="rejected", status="Rejected")

    states = await database.rows("SELECT state FROM orders ORDER BY created_at")
    assert [row["state"] for row in states] == ["timed_out", "rejected"]


async def test_nothing_is_sent_on_an_older_or_absent_socket(
    app: GatewayApp, temporal: Client, place: Place, database: Database
) -> None:
    order_id = await place("reset", {"type": "soft"})
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        for generation in (0, 2):
            with pytest.raises(ActivityFailureError) as refused:
                await send(temporal, app, order_id, generation)
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "NotConnectedHere"

    assert (await database.row("SELECT state FROM orders"))["state"] == "waiting"


async def test_an_order_past_its_time_is_dropped_unsent(
    app: GatewayApp, temporal: Client, place: Place, database: Database
) -> None:
    order_id = await place("reset", {"type": "soft"}, not_after=datetime.now(UTC))
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        assert await send(temporal, app, order_id) == OrderAnswer(state="expired")
        with pytest.raises(TimeoutError):
            await station.receive(timeout_s=0.3)


async def test_an_order_that_was_sent_already_is_not_sent_again(
    app: GatewayApp, temporal: Client, place: Place
) -> None:
    order_id = await place("reset", {"type": "soft"}, state="sent")
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        assert (await send(temporal, app, order_id)).state == "timed_out"
        with pytest.raises(TimeoutError):
            await station.receive(timeout_s=0.3)


async def test_orders_that_waited_are_woken_when_the_station_connects(
    app: GatewayApp, place: Place, database: Database
) -> None:
    order_id = await place("reset", {"type": "soft"})
    await place("reset", {"type": "soft"}, not_after=datetime.now(UTC) - timedelta(seconds=1))
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        signal = await database.row("SELECT * FROM outbox")

    assert signal["workflow_id"] == f"order-{order_id}"
    assert (signal["operation"], signal["name"]) == ("signal", "station_connected")


async def test_an_older_order_whose_workflow_never_comes_delays_the_younger_ones_once(
    app: GatewayApp,
    temporal: Client,
    place: Place,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        await place("reset", {"type": "hard"}, id=UUID(int=1))  # nobody runs its workflow here
        soft = [await place("reset", {"type": "soft"}) for _ in range(2)]
        spent = []
        for order_id in sorted(soft):
            began = asyncio.get_running_loop().time()
            sending = asyncio.create_task(send(temporal, app, order_id))
            call = await answering(station, {"status": "Accepted"})
            assert call[2:] == ["Reset", {"type": "Soft"}]
            assert (await sending).state == "accepted"
            spent.append(asyncio.get_running_loop().time() - began)
            # Made once more, way would last longer than the next call is waited for.
            monkeypatch.setattr(orders, "WAY_S", 600.0)

    assert spent[0] > WAY_S, "way was made for the older one"
    assert len(spent) == 2, "and not once more"
    woken = await database.rows("SELECT DISTINCT workflow_id FROM outbox")
    assert {"workflow_id": f"order-{UUID(int=1)}"} in woken
    waiting = await database.row("SELECT id FROM orders WHERE state = 'waiting'")
    assert waiting["id"] == UUID(int=1)


async def test_an_order_whose_gateway_is_killed_right_after_its_frame_is_never_sent_again(
    start_gateway: Start,
    gateway_settings: Settings,
    temporal_server: str,
    temporal: Client,
    place: Place,
    database: Database,
    db_sessions: Sessions,
) -> None:
    settings = gateway_settings.model_copy(
        update={
            "temporal_address": temporal_server,
            "gateway_port": free_port(),
            "admin_port": free_port(),
        }
    )
    process = await start_process(settings)
    async with await connect_station(settings.gateway_port, "CP1") as station:
        await station.call("Heartbeat", {})
        order_id = await place("unlock", {"evse": 1, "connector": 1})
        queue = (await database.row("SELECT task_queue FROM gateways"))["task_queue"]
        await temporal.start_activity(
            "orders.send",
            SendOrder(order_id=order_id, generation=1),
            id=f"test-{uuid4()}",
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        call = await station.receive()
        process.kill()
        await process.wait()
    assert call[2] == "UnlockConnector"
    assert (await database.row("SELECT state FROM orders"))["state"] == "sent"

    app = await start_gateway(settings.model_copy(update=ANY_PORT))
    async with await connect_station(app.port, "CP1") as station:
        await station.call("Heartbeat", {})
        # The workflow tries again, and then has the row finished.
        assert (await send(temporal, app, order_id, generation=2)).state == "timed_out"
        async with db_sessions.begin() as db:
            lost = FinishOrder(order_id=order_id, state="timed_out")
            told = await order_steps.finish(db, lost, datetime.now(UTC))
        assert told.state == "timed_out"
        with pytest.raises(TimeoutError):
            await station.receive(timeout_s=0.2)

    asked = await database.row("SELECT kind, payload FROM orders WHERE about = %s", order_id)
    assert asked == {
        "kind": "trigger",
        "payload": {"message": "StatusNotification", "evse": 1},
    }


async def test_what_may_be_repeated_goes_again_after_its_gateway_died(
    place: Place, db_sessions: Sessions, network: Network
) -> None:
    order_id = await place("clear_cache", {}, state="sent", attempts=1)

    async with db_sessions.begin() as db:
        lost = FinishOrder(order_id=order_id, state="timed_out")
        told = await order_steps.finish(db, lost, datetime.now(UTC))

    assert (told.state, told.again_s) == ("waiting", 5.0)
