"""The `holdfast` command. Each subcommand is a function in a module of its own."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from cli.failures import CannotStart
from cli.migrate import migrate
from cli.processes import api, gateway, simulate, worker
from cli.up import up

app = typer.Typer(
    name="holdfast",
    help="A charge point management system: OCPP gateway, API, pages and durable workflows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("up")(up)
app.command("migrate")(migrate)
app.command("gateway")(gateway)
app.command("api")(api)
app.command("worker")(worker)
app.command(
    "simulate", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(simulate)


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
