"""(d) What the message log costs: MeterValues per second with answers kept and a search running
beside the load, to those of a gateway that keeps no answers and is not searched.
`python -m benchmarks.message_log`.

Both gateways run all the time, on one database, and are loaded in turns by the same program.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
from pydantic import SecretStr

from benchmarks.figure import Figure, show
from benchmarks.gateway_meter_values import NotStored, Round, Server, load, stored
from benchmarks.gateway_process import running_gateway, running_postgres, two_ports
from holdfast.services.message_log import LogAsked, search
from holdfast.store.database import Sessions, open_engine, open_sessions

TARGET = 0.8
PAUSE_S = 0.5
"""Between two searches: a page that is open asks this often, and no oftener."""


@dataclass(slots=True)
class Searches:
    """What was searched, and how long each took."""

    times_s: list[float] = field(default_factory=list)
    found: int = 0


async def search_on(db_sessions: Sessions, organization: UUID, seen: Searches) -> None:
    """Until cancelled: through all stations for a text that is nowhere, as far as a search goes;
    for the newest messages of all; for one transaction."""
    asked = (
        LogAsked(limit=50, text="no frame has this in it"),
        LogAsked(limit=50),
        LogAsked(limit=50, transaction_id="1", action="MeterValues"),
    )
    number = 0
    while True:
        began = time.perf_counter()
        async with db_sessions() as db:
            found = await search(db, organization, asked[number % len(asked)])
        seen.times_s.append(time.perf_counter() - began)
        seen.found += len(found.items)
        number += 1
        await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def searching(url: str, seen: Searches) -> AsyncIterator[None]:
    """Searches beside what is done meanwhile. Raises what a search raises."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT id FROM organizations").fetchone()
    assert row is not None
    engine = open_engine(SecretStr(url), pool_size=1)
    task = asyncio.create_task(search_on(open_sessions(engine), row[0], seen))
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await engine.dispose()


async def compare(
    url: str, quiet: Server, full: Server, connections: int, seconds: float, rounds: int
) -> tuple[list[tuple[Round, Round]], Searches]:
    """Rounds of (full, quiet), in turns, whichever is first. Raises NotStored."""
    pairs: list[tuple[Round, Round]] = []
    seen = Searches()
    for number in range(rounds):
        done: dict[str, Round] = {}
        for name in ("quiet", "full") if number % 2 else ("full", "quiet"):
            before = stored(url)
            prefix = f"{name[0].upper()}{number}N"
            if name == "quiet":
                done[name], answered = await load(quiet, connections, seconds, prefix)
            else:
                async with searching(url, seen):
                    done[name], answered = await load(full, connections, seconds, prefix)
            if stored(url) - before < answered:
                raise NotStored
        pairs.append((done["full"], done["quiet"]))
        print(
            f"round {number + 1}: with log and search {done['full'].per_second:.0f}/s, "
            f"without {done['quiet'].per_second:.0f}/s",
            file=sys.stderr,
            flush=True,
        )
    return pairs, seen


def answers_kept(url: str) -> tuple[int, int]:
    """Frames kept from stations to us, and from us to stations."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE NOT outbound), count(*) FILTER (WHERE outbound) "
            "FROM frames"
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def figure_of(
    connections: int,
    pairs: Sequence[tuple[Round, Round]],
    seen: Searches,
    kept: tuple[int, int],
) -> Figure:
    """The median of the rounds' ratios: neighbours in time had the same machine."""
    ratios = [full.per_second / quiet.per_second for full, quiet in pairs]
    ratio = statistics.median(ratios)
    full, quiet = (statistics.median(pair[side].per_second for pair in pairs) for side in (0, 1))
    postgres, postgres_quiet = (
        statistics.median(pair[side].postgres_us for pair in pairs) for side in (0, 1)
    )
    times = sorted(seen.times_s)
    return Figure(
        benchmark="message_log",
        figure=f"MeterValues of 8 values, {connections} connections, answers kept and a search "
        "beside it, to neither: messages per second",
        ours=f"{full:.0f}",
        peer=f"{quiet:.0f}",
        ratio=round(ratio, 2),
        target=f"at least {TARGET}",
        met=ratio >= TARGET,
        bound=f"{kept[0]} frames of stations and {kept[1]} of ours were kept. "
        f"{len(times)} searches took {1000 * times[len(times) // 2]:.0f} ms at the median and "
        f"{1000 * times[-1]:.0f} ms at most, {PAUSE_S} s apart. "
        f"Postgres took {postgres:.0f} µs of processor time per message "
        f"with them and {postgres_quiet:.0f} µs without. Ratios of the rounds: "
        + ", ".join(f"{one:.2f}" for one in ratios)
        + ".",
    )


async def benchmark(connections: int, seconds: float, rounds: int) -> Figure:
    """The figure."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(running_postgres())
        servers = []
        for module in ("benchmarks.quiet_gateway", "gateway"):
            port, admin_port = two_ports()
            process = await stack.enter_async_context(
                running_gateway(postgres.dsn, port, admin_port, module)
            )
            servers.append(Server(port=port, pid=process.pid, postgres_pid=postgres.pid))
        pairs, seen = await compare(
            postgres.dsn, servers[0], servers[1], connections, seconds, rounds
        )
        return figure_of(connections, pairs, seen, answers_kept(postgres.dsn))


def main() -> None:
    """Print the table. Exit code 1 where the target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=200)
    chosen = parser.parse_args()
    found = asyncio.run(benchmark(chosen.connections, chosen.seconds, chosen.rounds))
    show([found], title="The cost of the message log")
    sys.exit(0 if found.met else 1)


if __name__ == "__main__":
    main()
