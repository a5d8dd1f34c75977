"""Which port belongs to which server, and whether it is free.

The numbers are an interface (DESIGN section 6): a table of well-known defaults, or ten and more
consecutive ports from `--port-base`.
"""

import errno
import itertools
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, fields

import psutil

from cli.failures import CannotStart

LOOPBACK = "127.0.0.1"
PORT_BASE_MIN = 1024
PORT_BASE_MAX = 65_535 - 20
# Below 32,768, from where on Linux gives ports to outgoing connections.
THROW_AWAY = range(20_000, 32_768)
# Processes that are started together begin hundreds of ports apart: none is offered what another
# one was, and has not bound yet.
OFFERS = itertools.count(os.getpid() * 401)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """TCP ports of one installation, all on loopback."""

    web: int = 8000
    ocpp: int = 9000
    ocpp_tls: int = 9443
    temporal: int = 7233
    temporal_ui: int = 8233
    postgres: int = 5433
    stripe: int = 8420
    gateway_admin: int = 9610
    api_admin: int = 9611
    workers_admin: int = 9612
    temporal_http: int = 9613
    temporal_metrics: int = 9614
    fleet_control: int = 9620

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """The table moved to `base`: N+0 … N+6, admin ports from N+10, the fleet at N+20."""
        if not PORT_BASE_MIN <= base <= PORT_BASE_MAX:
            raise CannotStart(
                f"--port-base must be between {PORT_BASE_MIN} and {PORT_BASE_MAX}, not {base}."
            )
        return cls(
            web=base,
            ocpp=base + 1,
            ocpp_tls=base + 2,
            temporal=base + 3,
            temporal_ui=base + 4,
            postgres=base + 5,
            stripe=base + 6,
            gateway_admin=base + 10,
            api_admin=base + 11,
            workers_admin=base + 12,
            temporal_http=base + 13,
            temporal_metrics=base + 14,
            fleet_control=base + 20,
        )

    def by_name(self) -> dict[str, int]:
        """Every port under the name of its field."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too; without it a port in TIME_WAIT after a restart looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port() -> int:
    """A port that nobody listens on at this moment, for tests and throw-away servers.

    Not one of those that the kernel gives away by itself: until the server binds it, an outgoing
    connection of anybody could take such a one. One process gets none twice. Raises `CannotStart`.
    """
    for offer in itertools.islice(OFFERS, len(THROW_AWAY)):
        port = THROW_AWAY[offer % len(THROW_AWAY)]
        if is_free(port):
            return port
    raise CannotStart("No port between 20,000 and 32,767 is free.")


def holder(port: int) -> str:
    """Who listens on `port`, as ` (by NAME, process 123)`, or nothing where that is hidden."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            # An address is (host, port).
            listens = connection.status == psutil.CONN_LISTEN and port in connection.laddr
            if listens and connection.pid:
                return f" (by {psutil.Process(connection.pid).name()}, process {connection.pid})"
    return ""


def require_free(ports: dict[str, int]) -> None:
    """Raise `CannotStart` for the first port of `ports` (name to number) that is taken."""
    for name, port in ports.items():
        if not is_free(port):
            raise CannotStart(
                f"Port {port}, wanted for {name.replace('_', ' ')}, is already in use"
                f"{holder(port)}: stop what uses it, or move all ports with --port-base."
            )
