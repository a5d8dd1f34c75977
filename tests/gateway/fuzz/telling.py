"""A station that tells its messages over changing sockets and gateways, and remembers what it was
answered: the same event must get the same bytes, for ever (G2)."""

import hashlib
from typing import Any
from uuid import UUID

import orjson
from websockets.exceptions import ConnectionClosed

from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.line import Line
from tests.gateway.fuzz.transactions import Where

SOCKETS_MAX = 5
GOODBYES = (1000, 1012)

# Whole rows: a repeat may not even touch them.
_ROWS = (
    "SELECT * FROM sessions WHERE station_id = %s ORDER BY id",
    "SELECT * FROM meter_values WHERE station_id = %s ORDER BY received_at, sampled_at, evse",
    "SELECT * FROM connectors WHERE station_id = %s ORDER BY evse, number",
    "SELECT * FROM outbox WHERE workflow_id IN "
    "(SELECT 'session-' || id FROM sessions WHERE station_id = %s) ORDER BY id",
    "SELECT * FROM quarantine WHERE station_id = %s ORDER BY id",
)


class Teller:
    """One station; `said` counts its messages, since each goes out under a new id."""

    def __init__(self, pair: Pair, identity: str, station_id: UUID, protocol: str) -> None:
        self._pair = pair
        self.identity = identity
        self.station_id = station_id
        self.protocol = protocol
        self._which = 0
        self._line: Line | None = None
        self._said = 0
        self._bodies: dict[str, bytes] = {}

    @classmethod
    async def of(cls, pair: Pair, protocol: str) -> "Teller":
        """A new station."""
        identity, station_id = await pair.add_station()
        return cls(pair, identity, station_id, protocol)

    async def tell(self, action: str, payload: dict[str, Any], where: Where = "same") -> Any:
        """Send it there; the payload of its answer, which must be what it was the last time."""
        await self._go(where)
        self._said += 1
        message_id = f"t{self._said}"
        line = await self._open()
        if where == "vanish":
            # It leaves with the frame on its way; on the next socket it is sent again.
            await line.post(message_id, action, payload)
            line.socket.transport.abort()
            await line.close()
            self._which = 1 - self._which
            line = await self._open()
        frame = await self._answer(line, message_id, action, payload)
        begin = b'[3,"%s",' % message_id.encode()
        assert frame.startswith(begin), frame
        body = frame.removeprefix(begin)
        known = {name: value for name, value in payload.items() if name != "offline"}
        key = orjson.dumps([action, known], option=orjson.OPT_SORT_KEYS).decode()
        assert self._bodies.setdefault(key, body) == body
        return orjson.loads(body[:-1])

    async def close(self) -> None:
        if self._line is not None:
            await self._line.close()
            assert self._line.findings == []
            self._line = None

    async def digest(self) -> str:
        """Of every row that a repeat must leave as it is."""
        found = hashlib.blake2b()
        for query in _ROWS:
            for row in await self._pair.rows(query, self.station_id):
                found.update(repr(sorted(row.items())).encode())
        return found.hexdigest()

    async def sessions(self) -> list[dict[str, Any]]:
        """Its sessions, oldest first."""
        return await self._pair.rows(
            "SELECT * FROM sessions WHERE station_id = %s ORDER BY id", self.station_id
        )

    async def _answer(
        self, line: Line, message_id: str, action: str, payload: dict[str, Any]
    ) -> bytes:
        for _ in range(SOCKETS_MAX):
            try:
                return await line.ask(message_id, action, payload)
            except (ConnectionClosed, ConnectionResetError):
                # A gateway that went down, or one where an older socket, gone by now, took its
                # generation after this one: stations connect again and say it again.
                assert line.socket.close_code in GOODBYES
                self._line = None
                line = await self._open()
        raise AssertionError("no socket lasts")

    async def _open(self) -> Line:
        if self._line is None or self._line.socket.close_code is not None:
            self._line = await self._pair.line(self.identity, self.protocol, self._which)
        return self._line

    async def _go(self, where: Where) -> None:
        if where == "other":
            # Without a goodbye: the newer socket makes the older one close.
            older, self._which = self._line, 1 - self._which
            self._line = None
            await self._open()
            if older is not None:
                await older.closed()
                assert older.findings == []
        elif where == "socket":
            await self.close()
        elif where == "restart":
            await self._pair.restart(self._which)
            self._line = None
