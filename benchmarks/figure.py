"""One measured figure beside its peer's, as a row for people and as a line of JSON for programs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured. `ratio` is ours to the peer's; `bound` says what limits the figure."""

    benchmark: str
    figure: str
    ours: str
    peer: str
    ratio: float | None
    target: str
    met: bool
    bound: str


def show(figures: Sequence[Figure], *, title: str) -> None:
    """A table on standard error, one line of JSON per figure on standard output."""
    table = Table(title=title, title_justify="left")
    for name in ("figure", "ours", "peer", "ratio", "target", ""):
        table.add_column(name, justify="left" if name in ("figure", "") else "right")
    for one in figures:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        met = "met" if one.met else "MISSED"
        table.add_row(one.figure, one.ours, one.peer, ratio, one.target, met)
    Console(stderr=True).print(table)
    for one in figures:
        print(json.dumps(asdict(one)), flush=True)
    sys.stdout.flush()
