"""Who holds a station's socket, in Postgres: a generation that only grows (DESIGN 2, step 9)."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.handshake import Handshake
from gateway.postgres import Pool
from gateway.writing.arrays import Packed, pack
from gateway.writing.changes import OutboxChange
from gateway.writing.entry import Peer
from gateway.writing.saving import save_outbox
from gateway.writing.station_saving import notify
from holdfast.contracts import orders
from holdfast.contracts.names import CONNECTIONS_CHANNEL, order_workflow_id
from holdfast.domain.quirks import Described

WAITING_ORDERS_MAX = 8  # as many as fit into a gateway's hands; each that ends wakes the next
BATCH_MAX = 128
PROTOCOL = 2  # its place among the columns of a claim

_TAKE = """
INSERT INTO station_connections AS c (station_id, organization_id, boot_id, protocol,
                                      remote_address, security_profile, tls_version,
                                      tls_cipher, certificate_serial, certificate_expires_at,
                                      generation, connected_at)
SELECT w.*, 1, now()
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::text[],
            %b::text[], %b::text[], %b::timestamptz[]) AS w
ON CONFLICT (station_id) DO UPDATE
SET generation = c.generation + 1, boot_id = excluded.boot_id, protocol = excluded.protocol,
    remote_address = excluded.remote_address, connected_at = excluded.connected_at,
    disconnected_at = NULL, security_profile = excluded.security_profile,
    tls_version = excluded.tls_version, tls_cipher = excluded.tls_cipher,
    certificate_serial = excluded.certificate_serial,
    certificate_expires_at = excluded.certificate_expires_at
RETURNING c.station_id, c.generation, pg_notify(%b, c.station_id || ' ' || c.generation)
"""
_PROTOCOL = """
UPDATE stations s SET protocol = w.protocol, changed_at = now()
FROM unnest(%b::uuid[], %b::text[]) AS w(id, protocol)
WHERE s.id = w.id AND s.protocol IS DISTINCT FROM w.protocol
"""
_WAITING = """
SELECT w.station_id, o.id FROM unnest(%b::uuid[]) AS w(station_id)
CROSS JOIN LATERAL (
    SELECT id FROM orders o
    WHERE o.station_id = w.station_id AND o.state = 'waiting' AND o.not_after > now()
    ORDER BY o.id LIMIT %b
) o
"""
_DESCRIBED = """
SELECT s.id, s.vendor, s.model, s.firmware_version, z.time_zone
FROM stations s LEFT JOIN sites z ON z.id = s.site_id WHERE s.id = ANY(%b::uuid[])
"""
_RELEASE = """
UPDATE station_connections c SET boot_id = NULL, disconnected_at = now()
FROM (SELECT * FROM unnest(%s::uuid[], %s::bigint[]) AS u(station_id, generation)) w
WHERE c.station_id = w.station_id AND c.generation = w.generation AND c.boot_id = %s
"""
_NEWER = """
SELECT c.station_id, c.generation FROM station_connections c
JOIN unnest(%s::uuid[], %s::bigint[]) AS w(station_id, generation) USING (station_id)
WHERE c.generation > w.generation
"""


class Gone(Exception):
    """The socket closed before it had a generation."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A generation, and what the station said of itself when it last booted."""

    generation: int
    described: Described
    time_zone: str | None  # of its site


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A socket that wants to be its station's newest."""

    peer: Peer
    remote_address: str | None
    handshake: Handshake
    is_open: Callable[[], bool]
    taken: asyncio.Future[Taken]

    def fail(self, error: Exception) -> None:
        """It gets none."""
        if not self.taken.done():
            self.taken.set_exception(error)


class Generations:
    """Takes generations, those of sockets that come at the same time in one transaction: in a
    reconnect storm that is what Postgres would be busiest with."""

    def __init__(self, pool: Pool, boot_id: UUID) -> None:
        self._pool = pool
        self._boot_id = boot_id
        self._waiting: deque[Claim] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(
        self,
        peer: Peer,
        remote_address: str | None,
        handshake: Handshake,
        is_open: Callable[[], bool],
    ) -> Taken:
        """The next generation, ours; tells the other gateways, and the orders that waited.

        A socket that is closed by the time it would get one gets none: it must not close a newer
        one elsewhere. Raises Gone for it, and what the pool raises.
        """
        taken: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append(Claim(peer, remote_address, handshake, is_open, taken))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._take_all())
        return await taken

    async def _take_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            if not batch:
                continue
            try:
                taken = await self._take(batch)
            except Exception as error:
                for claim in batch.values():
                    claim.fail(error)
            else:
                for station_id, claim in batch.items():
                    if not claim.taken.done():
                        claim.taken.set_result(taken[station_id])

    def _next_batch(self) -> dict[UUID, Claim]:
        batch: dict[UUID, Claim] = {}
        while self._waiting and len(batch) < BATCH_MAX:
            # A station twice in one statement would be refused; its second socket is the newer.
            if self._waiting[0].peer.station_id in batch:
                break
            claim = self._waiting.popleft()
            if claim.is_open():
                batch[claim.peer.station_id] = claim
            else:
                claim.fail(Gone())
        return batch

    async def _take(self, batch: Mapping[UUID, Claim]) -> dict[UUID, Taken]:
        # In one order for all gateways, so that two of them wait instead of deadlocking.
        stations = sorted(batch)
        claims = [batch[station_id] for station_id in stations]
        ids, columns = pack("uuid", stations), self._columns(claims)
        async with self._pool.connection() as connection, connection.transaction():
            async with connection.pipeline():
                taking = await connection.cursor(binary=True).execute(
                    _TAKE, (ids, *columns, CONNECTIONS_CHANNEL)
                )
                await connection.execute(_PROTOCOL, (ids, columns[PROTOCOL]))
                waiting = await connection.execute(_WAITING, (ids, WAITING_ORDERS_MAX))
                describing = await connection.execute(_DESCRIBED, (ids,))
                numbers = {row[0]: int(row[1]) for row in await taking.fetchall()}
                waiting_orders = await waiting.fetchall()
                told = {row[0]: row[1:] for row in await describing.fetchall()}
            woken = [
                _wake(batch[station_id].peer, order_id, numbers[station_id])
                for station_id, order_id in waiting_orders
            ]
            if woken:
                await save_outbox(connection, woken)
            await notify(connection, {"stations", "outbox"} if woken else {"stations"})
        return {
            station_id: Taken(
                generation, Described(vendor=vendor, model=model, firmware=firmware), time_zone
            )
            for station_id, generation in numbers.items()
            for vendor, model, firmware, time_zone in (told[station_id],)
        }

    def _columns(self, claims: Sequence[Claim]) -> tuple[Packed, ...]:
        shakes = [claim.handshake for claim in claims]
        return (
            pack("uuid", [claim.peer.organization_id for claim in claims]),
            pack("uuid", [self._boot_id] * len(claims)),
            pack("text", [claim.peer.dialect.protocol for claim in claims]),
            pack("text", [claim.remote_address for claim in claims]),
            pack("bigint", [shake.profile for shake in shakes]),
            pack("text", [shake.tls_version for shake in shakes]),
            pack("text", [shake.tls_cipher for shake in shakes]),
            pack("text", [shake.certificate_serial for shake in shakes]),
            pack("timestamptz", [shake.certificate_expires_at for shake in shakes]),
        )


def _wake(peer: Peer, order_id: UUID, generation: int) -> OutboxChange:
    return OutboxChange(
        organization_id=peer.organization_id,
        workflow_id=order_workflow_id(order_id),
        operation="signal",
        name=orders.STATION_CONNECTED,
        message=orders.EventSignal(event_id=f"connected:{peer.station_id}:{generation}"),
    )


async def release(pool: Pool, held: Mapping[UUID, int], boot_id: UUID) -> None:
    """These sockets are closed. Rows of a newer generation are somebody else's and stay."""
    async with pool.connection() as connection, connection.transaction():
        stations = sorted(held)
        await connection.execute(
            _RELEASE, (stations, [held[station_id] for station_id in stations], boot_id)
        )
        await notify(connection, {"stations"})


async def newer(pool: Pool, held: Mapping[UUID, int]) -> dict[UUID, int]:
    """Which of these sockets were overtaken while nobody could tell us."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_NEWER, (list(held), list(held.values())))
        return dict(await cursor.fetchall())
