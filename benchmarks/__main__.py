"""All benchmarks, one after another, and the table of the last run in docs/reference/benchmarks.md.

A benchmark is a module of this package that prints one line of JSON per figure (`figure.Figure`).
What else it prints is for people, and goes into the page as it is where there are no figures.
Each runs in a process of its own.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import psutil
import typer

from benchmarks.figure import Figure

BENCHMARKS = (
    "gateway_meter_values",
    "idle_connections",
    "reconnect_storm",
    "message_log",
    "orders",
    "sessions",
    "pricing",
    "simulation",
)
ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
TIMEOUT_S = 1_200


class NothingMeasured(Exception):
    """A benchmark ended without saying anything; the text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a benchmark said: its figures, and its lines for people."""

    name: str
    figures: list[Figure]
    lines: list[str]
    failed: bool


def run(name: str) -> Result:
    """Run one benchmark. Raises `NothingMeasured`, or subprocess.TimeoutExpired."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", f"benchmarks.{name}"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=ROOT,
    )
    said = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    if not said:
        raise NothingMeasured(f"{name} ended with code {done.returncode} and said nothing")
    print("\n".join(said), flush=True)
    figures = [Figure(**json.loads(line)) for line in said if line.startswith("{")]
    lines = [line for line in said if not line.startswith("{")]
    return Result(name=name, figures=figures, lines=lines, failed=done.returncode != 0)


def page_with(page: str, results: list[Result], now: datetime) -> str:
    """The page with these results between its markers, in place of the last ones."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    memory_gib = psutil.virtual_memory().total / 2**30
    figures = [figure for result in results for figure in result.figures]
    lines = [
        BEGIN,
        f"Measured {now:%Y-%m-%d}, on {psutil.cpu_count()} processors and {memory_gib:.0f} GiB.",
        "",
    ]
    for result in results:
        if not result.figures:
            lines += [f"`{result.name}` printed:", "", "```text", *result.lines, "```", ""]
    lines += [
        "| figure | ours | peer | ratio | target | |",
        "|---|---|---|---|---|---|",
        *(row(figure) for figure in figures),
        "",
        *(f"- **{figure.figure}.** {figure.bound}" for figure in figures),
        END,
    ]
    return before + "\n".join(lines) + after


def row(figure: Figure) -> str:
    """One line of the table."""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    met = "met" if figure.met else "**missed**"
    cells = (figure.figure, figure.ours, figure.peer, ratio, figure.target, met)
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def main(
    only: Annotated[
        list[str] | None, typer.Argument(help="Names of benchmarks; all where none is given.")
    ] = None,
) -> None:
    """Run the benchmarks and rewrite the table. Exit code 1 where a target was missed."""
    wanted = [name for name in BENCHMARKS if only is None or name in only]
    unknown = sorted(set(only or ()) - set(BENCHMARKS))
    if unknown:
        raise typer.BadParameter(f"no such benchmark: {', '.join(unknown)}")
    results: list[Result] = []
    complete = True
    for name in wanted:
        if find_spec(f"benchmarks.{name}") is None:
            print(f"{name} is not there", file=sys.stderr)
            continue
        try:
            results.append(run(name))
        except (NothingMeasured, subprocess.TimeoutExpired) as error:
            print(error, file=sys.stderr)
            complete = False
    if only is None and results and complete:
        PAGE.write_text(page_with(PAGE.read_text(), results, datetime.now(UTC)))
    sys.exit(0 if complete and not any(result.failed for result in results) else 1)


if __name__ == "__main__":
    typer.run(main)
