"""Rows of ports for whole installations, of which no two workers of a test run get the same; and
how the servers of tests leave theirs."""

import asyncio
import itertools
import os
import secrets
import socket
from collections.abc import Iterable

from cli.ports import Ports, is_free

LOWEST = 10_000  # up to 20,000, where single ports for throw-away servers begin
WIDTH = 25
ROWS = 400
WORKERS_MAX = 8
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX
TURNS = itertools.count(secrets.randbelow(ROWS // WORKERS_MAX))


def free_row() -> int:
    """The first port of a row that nobody uses now; none is given to one process soon again."""
    for turn in itertools.islice(TURNS, ROWS // WORKERS_MAX):
        base = LOWEST + WIDTH * (turn * WORKERS_MAX % ROWS + WORKER)
        if all(is_free(port) for port in Ports.from_base(base).by_name().values()):
            return base
    raise AssertionError("no row of ports is free")


async def stop_accepting(listeners: Iterable[socket.socket]) -> None:
    """To be called before a server of the event loop closes, where somebody may connect meanwhile.

    A socket that was accepted in the very turn in which its server closes is left open: asyncio
    attaches its transport to the server, which is none any more, and raises. What is accepted has
    its transport after this, and nothing more is.
    """
    loop = asyncio.get_running_loop()
    for listener in listeners:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)
