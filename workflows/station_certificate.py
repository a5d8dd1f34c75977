"""From a station's CSR to a certificate that it accepted."""

from datetime import timedelta
from functools import partial

from temporalio import workflow

from holdfast.contracts import station_certificates as contract
from holdfast.contracts.names import ATTENTION
from holdfast.contracts.station_certificates import (
    CertificateOrder,
    EndRequest,
    RequestDecision,
    RequestOrder,
    RequestSeen,
    StartCertificate,
)
from workflows.order_watch import ended
from workflows.seen_events import SeenEvents
from workflows.step import Refused, step

ATTEMPTS_MAX = 3
ATTEMPT = timedelta(days=2)
AGAIN_AFTER = timedelta(minutes=5)
FINAL = ("installed", "rejected", "refused", "failed")


@workflow.defn(name=contract.WORKFLOW)
class StationCertificate:
    """A certificate that the station refuses is never sent again: it must ask with a new CSR."""

    @workflow.init
    def __init__(self, start: StartCertificate) -> None:
        self.request = RequestOrder(request_id=start.request_id)
        self.decisions = 0
        self.seen = SeenEvents()

    @workflow.run
    async def run(self, start: StartCertificate) -> RequestSeen:
        """Wait for approval where one is needed, sign, hand over, record."""
        try:
            seen = await self._signed(start)
        except Refused as refused:
            seen = await self._end("failed", refused.message)
        if seen.state not in FINAL:
            workflow.set_current_details("signed; the station reads our answer first")
            await workflow.sleep(
                timedelta(seconds=seen.pause_s), summary="the station reads our answer first"
            )
            seen = await self._handed_over(start)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.set_current_details(f"{seen.state} {seen.reason or ''}".strip())
        return seen

    @workflow.signal
    def request_decided(self, decision: RequestDecision) -> None:
        """A person approved or refused: the row says which."""
        if self.seen.is_new(decision.event_id):
            self.decisions += 1

    async def _signed(self, start: StartCertificate) -> RequestSeen:
        while True:
            decisions = self.decisions
            seen = await step(
                contract.sign_certificate, self.request, summary=f"sign for {start.station}"
            )
            if seen.state != "approval":
                workflow.upsert_search_attributes([ATTENTION.value_unset()])
                return seen
            workflow.set_current_details("waits for a person to approve it")
            workflow.upsert_search_attributes([ATTENTION.value_set("certificate to approve")])
            await workflow.wait_condition(partial(self._is_decided_since, decisions))

    def _is_decided_since(self, decisions: int) -> bool:
        return self.decisions != decisions

    async def _handed_over(self, start: StartCertificate) -> RequestSeen:
        state: str | None = None
        for attempt in range(1, ATTEMPTS_MAX + 1):
            order = CertificateOrder(request_id=start.request_id, attempt=attempt)
            workflow.set_current_details(f"handing it over, attempt {attempt}")
            await step(contract.send_certificate, order, summary=f"attempt {attempt}")

            async def look(order: CertificateOrder = order) -> str | None:
                return (await step(contract.look_at_request, order, summary="did it take it")).order

            until = workflow.now() + ATTEMPT
            state = await ended(look, until, f"until {start.station} has it")
            if state == "accepted":
                return await self._end("installed", None)
            if state == "rejected":
                return await self._end("rejected", "the station refused the certificate")
            if attempt < ATTEMPTS_MAX:
                await workflow.sleep(AGAIN_AFTER, summary="before the next attempt")
        return await self._end("failed", f"the station did not take it: {state or 'no answer'}")

    async def _end(self, state: str, reason: str | None) -> RequestSeen:
        order = EndRequest.model_validate(
            {"request_id": self.request.request_id, "state": state, "reason": reason}
        )
        return await step(contract.end_request, order, summary=f"end: {state}")
