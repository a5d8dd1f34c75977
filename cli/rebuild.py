"""`holdfast rebuild`: start each workflow that the rows say should run and Temporal lost."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
import typer
from temporalio.client import Client
from temporalio.converter import PayloadCodec
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from cli.environment import STATE_DIR, known_settings
from cli.failures import CannotStart
from holdfast.adapters.temporal import connect, start_workflow
from holdfast.services.rebuild import Startable, startables
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions

PARALLEL = 16
CONNECT_TIMEOUT_S = 10.0


async def rebuild(
    settings: Settings, codec: PayloadCodec | None = None
) -> dict[str, dict[str, int]]:
    """Start what is missing. Returns counts by workflow type: {"started": …, "running": …}.

    Safe to repeat and to run beside working workers: what runs already refuses a second start.
    Raises RPCError, RuntimeError or TimeoutError where Temporal does not answer.
    """
    client = await asyncio.wait_for(connect(settings, codec=codec), CONNECT_TIMEOUT_S)
    counts: dict[str, Counter[str]] = {"started": Counter(), "running": Counter()}
    engine = open_engine(settings.database_url, pool_size=2)
    try:
        async with open_sessions(engine)() as db:
            batch: list[Startable] = []
            async for startable in startables(db):
                batch.append(startable)
                if len(batch) == PARALLEL:
                    await _start(client, batch, counts)
                    batch = []
            await _start(client, batch, counts)
    finally:
        await engine.dispose()
    return {what: dict(by_type) for what, by_type in counts.items()}


async def _start(client: Client, batch: list[Startable], counts: dict[str, Counter[str]]) -> None:
    async def one(startable: Startable) -> None:
        try:
            await start_workflow(client, startable.name, startable.workflow_id, startable.message)
        except WorkflowAlreadyStartedError:
            counts["running"][startable.name] += 1
        else:
            counts["started"][startable.name] += 1

    await asyncio.gather(*(one(startable) for startable in batch))


async def settled_rebuild(settings: Settings) -> dict[str, dict[str, int]]:
    """Rebuild, and a moment for Temporal's threads: without it the interpreter may abort."""
    try:
        return await rebuild(settings)
    finally:
        await asyncio.sleep(0.25)


def rebuild_command(
    state_dir: Annotated[
        Path, typer.Option(help="Folder of the installation that `up` made.")
    ] = STATE_DIR,
) -> None:
    """Start every workflow that should be running and is not; prints what was started."""
    try:
        counts = asyncio.run(settled_rebuild(known_settings(state_dir)))
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise CannotStart(f"Temporal did not answer: {error}") from error
    typer.echo(orjson.dumps(counts).decode())
