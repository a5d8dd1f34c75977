"""`holdfast verify`: one line of JSON, exit 1 when an invariant is broken."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from temporalio.service import RPCError

from cli.environment import STATE_DIR, known_settings
from holdfast.adapters.temporal import connect
from holdfast.contracts.catalogue import STANDING
from holdfast.services.verify import ALWAYS, QUIESCENT, find_breaches
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions

CONNECT_TIMEOUT_S = 5.0


async def running_workflows(settings: Settings) -> int:
    """How many workflows Temporal has open, by its own count; standing ones are not work."""
    client = await asyncio.wait_for(
        connect(settings),
        CONNECT_TIMEOUT_S,
    )
    query = "ExecutionStatus = 'Running'"
    query += "".join(f" AND WorkflowType != '{name}'" for name in STANDING)
    counted = await client.count_workflows(query)
    return counted.count


async def report(settings: Settings, *, quiescent: bool) -> dict[str, Any]:
    """The line that `verify` prints: ok, how many invariants were asked, and every breach."""
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        async with open_sessions(engine)() as db:
            breaches = await find_breaches(db, quiescent=quiescent)
    finally:
        await engine.dispose()
    broken = [
        {
            "invariant": breach.invariant.name,
            "code": breach.invariant.code,
            "promise": breach.invariant.promise,
            "count": breach.count,
            "examples": list(breach.examples),
        }
        for breach in breaches
    ]
    if quiescent:
        try:
            running = await running_workflows(settings)
        except (RPCError, RuntimeError, TimeoutError) as error:
            running = -1
            reason = f"Temporal did not answer: {type(error).__name__}"
        else:
            reason = "no workflow is running"
        if running != 0:
            broken.append(
                {
                    "invariant": "no_running_workflow",
                    "code": "W1",
                    "promise": reason,
                    "count": running,
                    "examples": [],
                }
            )
    asked = len(ALWAYS) + (len(QUIESCENT) + 1 if quiescent else 0)
    return {"ok": not broken, "asked": asked, "broken": broken}


async def settled_report(settings: Settings, *, quiescent: bool) -> dict[str, Any]:
    """The report, and a moment for Temporal's threads: without it the interpreter may abort."""
    try:
        return await report(settings, quiescent=quiescent)
    finally:
        await asyncio.sleep(0.25)


def verify(
    quiescent: Annotated[
        bool, typer.Option("--quiescent", help="Also demand that no work is open at all.")
    ] = False,
    state_dir: Annotated[
        Path, typer.Option(help="Folder of the installation that `up` made.")
    ] = STATE_DIR,
) -> None:
    """Ask the database whether every promise holds; one line of JSON, exit 1 if one is broken."""
    answer = asyncio.run(settled_report(known_settings(state_dir), quiescent=quiescent))
    typer.echo(orjson.dumps(answer).decode())
    if not answer["ok"]:
        raise typer.Exit(1)
