"""StationCertificate: from a station's CSR to the certificate that it accepted.

OCPP 1.6 security whitepaper A02, 2.0.1 A02 and A03, M-block for V2G. No key and no certificate is
in a message: rows hold them.
"""

from typing import Literal
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "StationCertificate"
REQUEST_DECIDED = "request_decided"
# The conformance tests of OCPP want the answer to the CSR well before the certificate.
PAUSE_S = 5.0


class StartCertificate(Message):
    """A request's row exists."""

    request_id: UUID
    organization: str
    organization_id: UUID
    station_id: UUID
    station: str
    site_id: UUID | None = None
    rebuilt: bool = False


class RequestOrder(Message):
    """Names a request."""

    request_id: UUID


class CertificateOrder(Message):
    """Name a request, and which attempt to hand the certificate over this is."""

    request_id: UUID
    attempt: int


class RequestSeen(Message):
    """As its rows are now: the request's state, and that of the order of the last attempt.

    `pause_s`, after signing: how long the certificate waits before it is sent.
    """

    state: str
    order: str | None = None
    reason: str | None = None
    pause_s: float = PAUSE_S


class EndRequest(Message):
    """How it ended, where the rows do not say yet."""

    request_id: UUID
    state: Literal["installed", "rejected", "failed"]
    reason: str | None = None


class RequestDecision(Message):
    """A person approved or refused; the row says which."""

    event_id: str


@activity.defn(name="certificates.sign")
async def sign_certificate(order: RequestOrder) -> RequestSeen:
    """Sign, once, unless a person must approve first: then the state is `approval`."""
    declared()


@activity.defn(name="certificates.send")
async def send_certificate(order: CertificateOrder) -> RequestSeen:
    """Place the order that carries the certificate; a repeat of the attempt places nothing."""
    declared()


@activity.defn(name="certificates.look")
async def look_at_request(order: CertificateOrder) -> RequestSeen:
    """How the request and the order of this attempt stand."""
    declared()


@activity.defn(name="certificates.end")
async def end_request(order: EndRequest) -> RequestSeen:
    """Write how it ended; where it went wrong, open a task for a person."""
    declared()


@workflow.defn(name=WORKFLOW)
class StationCertificateDeclaration:
    """Id `cert-<request uuid>`, queue `orders`."""

    @workflow.run
    async def run(self, start: StartCertificate) -> RequestSeen:
        """Wait for approval where one is needed, sign, hand over, record."""
        declared()
