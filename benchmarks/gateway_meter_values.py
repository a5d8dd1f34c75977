"""(a) Validated, durably stored MeterValues per second of one gateway process, beside a bare server
of the `ocpp` package that stores nothing. `python -m benchmarks.gateway_meter_values`.

Both servers run all the time and are loaded in turns by the same program, so that whatever else
the machine does falls on both. Every round checks that all that was answered is in the database.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import psycopg

from benchmarks.figure import Figure, show
from benchmarks.gateway_process import (
    running_gateway,
    running_peer,
    running_postgres,
    two_ports,
)
from cli.ports import free_port

TARGET = 1.8
SYNCS = 200
SYNC_BYTES = 24 * 1024


class NotStored(Exception):
    """An answer left the gateway, and its meter values are not in the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of load on one server. Processor time in microseconds per message."""

    per_second: float
    p50_ms: float
    p99_ms: float
    server_us: float
    postgres_us: float
    load_us: float
    others: float
    """Processors that neither the servers nor the load used: whatever else ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server under load and the processes whose time it costs."""

    port: int
    pid: int
    postgres_pid: int | None = None


async def load(server: Server, connections: int, seconds: float, prefix: str) -> tuple[Round, int]:
    """One round, the load in a process of its own; how many messages were answered."""
    server_s = family_cpu_s(server.pid)
    postgres_s = family_cpu_s(server.postgres_pid) if server.postgres_pid else 0.0
    busy_s, began = machine_cpu_s(), time.perf_counter()
    arguments = (str(server.port), str(connections), str(seconds), prefix)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.meter_load", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    said: dict[str, Any] = orjson.loads(printed)
    answered = int(said["answered"])
    server_s = family_cpu_s(server.pid) - server_s
    if server.postgres_pid:
        postgres_s = family_cpu_s(server.postgres_pid) - postgres_s
    ours_s = server_s + postgres_s + said["load_us"] * answered / 1e6
    others = (machine_cpu_s() - busy_s - ours_s) / (time.perf_counter() - began)
    result = Round(
        per_second=said["per_second"],
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
        server_us=1e6 * server_s / answered,
        postgres_us=1e6 * postgres_s / answered,
        load_us=said["load_us"],
        others=max(0.0, others),
    )
    return result, answered


def machine_cpu_s() -> float:
    """Time that all processors together were busy."""
    spent = psutil.cpu_times()
    return float(sum(spent) - spent.idle - getattr(spent, "iowait", 0.0))


def family_cpu_s(pid: int) -> float:
    """User and system time of a process and its children, of those that ended too."""
    total = 0.0
    process = psutil.Process(pid)
    own = process.cpu_times()
    total += own.children_user + own.children_system
    for member in (process, *process.children(recursive=True)):
        try:
            spent = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def stored(url: str) -> int:
    """Meter values in the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM meter_values").fetchone()
        assert row is not None
        return int(row[0])


async def compare(
    url: str, bare: Server, ours: Server, connections: int, seconds: float, rounds: int
) -> list[tuple[Round, Round]]:
    """Rounds of (ours, bare), in turns. Raises NotStored."""
    pairs = []
    for number in range(rounds):
        theirs, _ = await load(bare, connections, seconds, f"B{connections}R{number}N")
        before = stored(url)
        mine, answered = await load(ours, connections, seconds, f"G{connections}R{number}N")
        if stored(url) - before < answered:
            raise NotStored
        pairs.append((mine, theirs))
        print(
            f"{connections} connections, round {number + 1}: ours {mine.per_second:.0f}/s, "
            f"bare {theirs.per_second:.0f}/s, others {mine.others:.1f} and {theirs.others:.1f}",
            file=sys.stderr,
            flush=True,
        )
    return pairs


def figures(
    connections: int, pairs: Sequence[tuple[Round, Round]], batches: str, sync_ms: float
) -> list[Figure]:
    """Medians of the rounds, beside each other."""

    def median(name: str, side: int) -> float:
        return float(statistics.median(getattr(pair[side], name) for pair in pairs))

    rate, rate_bare = median("per_second", 0), median("per_second", 1)
    cpu, cpu_bare = median("server_us", 0), median("server_us", 1)
    postgres, used = median("postgres_us", 0), rate * median("server_us", 0) / 1e6
    used_load = rate * median("load_us", 0) / 1e6
    of = f"MeterValues of 8 values, {connections} connections"
    return [
        Figure(
            benchmark="gateway_meter_values",
            figure=f"{of}: messages per second",
            ours=f"{rate:.0f}",
            peer=f"{rate_bare:.0f}",
            ratio=round(rate / rate_bare, 2),
            target=f"at least {TARGET}",
            met=rate / rate_bare >= TARGET,
            bound=f"The gateway kept {used:.0%} of one processor busy, Postgres "
            f"{rate * postgres / 1e6:.0%}, the load {used_load:.0%}; {batches}, each waiting for "
            f"the disk once (a write of 24 KiB is synced in {sync_ms:.1f} ms) and twice for "
            f"Postgres to answer. The bare server kept "
            f"{rate_bare * cpu_bare / 1e6:.0%} of one processor busy. Other programs took "
            f"{median('others', 0):.1f} of {psutil.cpu_count()} processors; ours needs two "
            "processes in turn for a message and suffers more from them than one that only "
            "computes. Ratios of the rounds: "
            + ", ".join(f"{mine.per_second / other.per_second:.2f}" for mine, other in pairs)
            + ".",
        ),
        Figure(
            benchmark="gateway_meter_values",
            figure=f"{of}: answer time p99",
            ours=f"{median('p99_ms', 0):.0f} ms",
            peer=f"{median('p99_ms', 1):.0f} ms",
            ratio=round(median("p99_ms", 0) / median("p99_ms", 1), 2),
            target="",
            met=True,
            bound=f"Every connection always has a message under way, so the median answer takes "
            f"connections divided by rate ({median('p50_ms', 0):.0f} ms, bare "
            f"{median('p50_ms', 1):.0f} ms); the longest waited for two commits, or for a "
            "processor that another process had.",
        ),
        Figure(
            benchmark="gateway_meter_values",
            figure=f"{of}: processor time per message",
            ours=f"{cpu:.0f} µs, Postgres {postgres:.0f} µs",
            peer=f"{cpu_bare:.0f} µs",
            ratio=round((cpu + postgres) / cpu_bare, 2),
            target="",
            met=True,
            bound="Ours with Postgres, to the peer's, the connecting of new stations included. The "
            "peer's is the `jsonschema` package and a dataclass per message; ours is the fact, "
            "its rows, and the websocket library.",
        ),
    ]


async def batches_of(admin_port: int) -> str:
    """How many messages went into a commit, and how long one took, from the gateway's metrics."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{admin_port}/metrics")).text

    def mean(name: str) -> float:
        total, count = (
            float(re.findall(rf"^holdfast_gateway_{name}_{part} (\S+)$", page, re.M)[0])
            for part in ("sum", "count")
        )
        return total / count

    size, commit_ms = mean("batch_size"), 1000 * mean("commit_seconds")
    return f"a batch had {size:.0f} messages and took {commit_ms:.1f} ms"


def sync_ms_median(folder: Path) -> float:
    """How long this disk takes to make a small overwrite durable (fdatasync, as Postgres does)."""
    path = folder / "sync"
    times = []
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.write(descriptor, bytes(SYNCS * SYNC_BYTES))
        os.fsync(descriptor)
        for number in range(SYNCS):
            os.pwrite(descriptor, b"x" * SYNC_BYTES, number * SYNC_BYTES)
            began = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return 1000 * statistics.median(times)


async def benchmark(connections: Sequence[int], seconds: float, rounds: int) -> list[Figure]:
    """All figures."""
    found: list[Figure] = []
    async with running_postgres() as postgres:
        sync_ms = sync_ms_median(postgres.data_dir.parent)
        for count in connections:
            bare_port = free_port()
            port, admin_port = two_ports()
            # New processes for each count, so that their metrics speak of it alone.
            async with (
                running_peer("benchmarks.bare_ocpp_server", str(bare_port)) as peer,
                running_gateway(postgres.dsn, port, admin_port) as gateway,
            ):
                bare = Server(port=bare_port, pid=peer.pid)
                ours = Server(port=port, pid=gateway.pid, postgres_pid=postgres.pid)
                pairs = await compare(postgres.dsn, bare, ours, count, seconds, rounds)
                batches = await batches_of(admin_port)
            found += figures(count, pairs, batches, sync_ms)
    return found


def main() -> None:
    """Print the table. Exit code 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[50, 200])
    chosen = parser.parse_args()
    found = asyncio.run(benchmark(chosen.connections, chosen.seconds, chosen.rounds))
    show(found, title="MeterValues of one gateway")
    sys.exit(0 if all(figure.met for figure in found) else 1)


if __name__ == "__main__":
    main()
