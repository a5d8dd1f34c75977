"""`python -m simulator.stations`: run a fleet until it is told to stop."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from simulator.stations.config import FleetConfig, FleetFileWrong, Timing, read_fleet
from simulator.stations.control import control_port
from simulator.stations.fleet import PRIME_MAX, Fleet
from simulator.stations.ledger import StateInUse

app = typer.Typer(add_completion=False)


@app.command()
def run(
    url: Annotated[str, typer.Option(help="with {identity} in it")],
    fleet: Annotated[Path, typer.Option(help="the fleet file")],
    state_dir: Annotated[Path, typer.Option(help="where the stations' disk is")],
    seed: Annotated[int, typer.Option()] = 1,
    acceleration: Annotated[float, typer.Option(min=1, max=100_000)] = 1.0,
    control: Annotated[int, typer.Option("--control-port", min=0, max=65535)] = 0,
    drivers: Annotated[bool, typer.Option(help="cars arrive by themselves")] = True,
    demand: Annotated[float, typer.Option(min=0, max=1_000, help="times the data's arrivals")] = 1,
    prime: Annotated[
        int, typer.Option(min=0, max=PRIME_MAX, help="cars that come in the first seconds")
    ] = 0,
    meter_interval: Annotated[float, typer.Option(min=0.05, max=86_400)] = 10.0,
    reconnect_base: Annotated[float, typer.Option(min=0.01, max=600)] = 0.5,
    reconnect_max: Annotated[float, typer.Option(min=0.01, max=3_600)] = 5.0,
    call_timeout: Annotated[float, typer.Option(min=0.1, max=600)] = 30.0,
) -> None:
    """Simulate a fleet of charging stations."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    if "{identity}" not in url:
        raise typer.BadParameter("the URL must have {identity} in it", param_hint="--url")
    timing = Timing(
        acceleration=acceleration,
        meter_interval_s=meter_interval,
        reconnect_base_s=reconnect_base,
        reconnect_max_s=max(reconnect_max, reconnect_base),
        call_timeout_s=call_timeout,
    )
    try:
        stations = read_fleet(fleet)
        running = Fleet(stations, url, timing=timing, state_dir=state_dir, seed=seed, demand=demand)
    except (FleetFileWrong, StateInUse, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    try:
        asyncio.run(_run(running, stations, control, drivers=drivers, prime=prime))
    except OSError as error:
        typer.echo(f"cannot serve the control port {control}: {error.strerror}", err=True)
        raise typer.Exit(1) from error


async def _run(fleet: Fleet, config: FleetConfig, port: int, *, drivers: bool, prime: int) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_stop.set)
    async with fleet, control_port(fleet, port) as bound:
        if drivers:
            fleet.start_drivers(prime=prime)
        typer.echo(f"{len(config.stations)} stations, control on http://127.0.0.1:{bound}")
        await told_to_stop.wait()


if __name__ == "__main__":
    app()
