"""Security events that a person must look at: a review task of the station, one per kind of event.

The specification's list (OCPP 2.0.1 part 2, appendix 1; 1.6 security whitepaper, section 8) also
calls starts, restarts, new firmware and a set clock critical. Those are every day's business of a
fleet and stay events: a list that nobody can read to its end warns of nothing.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

ALARMING = frozenset(
    {
        "AttemptedReplayAttacks",
        "InvalidChargePointCertificate",
        "InvalidChargingStationCertificate",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "MaintenanceLoginFailed",
        "MemoryExhaustion",
        "SecurityLogWasCleared",
        "TamperDetectionActivated",
    }
)

_ALARM = """
INSERT INTO review_tasks (organization_id, kind, subject, details)
VALUES (%s, 'security_event', %s, %s)
ON CONFLICT (subject, kind) WHERE resolved_at IS NULL
DO UPDATE SET details = excluded.details, created_at = now()
"""


async def raise_alarms(
    connection: AsyncConnection[Any], events: Iterable[tuple[UUID, UUID, str, str | None]]
) -> None:
    """Organization, station, its identity, the event's name. An open task of a station gets the
    newer event."""
    found = {
        station_id: (organization_id, identity, name)
        for organization_id, station_id, identity, name in events
        if name in ALARMING
    }
    for station_id in sorted(found):
        organization_id, identity, name = found[station_id]
        details = {"station": identity, "event": name}
        await connection.execute(
            _ALARM, (organization_id, f"station:{station_id}", Jsonb(details, orjson.dumps))
        )
