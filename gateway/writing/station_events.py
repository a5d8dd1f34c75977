"""Save what stations reported of themselves: one statement for a whole batch."""

from collections.abc import Sequence

from gateway.writing.alarms import raise_alarms
from gateway.writing.arrays import pack
from gateway.writing.entry import Entry
from gateway.writing.loading import Connection, TransactionFact
from holdfast.contracts.facts import EventReported, FirmwareReported
from holdfast.domain.personal_details import kept_details

_EVENTS = """
INSERT INTO station_events (received_at, organization_id, station_id, at, kind, name, severity,
                            evse, connector, request_id, transaction_id, details)
SELECT * FROM unnest(%b::timestamptz[], %b::uuid[], %b::uuid[], %b::timestamptz[], %b::text[],
                     %b::text[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[],
                     %b::text[], %b::jsonb[])
"""


def firmware_event(fact: FirmwareReported) -> EventReported:
    """A step of a firmware update: the station's row holds the newest, the events all of them."""
    return EventReported(
        at=fact.at, clock=fact.clock, kind="firmware", name=fact.status, request_id=fact.request_id
    )


def transaction_event(fact: TransactionFact) -> EventReported:
    """What only OCPP 2.1 says of a transaction: its cost as the station sees it, its limits."""
    return EventReported(
        at=fact.at,
        clock=fact.clock,
        kind="transaction",
        evse=fact.evse,
        connector=fact.connector,
        transaction_id=fact.transaction_id,
        details=fact.extras,
    )


def reservation_used(fact: TransactionFact, reservation: int) -> EventReported:
    """The transaction that ends a reservation; as the station tells of one that expires
    (2.0.1 E01.FR.13, H01.FR.15; 1.6 section 4.8)."""
    return EventReported(
        at=fact.at,
        clock=fact.clock,
        kind="reservation",
        name="Used",
        evse=fact.evse,
        connector=fact.connector,
        transaction_id=fact.transaction_id,
        details={"reservationId": reservation},
    )


async def save_events(
    connection: Connection, events: Sequence[tuple[Entry, EventReported]]
) -> None:
    """New events, in the order in which they came."""
    facts = [fact for _, fact in events]
    await connection.execute(
        _EVENTS,
        (
            pack("timestamptz", [entry.received_at for entry, _ in events]),
            pack("uuid", [entry.peer.organization_id for entry, _ in events]),
            pack("uuid", [entry.station_id for entry, _ in events]),
            pack("timestamptz", [fact.at for fact in facts]),
            pack("text", [fact.kind for fact in facts]),
            pack("text", [fact.name for fact in facts]),
            pack("bigint", [fact.severity for fact in facts]),
            pack("bigint", [fact.evse for fact in facts]),
            pack("bigint", [fact.connector for fact in facts]),
            pack("bigint", [fact.request_id for fact in facts]),
            pack("text", [fact.transaction_id for fact in facts]),
            pack("jsonb", [kept_details(fact.kind, fact.details) for fact in facts]),
        ),
    )
    await raise_alarms(
        connection,
        [
            (entry.peer.organization_id, entry.station_id, entry.peer.identity, fact.name)
            for entry, fact in events
            if fact.kind == "security"
        ],
    )
