"""Orders: from the API's commit to the frame on the station's socket, beside a bare workflow of one
activity on a gateway's queue, from its start to the activity's.

Ours: a request to the real API process, its commit, the workflow, the real gateway process, a
Postgres as durable as in production, and the frame as the station's own socket receives it. The
commit is heard by LISTEN on a connection of the driver: a notification leaves Postgres with the
commit, and takes a fraction of a millisecond, which is counted to our favour; from the request's
first byte is printed too, and holds everything. The two take turns, one order after the other.
"""

import asyncio
import sys
import time
from statistics import quantiles
from typing import Annotated, Any

import httpx
import orjson
import psycopg
import typer
import uvloop
import websockets
from rich.console import Console
from temporalio.client import Client
from websockets.typing import Subprotocol

from benchmarks.bare_orders import WORKFLOWS
from benchmarks.figure import Figure, show
from benchmarks.order_servers import OrderServers, order_servers
from holdfast.adapters.temporal import connect
from holdfast.contracts.names import NOTIFY_CHANNEL

RATIO_MAX = 2.0
WARM_UP = 20
ANSWER_S = 20.0
PAUSE_S = 0.02
STATION = "BENCH-ORDERS"


class Station:
    """A station that takes every order at once, and notes when its frame came."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.frames: asyncio.Queue[float] = asyncio.Queue(maxsize=100)

    async def boot(self) -> None:
        """Be accepted."""
        boot = {"chargePointVendor": "Bench", "chargePointModel": "One"}
        await self._socket.send(orjson.dumps([2, "boot", "BootNotification", boot]).decode())

    async def serve(self) -> None:
        """Answer calls until cancelled."""
        async for text in self._socket:
            at = time.time()
            message = orjson.loads(text)
            if message[0] != 2:
                continue
            answer = [3, message[1], {"status": "Accepted"}]
            if message[2] == "Reset":
                self.frames.put_nowait(at)
            if message[2] == "GetConfiguration":
                answer[2] = {"configurationKey": []}
            await self._socket.send(orjson.dumps(answer).decode())


class Commits:
    """When Postgres told of commits."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self.heard: list[float] = []

    async def listen(self) -> None:
        """Note the time of each that placed an order, until cancelled."""
        await self._connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
        async for notice in self._connection.notifies():
            if notice.payload == "orders outbox":
                self.heard.append(time.time())


async def one_order(
    client: httpx.AsyncClient, station: Station, commits: Commits
) -> tuple[float, float]:
    """Seconds from the commit, and from the request, to the frame."""
    commits.heard.clear()
    asked_at = time.time()
    answer = await client.post(
        f"/api/v1/stations/{STATION}/commands/reset", params={"wait": 10}, json={}
    )
    assert answer.json().get("state") == "accepted", answer.text
    frame_at = await asyncio.wait_for(station.frames.get(), ANSWER_S)
    # The first that came after the request: a later one tells of something else.
    committed_at = min(at for at in commits.heard if asked_at <= at)
    return frame_at - committed_at, frame_at - asked_at


async def one_bare(client: Client, number: int) -> float:
    """Seconds from the start of a workflow to the start of its activity."""
    started_at = time.time()
    began_at = await client.execute_workflow(
        "BareOrder", id=f"bare-order-{number}", task_queue=WORKFLOWS, result_type=float
    )
    return float(began_at) - started_at


async def measure(servers: OrderServers, orders: int) -> tuple[list[float], ...]:
    """From the commit, from the request, and the peer's; after a warm-up, in turn."""
    temporal = await connect(servers.settings)
    url = servers.settings.database_url.get_secret_value()
    headers = {"Authorization": f"Bearer {servers.api_key}"}
    ours: list[float] = []
    whole: list[float] = []
    bare: list[float] = []
    async with (
        httpx.AsyncClient(base_url=servers.api_url, headers=headers, timeout=30) as client,
        websockets.connect(
            f"{servers.gateway_url}/ocpp/{STATION}", subprotocols=[Subprotocol("ocpp1.6")]
        ) as socket,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as listening,
    ):
        station, commits = Station(socket), Commits(listening)
        await station.boot()
        tasks = [asyncio.create_task(station.serve()), asyncio.create_task(commits.listen())]
        try:
            await asyncio.sleep(3)  # what a station is asked after its boot is over
            for number in range(orders + WARM_UP):
                from_commit, from_request = await one_order(client, station, commits)
                await asyncio.sleep(PAUSE_S)
                other = await one_bare(temporal, number)
                await asyncio.sleep(PAUSE_S)
                if number >= WARM_UP:
                    ours.append(from_commit)
                    whole.append(from_request)
                    bare.append(other)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return ours, whole, bare


def percentile(values: list[float], percent: int) -> float:
    """In milliseconds."""
    return 1_000 * quantiles(values, n=100, method="inclusive")[percent - 1]


async def run(orders: int) -> bool:
    """Measure and say it; whether the target was met."""
    async with order_servers() as servers:
        ours, whole, bare = await measure(servers, orders)
    figures = []
    for percent in (50, 99):
        mine, theirs = percentile(ours, percent), percentile(bare, percent)
        ratio = mine / theirs
        figures.append(
            Figure(
                benchmark="orders",
                figure=f"an order from commit to frame, p{percent}",
                ours=f"{mine:.1f} ms",
                peer=f"{theirs:.1f} ms",
                ratio=ratio,
                target=f"at most {RATIO_MAX:.0f} times",
                met=ratio <= RATIO_MAX,
                bound="One workflow start, one workflow task, one activity task, and one durable "
                f"write that the frame leaves after; {percentile(whole, percent):.1f} ms from the "
                "request's first byte.",
            )
        )
    show(figures, title=f"orders: {orders} of each, in turn")
    Console(stderr=True).print(f"from the request: p50 {percentile(whole, 50):.1f} ms")
    return all(figure.met for figure in figures)


def main(orders: Annotated[int, typer.Option(help="How many of each.")] = 300) -> None:
    """Exit code 1 where the target was missed."""
    met = uvloop.run(run(orders))
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    typer.run(main)
