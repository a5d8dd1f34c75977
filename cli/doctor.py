"""`holdfast doctor`: what is wrong, in plain words; exit 1 when something is."""

import asyncio
import resource
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from cli.environment import STATE_DIR, known_settings
from holdfast.adapters.stripe import API_VERSION
from holdfast.adapters.temporal import connect
from holdfast.services.diagnosis import Finding, count_stations, diagnose
from holdfast.services.rebuild import startable_of
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions
from holdfast.store.migrate import current_and_head

DESCRIPTORS_BESIDE = 1_000
"""What a process opens besides a socket for each station, and a fifth of those for reconnects."""
DISK_FREE_MIN = 2 * 1024**3
CONNECT_TIMEOUT_S = 5.0
STUCK = (
    'TemporalReportedProblems IN ("category=WorkflowTaskFailed","category=WorkflowTaskTimedOut")'
)
ENDED_BADLY = 'ExecutionStatus IN ("Failed","TimedOut","Terminated","Canceled")'
ENDED_READ_MAX = 200
EXAMPLES_MAX = 3


def look_at_descriptors(stations: int, soft: int) -> Finding:
    """`stations`: those that exist, all of which may be on one gateway. `soft`: the limit."""
    wanted = stations * 6 // 5 + DESCRIPTORS_BESIDE
    noun = "station" if stations == 1 else "stations"
    return Finding(
        subject="file descriptors",
        state=f"{soft} per process",
        problem=f"A gateway for {stations:,} {noun} needs {wanted:,}: raise `ulimit -n`."
        if soft < wanted
        else None,
    )


def look_at_machine(state_dir: Path) -> list[Finding]:
    """Limits that a process cannot exceed and does not see coming."""
    free = shutil.disk_usage(state_dir if state_dir.exists() else Path.cwd()).free
    return [
        Finding(
            subject="disk",
            state=f"{free / 1024**3:.1f} GiB free",
            problem="Postgres stops when the disk is full." if free < DISK_FREE_MIN else None,
        ),
    ]


async def look_at_database(settings: Settings) -> list[Finding]:
    """Reachable, migrated, and what its rows tell."""
    try:
        current, head = await asyncio.to_thread(
            current_and_head, settings.database_url.get_secret_value()
        )
    except SQLAlchemyError as error:
        return [
            Finding(
                subject="Postgres",
                state="unreachable",
                problem=f"Postgres does not answer ({type(error).__name__}): stations keep their "
                "sockets, and nothing about a transaction is answered until it does.",
            )
        ]
    findings = [
        Finding(
            subject="Postgres",
            state=f"schema {current}",
            problem=None
            if current == head
            else f"The schema should be {head}: run `holdfast migrate`.",
        )
    ]
    if current != head:
        return findings
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        async with open_sessions(engine)() as db:
            soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            return [
                *findings,
                look_at_descriptors(await count_stations(db), soft),
                *await diagnose(
                    db,
                    now=datetime.now(UTC),
                    lease_s=settings.gateway_lease_s,
                    api_version=API_VERSION,
                ),
            ]
    finally:
        await engine.dispose()


async def look_at_temporal(settings: Settings) -> list[Finding]:
    """Reachable, no workflow whose code fails, and none that ended before its rows did."""
    try:
        client = await asyncio.wait_for(connect(settings), CONNECT_TIMEOUT_S)
        running = (await client.count_workflows("ExecutionStatus = 'Running'")).count
        stuck = (await client.count_workflows(STUCK)).count
        failed = await _look_at_failed(client, settings)
    except (RPCError, RuntimeError, TimeoutError) as error:
        return [
            Finding(
                subject="Temporal",
                state="unreachable",
                problem=f"Temporal does not answer at {settings.temporal_address} "
                f"({type(error).__name__}): stations go on, the outbox grows.",
            )
        ]
    return [
        Finding(
            subject="Temporal",
            state=f"{running} workflows running, {stuck} stuck",
            problem=f"{stuck} workflows fail in their own code: deploy a fix, they resume by "
            f"themselves. Find them in {settings.temporal_ui_url} with: {STUCK}"
            if stuck
            else None,
        ),
        *failed,
    ]


async def _look_at_failed(client: Client, settings: Settings) -> list[Finding]:
    """Workflows that ended without finishing what their rows still have open.

    One that runs again, or whose rows were finished in another way, is history and no finding.
    """
    ended = {found.id async for found in client.list_workflows(ENDED_BADLY, limit=ENDED_READ_MAX)}
    engine = open_engine(settings.database_url, pool_size=1)
    owing = []
    try:
        async with open_sessions(engine)() as db:
            for workflow_id in sorted(ended):
                try:
                    owes = await startable_of(db, workflow_id) is not None
                except ValueError:
                    continue  # not an id of ours
                if owes:
                    latest = await client.get_workflow_handle(workflow_id).describe()
                    if latest.status is not WorkflowExecutionStatus.RUNNING:
                        owing.append(workflow_id)
    except SQLAlchemyError:
        return []  # said where the database was looked at
    finally:
        await engine.dispose()
    named = ", ".join(owing[:EXAMPLES_MAX]) + (", …" if len(owing) > EXAMPLES_MAX else "")
    return [
        Finding(
            subject="ended workflows",
            state=f"{len(owing)} left something open",
            problem=f"{named} failed or was ended by hand, with rows still open: read why in "
            f"{settings.temporal_ui_url}, mend it, then run `holdfast rebuild`."
            if owing
            else None,
        )
    ]


async def findings(settings: Settings, state_dir: Path) -> list[Finding]:
    """Everything that was looked at, from the machine up."""
    try:
        return [
            *look_at_machine(state_dir),
            *await look_at_database(settings),
            *await look_at_temporal(settings),
        ]
    finally:
        await asyncio.sleep(0.25)  # Temporal's threads end badly without it


def doctor(
    state_dir: Annotated[
        Path, typer.Option(help="Folder of the installation that `up` made.")
    ] = STATE_DIR,
) -> None:
    """Say in plain words what is wrong; exit 1 when something is."""
    looked_at = asyncio.run(findings(known_settings(state_dir), state_dir))
    console = Console(highlight=False)
    for finding in looked_at:
        mark = "[green]ok[/]" if finding.problem is None else "[red]!![/]"
        console.print(f"{mark}  {finding.subject}: {finding.state}", soft_wrap=True)
        if finding.problem is not None:
            console.print(f"    {finding.problem}", markup=False, soft_wrap=True)
    wrong = sum(finding.problem is not None for finding in looked_at)
    console.print("All is well." if not wrong else f"{wrong} to look at.")
    if wrong:
        raise typer.Exit(1)
