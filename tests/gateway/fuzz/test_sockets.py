"""Sockets of one identity on two gateways, opened and closed in any order: the newest is alive, no
other, and the connection's row says so (G5)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.effort import effort
from tests.gateway.fuzz.line import Line

SETTLED_S = 60.0

Turn = tuple[Literal["one", "two", "both", "close", "vanish"], int]

TURNS = st.lists(
    st.tuples(
        st.sampled_from(("one", "two", "both", "close", "vanish")),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=8,
)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SETTLED_S):
        while not await true():  # noqa: ASYNC110 - rows and plain numbers
            await asyncio.sleep(0.02)


class Holder:
    """One identity's sockets, oldest first."""

    def __init__(self, pair: Pair, identity: str, station_id: UUID) -> None:
        self._pair = pair
        self._identity = identity
        self._station_id = station_id
        self.opened: list[Line] = []

    async def turn(self, what: str, number: int) -> None:
        if what in ("one", "two", "both"):
            which = {"one": (0,), "two": (1,), "both": (0, 1)}[what]
            self.opened += await asyncio.gather(
                *(self._pair.line(self._identity, "ocpp1.6", at) for at in which)
            )
            # Its turn is taken after the upgrade was answered.
            await until(self.is_taken)
        elif self.opened:
            line = self.opened[number % len(self.opened)]
            if what == "vanish":
                line.socket.transport.abort()
            await line.close()

    async def row(self) -> dict[str, Any] | None:
        rows = await self._pair.rows(
            "SELECT generation, boot_id FROM station_connections WHERE station_id = %s",
            self._station_id,
        )
        return rows[0] if rows else None

    def held(self) -> list[tuple[UUID, int]]:
        """Which gateways hold a socket of it, at which generation."""
        return [
            (app.boot_id, app.registry.held()[self._station_id])
            for app in self._pair.apps
            if self._station_id in app.registry.held()
        ]

    async def is_taken(self) -> bool:
        """Whether every socket has its generation."""
        row = await self.row()
        return (row["generation"] if row else 0) == len(self.opened)

    async def is_agreed(self) -> bool:
        """Whether the row and the gateways say the same."""
        row = await self.row()
        if row is None or row["boot_id"] is None:
            return self.held() == []
        return self.held() == [(row["boot_id"], len(self.opened))]

    async def is_released(self) -> bool:
        """Whether nobody holds a socket, and the row says so."""
        row = await self.row()
        return self.held() == [] and (row is None or row["boot_id"] is None)


@effort(25)
@given(turns=TURNS)
async def test_of_all_sockets_of_an_identity_the_newest_alone_is_alive(
    pair: Pair, turns: list[Turn]
) -> None:
    identity, station_id = await pair.add_station()
    holder = Holder(pair, identity, station_id)
    for what, number in turns:
        await holder.turn(what, number)
    await until(holder.is_agreed)
    alive = [line for line in holder.opened if await line.is_alive()]
    assert len(alive) == len(holder.held()) <= 1
    if turns[-1][0] in ("one", "two"):
        assert alive == holder.opened[-1:]
    for line in holder.opened:
        await line.close()
        assert line.findings == []

    await until(holder.is_released)
