"""A station's CSR: judged, kept, and given to a workflow that signs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from gateway.dialect import Outcome
from gateway.writing.arrays import pack
from gateway.writing.changes import OutboxChange
from gateway.writing.entry import Entry
from gateway.writing.loading import Connection, Loaded, StationRow
from holdfast.contracts import station_certificates as contract
from holdfast.contracts.facts import CertificateRequested
from holdfast.contracts.names import certificate_workflow_id
from holdfast.services.signing_requests import BadRequest, read_signing_request

# Each is a workflow and a signature. A station asks once a year, and again where something failed.
REQUESTS_A_DAY_MAX = 20

_LATELY = """
SELECT station_id, count(*) FROM certificate_requests
WHERE station_id = ANY(%b::uuid[]) AND received_at > now() - interval '1 day'
GROUP BY station_id
"""
_REQUESTS = """
INSERT INTO certificate_requests (id, organization_id, station_id, use, csr, station_request_id,
                                  received_at)
SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::bigint[],
                     %b::timestamptz[])
"""


@dataclass(frozen=True, slots=True)
class RequestChange:
    """A request to keep, and the start of its workflow."""

    id: UUID
    entry: Entry
    fact: CertificateRequested
    start: OutboxChange


async def count_requests(connection: Connection, entries: Sequence[Entry], loaded: Loaded) -> None:
    """How many CSRs were accepted within a day of the stations that send one now."""
    asking = {entry.station_id for entry in entries if isinstance(entry.fact, CertificateRequested)}
    if asking:
        cursor = await connection.execute(_LATELY, (pack("uuid", sorted(asking)),))
        loaded.signing_requests = {row[0]: int(row[1]) for row in await cursor.fetchall()}


def request_certificate(
    entry: Entry, fact: CertificateRequested, station: StationRow, lately: int
) -> tuple[Outcome, RequestChange | None]:
    """The answer, and what to keep. A CSR that cannot be signed is refused at once, and its frame
    is in the message log; so is one too many (`lately`: accepted within a day)."""
    try:
        if lately >= REQUESTS_A_DAY_MAX:
            raise BadRequest("the station asked too often today")
        read_signing_request(fact.csr)
    except BadRequest as bad:
        details = {"status": "Rejected", "reason": str(bad)}
        return Outcome(at=entry.received_at, details=details), None
    request_id = uuid4()
    start = OutboxChange(
        organization_id=entry.peer.organization_id,
        workflow_id=certificate_workflow_id(request_id),
        operation="start",
        name=contract.WORKFLOW,
        message=contract.StartCertificate(
            request_id=request_id,
            organization=station.organization,
            organization_id=entry.peer.organization_id,
            station_id=entry.station_id,
            station=station.identity,
            site_id=station.site_id,
        ),
    )
    outcome = Outcome(at=entry.received_at, details={"status": "Accepted"})
    return outcome, RequestChange(request_id, entry, fact, start)


async def save_requests(connection: Connection, requests: Sequence[RequestChange]) -> None:
    """New requests; the outbox is saved with everything else."""
    await connection.execute(
        _REQUESTS,
        (
            pack("uuid", [one.id for one in requests]),
            pack("uuid", [one.entry.peer.organization_id for one in requests]),
            pack("uuid", [one.entry.station_id for one in requests]),
            pack("text", [one.fact.use for one in requests]),
            pack("text", [one.fact.csr.replace("\x00", "") for one in requests]),
            pack("bigint", [one.fact.request_id for one in requests]),
            pack("timestamptz", [one.entry.received_at for one in requests]),
        ),
    )
