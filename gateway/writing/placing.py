"""Orders that the writer itself gives: in the transaction of the fact that calls for them."""

from gateway.writing.arrays import pack
from gateway.writing.changes import Changes, OutboxChange
from gateway.writing.loading import Connection
from gateway.writing.saving import save_outbox
from holdfast.contracts import orders as contract
from holdfast.contracts.names import order_workflow_id
from holdfast.contracts.orders import StartOrder

BY_OURSELVES = "holdfast"

# One that waits already says the same: a station that comes back often does not pile them up.
_PLACE = """
WITH placed AS (
    INSERT INTO orders (organization_id, station_id, kind, payload, requested_by, not_after)
    SELECT w.* FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::jsonb[], %b::text[],
                           %b::timestamptz[])
        AS w(organization_id, station_id, kind, payload, requested_by, not_after)
    WHERE NOT EXISTS (
        SELECT FROM orders o
        WHERE o.station_id = w.station_id AND o.state = 'waiting' AND o.kind = w.kind
          AND o.payload = w.payload AND o.not_after > now())
    RETURNING id, organization_id, station_id, kind, payload, not_after
)
SELECT p.id, p.organization_id, p.station_id, p.kind, p.payload, p.not_after, s.identity,
       s.site_id, g.slug
FROM placed p JOIN stations s ON s.id = p.station_id
JOIN organizations g ON g.id = p.organization_id
"""


async def place_orders(connection: Connection, changes: Changes) -> None:
    """Insert them with the starts of their workflows."""
    wanted = {
        (order.station_id, order.kind, repr(order.payload)): order for order in changes.orders
    }
    rows = list(wanted.values())
    cursor = await connection.execute(
        _PLACE,
        (
            pack("uuid", [row.organization_id for row in rows]),
            pack("uuid", [row.station_id for row in rows]),
            pack("text", [row.kind for row in rows]),
            pack("jsonb", [row.payload for row in rows]),
            pack("text", [BY_OURSELVES for _ in rows]),
            pack("timestamptz", [row.now + row.kept for row in rows]),
        ),
    )
    due = {(row.station_id, row.kind, repr(row.payload)): row.now + row.delay for row in rows}
    starts = []
    for (
        order_id,
        organization_id,
        station_id,
        kind,
        payload,
        not_after,
        *about,
    ) in await cursor.fetchall():
        identity, site_id, slug = about
        starts.append(
            OutboxChange(
                organization_id=organization_id,
                workflow_id=order_workflow_id(order_id),
                operation="start",
                name=contract.WORKFLOW,
                message=StartOrder(
                    order_id=order_id,
                    organization=slug,
                    organization_id=organization_id,
                    station_id=station_id,
                    station=identity,
                    site_id=site_id,
                    kind=kind,
                    not_after=not_after,
                ),
                due_at=due.get((station_id, kind, repr(payload))),
            )
        )
    if starts:
        await save_outbox(connection, starts)
        changes.topics |= {"orders", "outbox"}
