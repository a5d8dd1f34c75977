"""The sockets of this process by station: the newest wins at once (invariant G5)."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any
from uuid import UUID

from gateway.connection import Connection

REPLACED = 1000
REPLACED_REASON = "a newer connection took over"


class Registry:
    """Station to its newest connection here. Closed ones wait until their rows are released."""

    def __init__(self) -> None:
        self._newest: dict[UUID, Connection] = {}
        self._released: dict[UUID, int] = {}
        # Stations whose generation is being taken: how many times at once, and the newest heard of.
        self._taking: dict[UUID, tuple[int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._newest)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._newest.values()))

    @contextlib.contextmanager
    def taking(self, station_id: UUID) -> Iterator[None]:
        """While a generation is taken, remember newer ones: word of them may come before `add`."""
        count, heard = self._taking.get(station_id, (0, 0))
        self._taking[station_id] = (count + 1, heard)
        try:
            yield
        finally:
            count, heard = self._taking[station_id]
            if count > 1:
                self._taking[station_id] = (count - 1, heard)
            else:
                del self._taking[station_id]

    def add(self, connection: Connection) -> bool:
        """Make it the station's connection, unless a newer one came first. The older closes."""
        station_id = connection.peer.station_id
        if self._taking.get(station_id, (0, 0))[1] > connection.generation:
            return False
        known = self._newest.get(station_id)
        if known is not None and known.generation > connection.generation:
            return False
        self._newest[station_id] = connection
        if known is not None:
            self._close(known)
        return True

    def remove(self, connection: Connection) -> None:
        """Its socket is closed. A newer connection of the station is not touched."""
        station_id = connection.peer.station_id
        if self._newest.get(station_id) is connection:
            del self._newest[station_id]
        self._released[station_id] = max(
            connection.generation, self._released.get(station_id, connection.generation)
        )

    def find(self, station_id: UUID, generation: int) -> Connection | None:
        """The connection of exactly this generation, if it is here and open."""
        known = self._newest.get(station_id)
        if known is None or known.generation != generation or not known.is_open:
            return None
        return known

    def overtaken(self, station_id: UUID, generation: int) -> None:
        """Somewhere a newer connection was made: close an older one here."""
        if station_id in self._taking:
            count, heard = self._taking[station_id]
            self._taking[station_id] = (count, max(heard, generation))
        known = self._newest.get(station_id)
        if known is not None and known.generation < generation:
            del self._newest[station_id]
            self._close(known)

    def held(self) -> dict[UUID, int]:
        """Station to generation of every socket here."""
        return {station_id: known.generation for station_id, known in self._newest.items()}

    def take_released(self) -> dict[UUID, int]:
        """Rows to release, handed over."""
        released, self._released = self._released, {}
        return released

    def give_back(self, released: dict[UUID, int]) -> None:
        """They could not be released yet."""
        for station_id, generation in released.items():
            self._released[station_id] = max(generation, self._released.get(station_id, 0))

    def _close(self, connection: Connection) -> None:
        self._start(connection.close(REPLACED, REPLACED_REASON))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
