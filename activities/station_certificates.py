"""Steps of a station's certificate: rows by services, signatures by an authority of ours."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.final_errors import final
from holdfast.contracts.ports import CertificateSigner, SigningOrder
from holdfast.contracts.station_certificates import (
    CertificateOrder,
    EndRequest,
    RequestOrder,
    RequestSeen,
)
from holdfast.services import station_certificates
from holdfast.services.outbox import notify
from holdfast.services.refusal import NotFound
from holdfast.services.review_tasks import open_station_review
from holdfast.services.signing_requests import BadRequest, read_signing_request
from holdfast.services.station_certificates import OPEN_STATES
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.sealing import CannotUnseal
from holdfast.store.tables import CertificateRequest, Station, StationCertificateRow


@dataclass(frozen=True)
class StationCertificates:
    """The certificates activities, with what the worker hands in."""

    sessions: Sessions
    settings: Settings
    signer: CertificateSigner

    @activity.defn(name="certificates.sign")
    async def sign_certificate(self, order: RequestOrder) -> RequestSeen:
        """Sign, once, unless a person must approve first: then the state is `approval`."""
        async with final(NotFound, BadRequest, CannotUnseal), self.sessions.begin() as db:
            return await self._sign(db, order)

    @activity.defn(name="certificates.send")
    async def send_certificate(self, order: CertificateOrder) -> RequestSeen:
        """Place the order that carries the certificate; a repeat of the attempt places nothing."""
        async with final(NotFound), self.sessions.begin() as db:
            return await station_certificates.hand_over(
                db, order.request_id, order.attempt, datetime.now(UTC)
            )

    @activity.defn(name="certificates.look")
    async def look_at_request(self, order: CertificateOrder) -> RequestSeen:
        """How the request and the order of this attempt stand."""
        async with final(NotFound), self.sessions() as db:
            return await station_certificates.look(db, order.request_id, order.attempt)

    @activity.defn(name="certificates.end")
    async def end_request(self, order: EndRequest) -> RequestSeen:
        """Write how it ended; where it went wrong, open a task for a person."""
        async with final(NotFound), self.sessions.begin() as db:
            return await station_certificates.end(
                db, order.request_id, order.state, order.reason, datetime.now(UTC)
            )

    async def _sign(self, db: AsyncSession, order: RequestOrder) -> RequestSeen:
        request, station, _ = await station_certificates.open_request(db, order.request_id)
        signed = await station_certificates.certificate_of(db, request)
        if request.state not in OPEN_STATES or signed is not None:
            return self._seen(request)
        signing = read_signing_request(request.csr)
        wrong = station_certificates.wrong_name(signing, request, station)
        if wrong is not None:
            raise BadRequest(wrong)
        if await station_certificates.must_be_approved(
            db, request, self.settings.certificate_approval
        ):
            await self._ask(db, request, station)
            return RequestSeen(state=request.state)
        await self._keep(db, request)
        return self._seen(request)

    def _seen(self, request: CertificateRequest) -> RequestSeen:
        pause_s = self.settings.certificate_pause_s
        return RequestSeen(state=request.state, reason=request.reason, pause_s=pause_s)

    async def _ask(self, db: AsyncSession, request: CertificateRequest, station: Station) -> None:
        request.state, request.attention = "approval", "a person must approve it"
        await open_station_review(
            db, station, kind="certificate_approval", details={"use": request.use}
        )
        await notify(db, ["stations"])

    async def _keep(self, db: AsyncSession, request: CertificateRequest) -> None:
        now = datetime.now(UTC)
        signed = await self.signer.sign(
            db,
            SigningOrder(
                organization_id=request.organization_id,
                purpose="station" if request.use == "station" else "v2g",
                # A station that charges by ISO 15118 is the TLS server of the car.
                server=request.use != "station",
                csr=request.csr,
                common_name=read_signing_request(request.csr).common_name,
                valid_days=self.settings.certificate_days,
                now=now,
            ),
        )
        db.add(
            StationCertificateRow(
                organization_id=request.organization_id,
                station_id=request.station_id,
                authority_id=signed.authority_id,
                request_id=request.id,
                use=request.use,
                subject=signed.subject,
                serial=signed.serial,
                fingerprint=signed.fingerprint,
                chain_pem=signed.chain_pem,
                not_before=signed.not_before,
                not_after=signed.not_after,
            )
        )
        request.state, request.attention = "signed", None
        await notify(db, ["stations"])
