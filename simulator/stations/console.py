"""`holdfast simulate SCENARIO`: play a scenario against any OCPP server and show how it goes.

Exit code 0 when everything that was expected came, 1 when something did not, 2 for a wrong call.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from simulator.stations.config import STATIONS_MAX
from simulator.stations.play import Conditions, Play
from simulator.stations.scenario import Scenario, ScenarioWrong, read_scenario, shipped

PLAIN_EVERY_S = 5.0
LIVE_EVERY_S = 0.5
WRONG_CALL = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def simulate(
    scenario: Annotated[
        str | None, typer.Argument(help="A shipped scenario's name, or a TOML file.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="ws:// or wss://; the identity goes to {identity}, or the end.")
    ] = "ws://127.0.0.1:9000/ocpp",
    stations: Annotated[
        int | None, typer.Option(min=1, max=STATIONS_MAX, help="In place of the file's counts.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the file's.")] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="How many times faster time passes.")
    ] = 1.0,
    password: Annotated[
        str | None,
        typer.Option(envvar="SIMULATE_PASSWORD", help="Basic auth of stations without their own."),
    ] = None,
    token: Annotated[
        list[str] | None, typer.Option(help="What drivers carry instead of the file's; repeatable.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="Roots to trust for wss.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="A client certificate.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    connect_per_second: Annotated[float, typer.Option(min=0.1, max=10_000)] = 100.0,
    for_seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, help="Stop after so many real seconds.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the figures there as JSON.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="The shipped scenarios.")] = False,
) -> None:
    """Play a scenario of charging stations against an OCPP server."""
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(levelname)s %(message)s")
    if list_:
        _list()
        return
    if not url.startswith(("ws://", "wss://")):
        typer.echo(f"--url {url} must begin with ws:// or wss://", err=True)
        raise typer.Exit(WRONG_CALL)
    wanted = _with_tokens(_read(scenario, stations), token)
    credentials = {
        "password": password,
        "ca_file": None if ca is None else str(ca),
        "certificate_file": None if certificate is None else str(certificate),
        "key_file": None if key is None else str(key),
    }
    conditions = Conditions(
        url=url if "{identity}" in url else url.rstrip("/") + "/{identity}",
        seed=wanted.seed if seed is None else seed,
        speed=speed,
        connect_per_s=connect_per_second,
        for_s=for_seconds,
    )
    figures = asyncio.run(_play(_with_credentials(wanted, credentials), conditions))
    if report is not None:
        report.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    _say_end(figures)
    raise typer.Exit(0 if figures["passed"] else 1)


def _read(name: str | None, stations: int | None) -> Scenario:
    if name is None:
        typer.echo("which scenario? --list names those that come along", err=True)
        raise typer.Exit(WRONG_CALL)
    try:
        return read_scenario(name, stations=stations)
    except ScenarioWrong as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_CALL) from error


def _list() -> None:
    for name, _ in shipped().items():
        one = read_scenario(name)
        typer.echo(f"{name:20} {len(one.stations):5} stations  {one.title}")


def _with_tokens(scenario: Scenario, tokens: list[str] | None) -> Scenario:
    if not tokens:
        return scenario
    stations = tuple(replace(one, tokens=tuple(tokens)) for one in scenario.stations)
    return replace(scenario, stations=stations)


def _with_credentials(scenario: Scenario, given: dict[str, str | None]) -> Scenario:
    """The command line's, for stations whose file says nothing."""
    stations = []
    for one in scenario.stations:
        missing: dict[str, Any] = {
            name: value for name, value in given.items() if getattr(one, name) is None
        }
        stations.append(replace(one, **missing))
    return replace(scenario, stations=tuple(stations))


async def _play(scenario: Scenario, conditions: Conditions) -> dict[str, Any]:
    async with Play(scenario, conditions) as play:
        running = asyncio.create_task(play.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.cancel)
        showing = asyncio.create_task(_show(play))
        with contextlib.suppress(asyncio.CancelledError):
            await running
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        return play.report()


async def _show(play: Play) -> None:
    console = Console(stderr=True)
    if not console.is_terminal:
        while True:
            await asyncio.sleep(PLAIN_EVERY_S)
            line = ", ".join(f"{name} {value}" for name, value in _summary(play))
            sys.stderr.write(line + "\n")
    with Live(console=console, auto_refresh=False) as live:
        while True:
            table = Table(title=play.scenario.title, show_header=False)
            for name, value in _summary(play):
                table.add_row(name, value)
            live.update(table, refresh=True)
            await asyncio.sleep(LIVE_EVERY_S)


def _summary(play: Play) -> list[tuple[str, str]]:
    stations, progress = play.fleet.stations.values(), play.progress
    online = sum(one.is_online for one in stations)
    charging = sum(one.is_charging for one in stations)
    tally = play.tally
    troubles = Counter(one.line.trouble for one in stations if one.line.trouble)
    return [
        ("online", f"{online} of {progress.stations}"),
        ("charging", str(charging)),
        ("messages", str(sum(tally.sent.values()))),
        ("p50 ms", str(tally.latency_ms(50))),
        ("p99 ms", str(tally.latency_ms(99))),
        ("refused", str(sum(tally.refusals.values()))),
        ("lost", str(sum(tally.losses.values()))),
        ("done", f"{progress.done} of {progress.stations}"),
        ("expected and met", f"{progress.met} of {progress.expected}"),
        ("failures", str(progress.failure_count)),
        *[("cannot connect", f"{why} ({count})") for why, count in troubles.most_common(1)],
    ]


def _say_end(figures: dict[str, Any]) -> None:
    for failure in figures["failures"]:
        typer.echo(f"failed: {failure}", err=True)
    latency = figures["latency_ms"]
    typer.echo(
        f"{figures['scenario']}: {'passed' if figures['passed'] else 'FAILED'};"
        f" {figures['met']} of {figures['expected']} expectations met,"
        f" {figures['messages']} messages (p50 {latency['p50']} ms, p99 {latency['p99']} ms),"
        f" {sum(figures['refused'].values())} refused, {sum(figures['lost'].values())} lost,"
        f" {figures['transactions_confirmed']} of {figures['transactions_ended']} ended"
        " transactions confirmed"
    )


if __name__ == "__main__":
    app()
