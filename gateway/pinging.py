"""Websocket pings of one connection: none for stations that hang up on one (charger-quirks 5).

A line that is dead is then found by TCP keep-alive, which a station's software never sees.
"""

import socket
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

IDLE_S = 60
INTERVAL_S = 20
PROBES = 3
# What this system has of them: Linux has all.
_OPTIONS = (("TCP_KEEPIDLE", IDLE_S), ("TCP_KEEPINTVL", INTERVAL_S), ("TCP_KEEPCNT", PROBES))


def begin_pings(connection: ServerConnection, interval_s: float | None) -> None:
    """The first after one interval; none where it is None.

    Not left to the server, which begins them with the upgrade: what is known of the station is read
    after it, and while Postgres is slow the first ping would go to one that hangs up on it.
    """
    if connection.state is State.CLOSED:
        return  # nobody would end the task
    connection.ping_interval = interval_s
    connection.start_keepalive()


def stop_pings(connection: ServerConnection) -> None:
    """From now on. Pings cannot be taken up again on this connection."""
    task = connection.keepalive_task
    if task is None:
        return
    task.cancel()
    line: Any = connection.transport.get_extra_info("socket")
    if line is None:
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            line.setsockopt(socket.IPPROTO_TCP, option, value)
