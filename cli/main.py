"""The `holdfast` command. Each subcommand is a function in a module of its own.

They are imported only when they are called for: `up` stays in memory for weeks as a supervisor,
and has no use for what `verify` needs.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.failures import CannotStart

COMMANDS = {
    "up": "cli.up:up",
    "migrate": "cli.migrate:migrate",
    "doctor": "cli.doctor:doctor",
    "verify": "cli.verify:verify",
    "rebuild": "cli.rebuild:rebuild_command",
    "tariff": "cli.tariff:tariff",
    "create-organization": "cli.organization:create_organization",
    "gateway": "cli.processes:gateway",
    "api": "cli.processes:api",
    "worker": "cli.processes:worker",
    "simulate": "cli.processes:simulate",
}
"""Name of a subcommand, and where its function is. A new one is one line."""
PASSES_ARGUMENTS_ON = frozenset({"simulate"})


class Commands(TyperGroup):
    """The subcommands of `COMMANDS`, in that order, loaded when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        found = getattr(import_module(module), function)
        if isinstance(found, typer.Typer):  # subcommands of its own
            return typer.main.get_command(found)
        return as_command(cmd_name, found)


def as_command(name: str, function: Callable[..., None]) -> Any:
    """A function with typed parameters as a command of its own."""
    passes = name in PASSES_ARGUMENTS_ON
    settings = {"allow_extra_args": passes, "ignore_unknown_options": passes}
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name, context_settings=settings)(function)
    return typer.main.get_command(single)


app = typer.Typer(
    name="holdfast",
    cls=Commands,
    help="A charge point management system: OCPP gateway, API, pages and durable workflows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if not wanted:
        return
    try:
        typer.echo(f"holdfast {version('holdfast')}")
    except PackageNotFoundError:
        typer.echo("holdfast (not installed, run from its source)")
    raise typer.Exit


@app.callback()
def holdfast(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Holdfast runs EV chargers. `holdfast up` starts all of it on this machine."""


def main() -> None:
    """The console script. An expected failure is one sentence and exit code 1."""
    try:
        app()
    except CannotStart as failure:
        typer.echo(f"holdfast: {failure}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
