"""The whole way of an order in one place: rows, outbox, relay, workflow, gateway, and a station
that answers by itself. One of each serves a whole module of tests."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from pydantic import SecretStr
from sqlalchemy import select
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from cli.embedded.databases import create_database, drop_database
from holdfast.adapters.temporal import start_workflow
from holdfast.contracts.names import order_workflow_id
from holdfast.contracts.orders import WORKFLOW, OrderAnswer, SendOrder
from holdfast.services.order_steps import whereabouts
from holdfast.services.orders import place_order, start_message
from holdfast.store.tables import Order, Organization, Station
from tests.gateway.field import Field, Wire, open_field
from workers.app import WorkersApp

LEASE_S = 60.0
PATIENCE_S = 60.0

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Frame:
    """A call that a station was sent."""

    message_id: str
    action: str
    payload: dict[str, Any]


class Obedient:
    """A station's hand on its socket: notes each call, and answers it as it was told to.

    An action that is not in `answers` is accepted. `silent` ones get no answer.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.frames: list[Frame] = []
        self.answers: dict[str, list[Any]] = {}
        self.silent: set[str] = set()
        self.pause_s = 0.0
        self.at_most = 0
        self._open = 0
        self._came = asyncio.Event()

    async def serve(self) -> None:
        """Until the socket closes."""
        answering: set[asyncio.Task[None]] = set()
        async for text in self.wire.socket:
            message = orjson.loads(text)
            if message[0] != 2:
                continue
            frame = Frame(*message[1:4])
            self.frames.append(frame)
            self._came.set()
            self._open += 1
            self.at_most = max(self.at_most, self._open)
            # Read on meanwhile: a second call before the answer is to be seen.
            task = asyncio.create_task(self._answer(frame))
            answering.add(task)
            task.add_done_callback(answering.discard)

    async def _answer(self, frame: Frame) -> None:
        if frame.action in self.silent:
            return
        await asyncio.sleep(self.pause_s)
        self._open -= 1
        scripted = self.answers.get(frame.action)
        said = scripted.pop(0) if scripted else {"status": "Accepted"}
        if callable(said):
            said = said(frame.payload)
        if isinstance(said, str):
            await self.wire.raw(orjson.dumps([4, frame.message_id, said, "", {}]).decode())
        else:
            await self.wire.raw(orjson.dumps([3, frame.message_id, said]).decode())

    async def got(self, count: int) -> list[Frame]:
        """The calls, once there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.frames) < count:
                self._came.clear()
                await self._came.wait()
        return self.frames

    def actions(self) -> list[str]:
        """What it was asked, in order."""
        return [frame.action for frame in self.frames]


@dataclass
class Floor:
    """A gateway and a workers process on one database."""

    field: Field
    temporal: Client

    @asynccontextmanager
    async def station(
        self, protocol: str = "ocpp1.6", identity: str | None = None
    ) -> AsyncIterator[Obedient]:
        """A connected station that serves."""
        async with self.field.station(protocol, identity=identity) as wire:
            station = Obedient(wire)
            serving = asyncio.create_task(station.serve())
            await wire.raw('[2,"hello","Heartbeat",{}]')
            try:
                yield station
            finally:
                await wire.close()
                await asyncio.wait([serving])

    async def place(self, identity: str, kind: str, payload: dict[str, Any], **more: Any) -> UUID:
        """A committed order; `direct` starts its workflow as the API does."""
        direct = more.pop("direct", False)
        values: dict[str, Any] = {
            "not_after": datetime.now(UTC) + timedelta(minutes=5),
            "requested_by": "test",
        } | more
        async with self.field.sessions.begin() as db:
            station = await db.scalar(select(Station).where(Station.identity == identity))
            organization = await db.get_one(Organization, self.field.organization)
            if direct:
                values["relay_at"] = datetime.now(UTC) + timedelta(minutes=5)
            order = await place_order(
                db, organization=organization, station=station, kind=kind, payload=payload, **values
            )
            where = await whereabouts(db, station.id, LEASE_S)
            start = start_message(order, organization, station)
        if direct:
            start = start.model_copy(update=where.model_dump(include={"task_queue", "generation"}))
            await start_workflow(self.temporal, WORKFLOW, order_workflow_id(order.id), start)
        return order.id

    async def send(self, order_id: UUID, timeout_s: float = 5.0) -> OrderAnswer:
        """One attempt at the gateway, without a workflow."""
        order = await self.order(order_id)
        async with self.field.sessions() as db:
            where = await whereabouts(db, order.station_id, LEASE_S)
        answer: OrderAnswer = await self.temporal.execute_activity(
            "orders.send",
            SendOrder(
                order_id=order_id,
                generation=where.generation or 0,
                timeout_s=timeout_s,
                station_id=order.station_id,
                priority=order.priority,
            ),
            id=f"test-{uuid4()}",
            task_queue=self.field.app.task_queue,
            schedule_to_start_timeout=timedelta(seconds=60),
            start_to_close_timeout=timedelta(seconds=60),
            result_type=OrderAnswer,
        )
        return answer

    async def order(self, order_id: UUID) -> Order:
        """Its row."""
        async with self.field.sessions() as db:
            order: Order = await db.get_one(Order, order_id)
            return order

    async def ended(self, order_id: UUID) -> Order:
        """Its row, once its workflow is over."""
        handle: WorkflowHandle[Any, Any] = self.temporal.get_workflow_handle(
            order_workflow_id(order_id)
        )
        await self.until(
            order_id, "accepted", "rejected", "timed_out", "expired", "superseded", "cancelled"
        )
        await asyncio.wait_for(handle.result(), PATIENCE_S)
        return await self.order(order_id)

    async def until(self, order_id: UUID, *states: str) -> Order:
        """Its row, once it has one of these states."""
        async with asyncio.timeout(PATIENCE_S):
            while (order := await self.order(order_id)).state not in states:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return order

    async def connected(self, identity: str) -> None:
        """The gateway has taken the socket, and its row says so."""
        registry = self.field.app.registry
        async with asyncio.timeout(PATIENCE_S):
            while all(one.peer.identity != identity for one in registry):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@asynccontextmanager
async def open_floor(
    postgres_url: str, temporal_server: str, temporal: Client
) -> AsyncIterator[Floor]:
    """All of it, on a database of its own."""
    name = f"floor_{os.getpid()}_{uuid4().hex[:8]}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    try:
        async with open_field(url, temporal_server) as field:
            settings = field.app.settings.model_copy(
                update={
                    "database_url": SecretStr(url),
                    "admin_port": 0,
                    "max_cached_workflows": 100,
                }
            )
            workers = WorkersApp(settings)
            running = asyncio.create_task(workers.run())
            try:
                yield Floor(field, temporal)
            finally:
                async for execution in temporal.list_workflows("ExecutionStatus = 'Running'"):
                    if execution.id.startswith("order-"):
                        with contextlib.suppress(RPCError):  # it may be over since it was listed
                            await temporal.get_workflow_handle(execution.id).terminate()
                workers.stop()
                await asyncio.wait_for(running, 90)
    finally:
        await drop_database(postgres_url, name)
