"""Who holds a station's socket, in Postgres: a generation that only grows (DESIGN 2, step 9)."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from gateway.handshake import Handshake
from gateway.postgres import Pool
from gateway.writing.changes import OutboxChange
from gateway.writing.entry import Peer
from gateway.writing.saving import save_outbox
from gateway.writing.station_saving import notify
from holdfast.contracts import orders
from holdfast.contracts.names import order_workflow_id

CHANNEL = "holdfast_connections"  # payload: "<station uuid> <generation>"
WAITING_ORDERS_MAX = 50

_TAKE = """
INSERT INTO station_connections AS c (station_id, organization_id, generation, boot_id, protocol,
                                      remote_address, connected_at, security_profile, tls_version,
                                      tls_cipher, certificate_serial, certificate_expires_at)
VALUES (%s, %s, 1, %s, %s, %s, now(), %s, %s, %s, %s, %s)
ON CONFLICT (station_id) DO UPDATE
SET generation = c.generation + 1, boot_id = excluded.boot_id, protocol = excluded.protocol,
    remote_address = excluded.remote_address, connected_at = excluded.connected_at,
    disconnected_at = NULL, security_profile = excluded.security_profile,
    tls_version = excluded.tls_version, tls_cipher = excluded.tls_cipher,
    certificate_serial = excluded.certificate_serial,
    certificate_expires_at = excluded.certificate_expires_at
RETURNING generation
"""
_PROTOCOL = """
UPDATE stations SET protocol = %s, changed_at = now() WHERE id = %s AND protocol IS DISTINCT FROM %s
"""
_WAITING = """
SELECT id FROM orders
WHERE station_id = %s AND state = 'waiting' AND not_after > now() ORDER BY id LIMIT %s
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


async def take(
    pool: Pool, peer: Peer, boot_id: UUID, remote_address: str | None, handshake: Handshake
) -> int:
    """The next generation, ours; tells the other gateways, and the orders that waited."""
    async with pool.connection() as connection, connection.transaction():
        protocol = peer.dialect.protocol
        cursor = await connection.execute(
            _TAKE,
            (
                peer.station_id,
                peer.organization_id,
                boot_id,
                protocol,
                remote_address,
                handshake.profile,
                handshake.tls_version,
                handshake.tls_cipher,
                handshake.certificate_serial,
                handshake.certificate_expires_at,
            ),
        )
        row = await cursor.fetchone()
        assert row is not None  # noqa: S101 - RETURNING of an upsert that always writes
        generation = int(row[0])
        await connection.execute(
            "SELECT pg_notify(%s, %s)", (CHANNEL, f"{peer.station_id} {generation}")
        )
        await connection.execute(_PROTOCOL, (protocol, peer.station_id, protocol))
        cursor = await connection.execute(_WAITING, (peer.station_id, WAITING_ORDERS_MAX))
        waiting = [order_id for (order_id,) in await cursor.fetchall()]
        if waiting:
            await save_outbox(connection, _wake(peer, waiting, generation))
        await notify(connection, {"stations", "outbox"} if waiting else {"stations"})
        return generation


def _wake(peer: Peer, waiting: Sequence[UUID], generation: int) -> list[OutboxChange]:
    return [
        OutboxChange(
            organization_id=peer.organization_id,
            workflow_id=order_workflow_id(order_id),
            operation="signal",
            name=orders.STATION_CONNECTED,
            message=orders.EventSignal(event_id=f"connected:{peer.station_id}:{generation}"),
        )
        for order_id in waiting
    ]


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
