"""Websocket pings of one connection: stopped for stations that hang up on one (charger-quirks 5).

A line that is dead is then found by TCP keep-alive, which a station's software never sees.
"""

import socket
from typing import Any

from websockets.asyncio.server import ServerConnection

IDLE_S = 60
INTERVAL_S = 20
PROBES = 3
# What this system has of them: Linux has all.
_OPTIONS = (("TCP_KEEPIDLE", IDLE_S), ("TCP_KEEPINTVL", INTERVAL_S), ("TCP_KEEPCNT", PROBES))


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
