"""Security events that the gateway itself sees, in the same table as those that stations report.

Names are the specification's (OCPP 2.0.1 part 2, appendix 1). Rate-limited: whoever knocks a
thousand times a minute must not write a thousand rows.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

import orjson
import structlog
from psycopg.types.json import Jsonb

from gateway.metrics import GatewayMetrics
from gateway.postgres import Pool
from gateway.writing.alarms import raise_alarms
from gateway.writing.station_saving import notify

logger = structlog.get_logger()

EventName = Literal[
    "FailedToAuthenticateAtCsms",
    "InvalidChargingStationCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
]
SAME_AGAIN_S = 300.0
REMEMBERED_MAX = 20_000

_SAVE = """
INSERT INTO station_events (received_at, organization_id, station_id, at, kind, name, details)
VALUES (now(), %s, %s, now(), 'security', %s, %s)
"""
_IDENTITY = "SELECT identity FROM stations WHERE id = %s"
# By the address that a station came from last, if it is only one station's.
_AT_ADDRESS = """
SELECT c.organization_id, c.station_id FROM station_connections c
WHERE c.remote_address = %s LIMIT 2
"""


class SecurityEvents:
    """Counts every event, and writes one row per station, name and address in five minutes."""

    def __init__(
        self, pool: Pool, metrics: GatewayMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = pool
        self._metrics = metrics
        self._clock = clock
        self._written: OrderedDict[tuple[UUID, str, str | None], float] = OrderedDict()

    async def station(
        self,
        organization_id: UUID,
        station_id: UUID,
        name: EventName,
        reason: str,
        address: str | None,
    ) -> None:
        """An event of a known station. `reason` is ours, and holds nothing that was sent."""
        self._metrics.security_events.labels(name).inc()
        key = (station_id, name, address)
        now = self._clock()
        if now - self._written.get(key, -SAME_AGAIN_S) < SAME_AGAIN_S:
            return
        self._written[key] = now
        self._written.move_to_end(key)
        while len(self._written) > REMEMBERED_MAX:
            self._written.popitem(last=False)
        details: dict[str, Any] = {"seen_by": "gateway", "reason": reason, "address": address}
        try:
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(
                    _SAVE, (organization_id, station_id, name, Jsonb(details, orjson.dumps))
                )
                row = await (await connection.execute(_IDENTITY, (station_id,))).fetchone()
                identity = str(row[0]) if row is not None else ""
                await raise_alarms(connection, [(organization_id, station_id, identity, name)])
                await notify(connection, {"stations"})
        except Exception as error:
            # The refusal itself stands; only its line is missing.
            logger.warning("security_event_not_written", name=name, error=type(error).__name__)

    async def address(self, name: EventName, reason: str, address: str | None) -> None:
        """A TLS handshake that failed: nobody said who it was. The last address may tell."""
        logger.info("tls_refused", security_event=name, reason=reason, address=address)
        found: list[tuple[UUID, UUID]] = []
        if address is not None:
            try:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(_AT_ADDRESS, (address,))
                    found = list(await cursor.fetchall())
            except Exception as error:
                logger.warning("security_event_not_written", name=name, error=type(error).__name__)
        if len(found) == 1:
            await self.station(*found[0], name, reason, address)
        else:
            self._metrics.security_events.labels(name).inc()
