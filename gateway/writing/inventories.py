"""After a boot: ask for what is not known, and read back what waited for the boot.

Everything is asked for once per firmware, never at every boot (charger-quirks 22), and not all at
once when a thousand stations come back together.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from gateway.writing.arrays import pack
from gateway.writing.changes import Changes, PlacedOrder
from gateway.writing.entry import Entry
from gateway.writing.loading import Connection
from holdfast.domain.variables import written_name

ASK_AFTER_S: Final = 3  # the station says first what it has to say
ASK_WITHIN_S: Final = 20  # and a second more for each that boots in the same batch
ASK_WITHIN_MOST_S: Final = 600
# Nothing is left waiting for a station that went away again: it is asked after its next boot.
ASK_KEPT: Final = timedelta(seconds=30)
READ_BACK_AFTER_S: Final = 5
READ_BACK_WITHIN_S: Final = 30

# The claim and the question in one: whoever gets a row back asks. A question that never left is
# put again at the next boot; one that the station did not answer, a day later.
_ASK = """
INSERT INTO station_inventories AS i (station_id, organization_id, firmware_version, asked_at)
SELECT *, now() FROM unnest(%b::uuid[], %b::uuid[], %b::text[])
ON CONFLICT (station_id) DO UPDATE
SET firmware_version = excluded.firmware_version, asked_at = now(), completed_at = NULL
WHERE i.asked_at IS NULL OR i.firmware_version IS DISTINCT FROM excluded.firmware_version
   OR (i.completed_at IS NULL AND i.asked_at < now() - interval '1 day')
   OR (i.completed_at IS NULL AND i.asked_at < now() - interval '1 minute' AND NOT EXISTS (
        SELECT FROM orders o WHERE o.station_id = i.station_id AND o.kind = 'base_report'
        AND o.created_at >= i.asked_at AND (o.sent_at IS NOT NULL OR o.state = 'waiting')))
RETURNING i.station_id
"""
# What was to take effect by this boot, and what must not be another value than wanted.
_READ_BACK = """
UPDATE station_settings SET state = CASE WHEN state = 'needs_reboot' THEN 'pending' ELSE state END
WHERE station_id = ANY(%b::uuid[])
  AND (state = 'needs_reboot' OR (enforce AND state IN ('in_force', 'drifted')))
RETURNING station_id, component, component_instance, evse, connector, variable, variable_instance
"""


async def ask_after_boots(connection: Connection, changes: Changes) -> None:
    """Orders for the stations of this batch that booted and are accepted."""
    boots = {
        station_id: (entry, fact)
        for station_id, (entry, fact) in sorted(changes.boots.items())
        if entry.peer.registration == "accepted" and not entry.peer.quirks.no_configuration_probe
    }
    if not boots:
        return
    rows = list(boots.values())
    asked = await connection.execute(
        _ASK,
        (
            pack("uuid", [entry.station_id for entry, _ in rows]),
            pack("uuid", [entry.peer.organization_id for entry, _ in rows]),
            pack("text", [fact.firmware_version for _, fact in rows]),
        ),
    )
    back = await connection.execute(
        _READ_BACK, (pack("uuid", [entry.station_id for entry, _ in rows]),)
    )
    unknown = await asked.fetchall()
    within_s = min(ASK_WITHIN_S + len(unknown), ASK_WITHIN_MOST_S)
    for (station_id,) in unknown:
        entry = boots[station_id][0]
        changes.orders.append(inventory_order(entry, _spread(ASK_AFTER_S, within_s)))
    names: dict[UUID, list[str]] = defaultdict(list)
    for station_id, *place in await back.fetchall():
        names[station_id].append(written_name(*place))
    for station_id, found in names.items():
        delay = _spread(READ_BACK_AFTER_S, READ_BACK_WITHIN_S)
        changes.orders.append(read_order(boots[station_id][0], found, delay))


def inventory_order(entry: Entry, delay: timedelta) -> PlacedOrder:
    """Ask a station for all its variables; for OCPP 1.6, for its whole configuration."""
    return PlacedOrder(
        organization_id=entry.peer.organization_id,
        station_id=entry.station_id,
        kind="base_report",
        payload={"base": "full"},
        now=entry.received_at,
        delay=delay,
        kept=delay + ASK_KEPT,
    )


def read_order(entry: Entry, names: Iterable[str], delay: timedelta = timedelta(0)) -> PlacedOrder:
    """Read these variables again. The gateway splits what is too much for one call."""
    return PlacedOrder(
        organization_id=entry.peer.organization_id,
        station_id=entry.station_id,
        kind="read_configuration",
        payload={"names": sorted(set(names))},
        now=entry.received_at,
        delay=delay,
        kept=timedelta(days=1),
    )


def _spread(after_s: int, within_s: int) -> timedelta:
    return timedelta(seconds=after_s, milliseconds=secrets.randbelow((within_s - after_s) * 1000))
