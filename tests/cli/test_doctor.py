"""`holdfast doctor` on real rows and a real Temporal: it says what is wrong, in plain words."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy

from cli.doctor import findings, look_at_descriptors
from holdfast.adapters.stripe import API_VERSION
from holdfast.contracts.names import SESSIONS_QUEUE, session_workflow_id
from holdfast.services.diagnosis import Finding, age
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    Frame,
    Gateway,
    LateFact,
    ProviderEvent,
    ReviewTask,
    StationConnection,
)
from tests.activities.rows import Network, network, session


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


@pytest.fixture
async def made(db_sessions: Sessions, organization: UUID) -> Network:
    """A small network."""
    return await network(db_sessions, organization)


@pytest.fixture
def settings(settings: Settings, temporal_server: str) -> Settings:
    """With a Temporal that answers."""
    return settings.model_copy(update={"temporal_address": temporal_server})


@pytest.fixture
async def no_workflow_left(temporal: Client) -> AsyncIterator[None]:
    """The server is shared with other tests of the run."""
    yield
    async for found in temporal.list_workflows("ExecutionStatus = 'Running'"):
        await temporal.get_workflow_handle(found.id).terminate()


async def found(settings: Settings, subject: str) -> Finding:
    return next(item for item in await findings(settings, Path()) if item.subject == subject)


async def gateway(db_sessions: Sessions, name: str, **fields: Any) -> UUID:
    """Where nothing else is said it is alive, for longer than a test takes: nobody renews it."""
    boot_id, alive = uuid4(), {"seen_at": ago(minutes=-30)}
    async with db_sessions.begin() as db:
        await db.execute(
            insert(Gateway).values(
                boot_id=boot_id, gateway_id=name, task_queue="q", **(alive | fields)
            )
        )
    return boot_id


async def put(db_sessions: Sessions, table: Any, **values: Any) -> None:
    async with db_sessions.begin() as db:
        await db.execute(insert(table).values(**values))


async def test_one_dead_gateway_of_two_is_named(settings: Settings, db_sessions: Sessions) -> None:
    await gateway(db_sessions, "gw-a")
    await gateway(db_sessions, "gw-b", started_at=ago(hours=9), seen_at=ago(hours=3))

    gateways = await found(settings, "gateways")

    assert gateways.state == "1 running, 1 lost"
    assert gateways.problem is not None
    assert "gw-b (for 3 h)" in gateways.problem
    assert "gw-a" not in gateways.problem


async def test_a_gateway_is_judged_by_its_newest_boot(
    settings: Settings, db_sessions: Sessions
) -> None:
    """Killed and started again; drained; and one that was gone before anybody looked."""
    await gateway(db_sessions, "gw-a", started_at=ago(hours=9), seen_at=ago(hours=3))
    await gateway(db_sessions, "gw-a")
    await gateway(db_sessions, "gw-b", seen_at=ago(hours=3), ended_at=ago(hours=3))
    await gateway(db_sessions, "gw-c", started_at=ago(days=9), seen_at=ago(days=8))

    gateways = await found(settings, "gateways")

    assert (gateways.state, gateways.problem) == ("1 running, 0 lost", None)


async def test_without_any_gateway_every_station_is_offline(settings: Settings) -> None:
    problem = (await found(settings, "gateways")).problem

    assert problem is not None
    assert "every station is offline" in problem


async def test_a_session_whose_gateway_is_dead_counts_as_offline(
    settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    dead = await gateway(db_sessions, "gw-a", seen_at=ago(hours=1))
    await put(
        db_sessions, StationConnection, station_id=made.station_id,
        organization_id=made.organization_id, generation=1, boot_id=dead,
    )  # fmt: skip
    await session(db_sessions, made, ended_at=None)

    assert (await found(settings, "sessions")).state.startswith("1 active, 1 of them")


@pytest.mark.parametrize(("minutes", "wrong"), [(59, False), (61, True)])
async def test_a_late_fact_is_a_problem_when_it_is_open_for_an_hour(
    settings: Settings, db_sessions: Sessions, made: Network, minutes: int, wrong: bool
) -> None:
    session_id = await session(db_sessions, made)
    await put(
        db_sessions, LateFact, organization_id=made.organization_id, session_id=session_id,
        outbox_id=1, name="transaction_ended", payload={}, received_at=ago(minutes=minutes),
    )  # fmt: skip

    late = await found(settings, "late facts")

    assert late.state == "1 open"
    assert (late.problem is not None) is wrong
    assert late.problem is None or "the oldest for 61 min" in late.problem


@pytest.mark.parametrize(("days", "wrong"), [(6, False), (8, True)])
async def test_a_review_task_is_a_problem_when_it_waits_for_a_week(
    settings: Settings, db_sessions: Sessions, made: Network, days: int, wrong: bool
) -> None:
    await put(
        db_sessions, ReviewTask, organization_id=made.organization_id, kind="shortfall",
        subject=f"session:{uuid4()}", created_at=ago(days=days),
    )  # fmt: skip

    reviews = await found(settings, "review tasks")

    assert (reviews.problem is not None) is wrong
    assert reviews.problem is None or "the oldest for 8 days" in reviews.problem


async def test_webhooks_of_another_api_version_are_a_problem(
    settings: Settings, db_sessions: Sessions
) -> None:
    first = await found(settings, "payment webhooks")
    await put(
        db_sessions, ProviderEvent, id="evt_1", type="t", api_version=API_VERSION, body=b"",
        received_at=ago(minutes=2),
    )  # fmt: skip
    ours = await found(settings, "payment webhooks")
    await put(
        db_sessions, ProviderEvent, id="evt_2", type="t", api_version="2020-08-27", body=b"",
    )  # fmt: skip
    theirs = await found(settings, "payment webhooks")

    assert (first.state, first.problem) == ("none yet", None)
    assert ours.problem is None
    assert theirs.state == "API version 2020-08-27"
    assert theirs.problem is not None
    assert API_VERSION in theirs.problem


async def test_a_missing_partition_is_a_problem_while_rows_still_miss_it(
    settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(text(f"DROP TABLE frames_{datetime.now(UTC):%Y%m%d}"))
    frame = {
        "organization_id": made.organization_id, "station_id": made.station_id, "frame": b"[]",
    }  # fmt: skip
    await put(db_sessions, Frame, **frame, received_at=ago(days=20))
    long_ago = await found(settings, "partitions")
    await put(db_sessions, Frame, **frame, received_at=datetime.now(UTC))
    now = await found(settings, "partitions")

    assert long_ago.problem is None
    assert now.problem is not None


@pytest.mark.usefixtures("no_workflow_left")
async def test_a_workflow_that_ended_before_its_rows_did_is_named_until_it_runs_again(
    settings: Settings, db_sessions: Sessions, made: Network, temporal: Client
) -> None:
    async def start(session_id: UUID) -> None:
        await temporal.start_workflow(
            "ChargingSession",
            id=session_workflow_id(session_id),
            task_queue=f"{SESSIONS_QUEUE}-nobody",
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )

    open_session = await session(db_sessions, made)
    finished = await session(db_sessions, made, closed_at=ago(minutes=1))
    for session_id in (open_session, finished):
        await start(session_id)
        await temporal.get_workflow_handle(session_workflow_id(session_id)).terminate()

    async with asyncio.timeout(60):  # what Temporal lists comes a moment after what it knows
        while (ended := await found(settings, "ended workflows")).problem is None:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    await start(open_session)
    again = await found(settings, "ended workflows")

    assert ended.state == "1 left something open"
    assert ended.problem is not None
    assert session_workflow_id(open_session) in ended.problem
    assert again.problem is None


async def test_what_does_not_answer_is_said_and_nothing_hangs(settings: Settings) -> None:
    away = settings.model_copy(update={"temporal_address": "127.0.0.1:1"})

    temporal = await found(away, "Temporal")

    assert temporal.problem is not None
    assert "the outbox grows" in temporal.problem


async def test_what_waits_for_a_person_is_named(
    settings: Settings, db_sessions: Sessions, made: Network
) -> None:
    waiting = await session(db_sessions, made, attention="quality: register_jump")

    attention = await found(settings, "attention")

    assert attention.problem is not None
    assert f"session-{waiting} (quality: register_jump)" in attention.problem


@pytest.mark.parametrize(
    ("stations", "soft", "needs"),
    [(12, 1_024, None), (12, 1_013, "needs 1,014"), (10_000, 12_000, "10,000 stations needs")],
)
def test_file_descriptors_are_judged_by_the_stations_there_are(
    stations: int, soft: int, needs: str | None
) -> None:
    problem = look_at_descriptors(stations, soft).problem

    assert problem is None if needs is None else needs in str(problem)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_an_age_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert age(seconds) == said
