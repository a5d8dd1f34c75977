"""What people decide of a payment: charge again, or give the money up. With a reason, audited."""

from typing import cast

from starlette.responses import Response

from holdfast.contracts.payments import PaymentAction
from holdfast.services.payment_decisions import decide
from holdfast.services.refusal import Invalid, NotFound
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
    payment = await decide(
        visit.db,
        visit.viewer.organization_id,
        payment_id,
        action=cast(PaymentAction, action),
        reason=visit.reason(),
        actor=visit.viewer.actor,
    )
    if payment.session_id is None:
        return back_to("/attention", "It is done as you decided.")
    return back_to(f"/sessions/{payment.session_id}?done=payment")
