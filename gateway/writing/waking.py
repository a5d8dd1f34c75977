"""Orders that waited for their station to be accepted: its boot was, so their turn may come."""

from uuid import UUID

from gateway.writing.changes import Changes, OutboxChange
from gateway.writing.loading import Connection, Loaded
from gateway.writing.saving import save_outbox
from holdfast.contracts import orders
from holdfast.contracts.names import order_workflow_id

# As many as fit into the gateway's hands; each that ends wakes the next (gateway/orders.py).
WOKEN_MAX = 8

_WAITING = """
SELECT w.id, w.organization_id FROM unnest(%s::uuid[]) AS s(station_id),
LATERAL (
    SELECT o.id, o.organization_id FROM orders o
    WHERE o.station_id = s.station_id AND o.state = 'waiting' AND o.not_after > now()
    ORDER BY o.priority, o.id LIMIT %s
) w
"""


async def wake_accepted(connection: Connection, loaded: Loaded, changes: Changes) -> None:
    """For stations whose registration was not accepted when they connected, and is now."""
    accepted: dict[UUID, str] = {
        station_id: f"accepted:{station_id}:{entry.message_id}"
        for station_id, (entry, _) in changes.boots.items()
        if entry.peer.registration != "accepted"
        and loaded.stations[station_id].registration == "accepted"
    }
    if not accepted:
        return
    cursor = await connection.execute(_WAITING, (list(accepted), WOKEN_MAX))
    rows = await cursor.fetchall()
    event = " ".join(sorted(accepted.values()))[:200]
    if rows:
        await save_outbox(
            connection,
            [
                OutboxChange(
                    organization_id=organization_id,
                    workflow_id=order_workflow_id(order_id),
                    operation="signal",
                    name=orders.STATION_CONNECTED,
                    message=orders.EventSignal(event_id=event),
                )
                for order_id, organization_id in rows
            ],
        )
        changes.topics.add("outbox")
