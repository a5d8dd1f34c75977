"""What people decide of a payment: charge again, or give the money up. With a reason, audited."""

from typing import Literal, cast

from starlette.responses import Response

from holdfast.contracts.payments import PaymentDecision
from holdfast.services import audit
from holdfast.services.charges import NoCard, NothingToDecide, decide
from holdfast.services.payment_reads import get_payment
from holdfast.services.refusal import Conflict, Invalid, NotFound
from web.live_page import uuid_or_none
from web.visit import Visit, back_to

PAYMENT_DECISIONS = {"retry": "Charge again", "write_off": "Give it up"}


async def decide_payment(visit: Visit) -> Response:
    """POST /payments/{id}/decide"""
    payment_id = uuid_or_none(visit.request.path_params["id"])
    if payment_id is None:
        raise NotFound("payment", visit.request.path_params["id"])
    action = visit.form.get("decision", "")
    if action not in PAYMENT_DECISIONS:
        raise Invalid("decision", action, f"use one of {', '.join(PAYMENT_DECISIONS)}")
    reason = visit.reason()
    organization_id, actor = visit.viewer.organization_id, visit.viewer.actor
    payment = await get_payment(visit.db, organization_id, payment_id, lock=True)
    entry = await audit.record(
        visit.db,
        organization_id,
        actor=actor,
        action=f"payment.{action}",
        subject=f"payment:{payment.id}",
        reason=reason,
        details={"state": payment.state},
    )
    decision = PaymentDecision(
        event_id=f"audit-{entry}",
        action=cast(Literal["retry", "write_off"], action),
        reason=reason,
        actor=actor,
    )
    try:
        await decide(visit.db, payment, decision)
    except (NothingToDecide, NoCard) as error:
        raise Conflict(str(error)) from None
    if payment.session_id is None:
        return back_to("/attention")
    return back_to(f"/sessions/{payment.session_id}?done=payment")
