"""`holdfast gateway | api | worker | simulate`: one process of ours, in the foreground.

Each becomes the program it names, so that signals and exit codes are the program's own.
"""

import os
import sys
from typing import Annotated, NoReturn

import typer

ALONE = frozenset({"stations", "stripe"})
"""Simulators that run until they are stopped; any other name is a scenario."""


def become(module: str, *arguments: str) -> NoReturn:
    """Replace this process by `python -m module arguments…`."""
    # What we still hold back must be out before the process image goes.
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell


def gateway() -> None:
    """Run one OCPP gateway, told by HOLDFAST_* what to do. Any number may run at once."""
    become("gateway")


def api() -> None:
    """Run the HTTP API with the web pages, told by HOLDFAST_* what to do."""
    become("api")


def worker() -> None:
    """Run the workers: workflows, activities and the outbox relay."""
    become("workers")


def simulate(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            help="A scenario's name or file; or `stations` or `stripe`, to run that simulator."
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="The scenarios that come along.")] = False,
) -> None:
    """Play a scenario of charging stations against any OCPP server.

    Its options follow its name: --url, --stations, --seed, --speed, --password, --report and more;
    `holdfast simulate busy-day -- --help` explains them."""
    if list_:
        become("simulator.stations.console", "--list")
    if what in ALONE:
        become(f"simulator.{what}", *context.args)
    become("simulator.stations.console", *([] if what is None else [what]), *context.args)
