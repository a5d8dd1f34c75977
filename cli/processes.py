"""`holdfast gateway | api | worker | simulate`: one process of ours, in the foreground.

Each becomes the program it names, so that signals and exit codes are the program's own.
"""

import os
import sys
from enum import StrEnum
from typing import Annotated, NoReturn

import typer


class Simulator(StrEnum):
    """The independent witnesses that can be run alone."""

    STATIONS = "stations"
    STRIPE = "stripe"


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
    what: Annotated[Simulator, typer.Argument(help="Which simulator to run.")],
) -> None:
    """Run a simulator alone; arguments after its name are its own (try -- --help)."""
    become(f"simulator.{what.value}", *context.args)
