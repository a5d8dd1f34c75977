"""Start a workflow with a worker of its own, on whichever server a test has."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.common import TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from holdfast.contracts.message import Message
from workers.app import workflow_runner
from workflows.charging_session import ChargingSession
from workflows.late_truth import LateTruth
from workflows.network_profile import NetworkProfile
from workflows.password_rotation import PasswordRotation
from workflows.payment import Payment
from workflows.spot_price_feed import SpotPriceFeed
from workflows.station_certificate import StationCertificate
from workflows.station_order import StationOrder
from workflows.tariff_publication import TariffPublication
from workflows.tariff_simulation import TariffSimulation

WORKFLOWS = (
    ChargingSession,
    LateTruth,
    NetworkProfile,
    PasswordRotation,
    Payment,
    SpotPriceFeed,
    StationCertificate,
    StationOrder,
    TariffPublication,
    TariffSimulation,
)
LIFE_MAX = timedelta(days=40)
ORGANIZATION = UUID("00000000-0000-7000-8000-00000000000a")


@asynccontextmanager
async def running(
    client: Client,
    name: str,
    start: Message,
    activities: Sequence[Callable[..., Any]],
    *,
    workflow_id: str | None = None,
) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """The workflow, started on a queue of its own."""
    queue = f"test-{uuid4()}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=workflow_runner(),
        identity="worker",
    ):
        yield await client.start_workflow(
            name,
            start,
            id=workflow_id or f"{name}-{uuid4()}",
            task_queue=queue,
            # The test server skips to this when nothing else is due. Its default of ten years
            # would add up over the tests, to where its clock ends (in 2262).
            execution_timeout=LIFE_MAX,
            search_attributes=TypedSearchAttributes.empty,
        )


POLL_S = 20
POLLS_MAX = 6


async def finished(handle: WorkflowHandle[Any, Any]) -> Any:
    """The result. Asked for again and again: a long poll now and then misses its wake-up, and the
    time-skipping server, unlike the real one, never ends such a poll by itself."""
    for _ in range(POLLS_MAX):
        try:
            return await asyncio.wait_for(handle.result(), POLL_S)
        except TimeoutError:
            continue
    raise AssertionError(f"{handle.id} did not end within {POLL_S * POLLS_MAX} s")


async def pass_time(environment: WorkflowEnvironment, how_long: timedelta) -> None:
    """Let the server's clock run on; for the same reason no answer is waited for for ever."""
    until = await environment.get_current_time() + how_long
    for _ in range(POLLS_MAX):
        left = until - await environment.get_current_time()
        if left <= timedelta(0):
            return
        try:
            await asyncio.wait_for(environment.sleep(left), POLL_S)
        except TimeoutError:
            continue
    raise AssertionError(f"{how_long} did not pass within {POLL_S * POLLS_MAX} s")
