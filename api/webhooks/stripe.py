"""Webhooks of Stripe: checked over the raw bytes, stored once, then taken as "look again".

docs.stripe.com/webhooks. A delivery may come twice, late, out of order or never, so that nothing
in it is believed but the ids; a 2xx means that it is stored. An event without a payment of ours is
stored as well, and answered 200: Stripe has done its part.
"""

from typing import Any
from uuid import UUID

import stripe
import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from holdfast.adapters.stripe import API_VERSION
from holdfast.contracts.names import payment_workflow_id
from holdfast.contracts.payments import PROVIDER_NOTICED, NoticeSignal
from holdfast.http.database import Db
from holdfast.http.problems import Problem
from holdfast.services.outbox import notify, tell
from holdfast.settings import Settings
from holdfast.store.tables import Payment, ProviderEvent

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE_S = 300
INTENT_PREFIX = "pi_"

log = structlog.get_logger()


class EventObject(BaseModel):
    """What we read of the object: enough to find the payment. Objects of any type come."""

    model_config = ConfigDict(extra="ignore")

    id: Any = None
    payment_intent: Any = None
    metadata: Any = None


class EventData(BaseModel):
    """Stripe's wrapping of it."""

    model_config = ConfigDict(extra="ignore")

    object: EventObject


class StripeEvent(BaseModel):
    """What we read of an event."""

    model_config = ConfigDict(extra="ignore")

    id: str
    type: str
    api_version: str | None = None
    data: EventData


class Received(BaseModel):
    """`known`: a payment of ours is told to look again. `repeated`: it was stored before."""

    known: bool
    repeated: bool = False


@router.post("/stripe")
async def receive_stripe_event(request: Request, db: Db) -> Received:
    """Store the event and have its payment look again."""
    settings: Settings = request.app.state.settings
    if settings.stripe_webhook_secret is None:
        raise Problem(503, "payments-not-configured", "no webhook secret is configured")
    body = await request.body()
    event = checked_event(
        body,
        request.headers.get(SIGNATURE_HEADER),
        settings.stripe_webhook_secret.get_secret_value(),
    )
    if event.api_version != API_VERSION:
        # Said and gone on with: nothing is believed of it but ids (and `holdfast doctor` says so).
        log.warning("webhook of another API version", sent=event.api_version, ours=API_VERSION)
    payment = await _payment_of(db, event.data.object)
    stored = await db.scalar(
        upsert(ProviderEvent)
        .values(
            id=event.id,
            type=event.type,
            api_version=event.api_version,
            payment_id=None if payment is None else payment.id,
            body=body,
        )
        .on_conflict_do_nothing()
        .returning(ProviderEvent.id)
    )
    if stored is None:
        return Received(known=payment is not None, repeated=True)
    if payment is None:
        log.debug("event without a payment of ours", type=event.type)
        return Received(known=False)
    await tell(
        db,
        payment.organization_id,
        payment_workflow_id(payment.id),
        operation="signal",
        name=PROVIDER_NOTICED,
        message=NoticeSignal(event_id=event.id, type=event.type),
    )
    await notify(db, ["outbox", "payments"])
    return Received(known=True)


def checked_event(body: bytes, signature: str | None, secret: str) -> StripeEvent:
    """Raises a Problem (400): no, stale or wrong signature, or no event."""
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE_S)
        return StripeEvent.model_validate_json(text)
    except stripe.SignatureVerificationError:
        raise Problem(400, "bad-signature", "the signature does not fit the body") from None
    except (UnicodeDecodeError, ValidationError):
        raise Problem(400, "bad-event", "the body is no Stripe event") from None


async def _payment_of(db: AsyncSession, seen: EventObject) -> Payment | None:
    """By our id in the metadata, else by the intent."""
    named = _uuid(seen.metadata.get("payment_id")) if isinstance(seen.metadata, dict) else None
    if named is not None and (payment := await _payment(db, Payment.id == named)) is not None:
        return payment
    for intent in (seen.payment_intent, seen.id):
        if isinstance(intent, str) and intent.startswith(INTENT_PREFIX):
            return await _payment(db, Payment.intent == intent)
    return None


async def _payment(db: AsyncSession, condition: ColumnElement[bool]) -> Payment | None:
    # Of any organization: Stripe, not an organization's key, asks here.
    return await db.scalar(select(Payment).where(condition))


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
