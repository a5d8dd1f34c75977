"""Stripe's webhooks: signed over the raw bytes, stored once, and only "look again"."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
import stripe
import structlog
from sqlalchemy import insert, select

from holdfast.store.database import Sessions
from holdfast.store.tables import OutboxRow, Payment, ProviderEvent
from tests.api.conftest import WEBHOOK_SECRET, Clients


@pytest.fixture
async def payment(db_sessions: Sessions, organization: UUID) -> UUID:
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(Payment)
            .values(
                organization_id=organization,
                kind="hold",
                currency="EUR",
                asked_minor=6000,
                intent="pi_1",
            )
            .returning(Payment.id)
        )
        return row.scalar_one()


def event(kind: str = "payment_intent.succeeded", **content: Any) -> bytes:
    return json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": kind,
            "api_version": stripe.api_version,
            "data": {"object": {"id": "pi_1", "object": "payment_intent", **content}},
        }
    ).encode()


async def deliver(
    clients: Clients,
    body: bytes,
    *,
    secret: str = WEBHOOK_SECRET,
    at: int | None = None,
    signed: bytes | None = None,
) -> httpx.Response:
    header = stripe.WebhookSignature.generate_signature_header(
        (signed or body).decode(), secret, timestamp=at or int(time.time())
    )
    async with clients.with_key(None) as client:
        return await client.post(
            "/webhooks/stripe", content=body, headers={"Stripe-Signature": header}
        )


async def told(sessions: Sessions) -> list[tuple[str, str, str]]:
    async with sessions() as db:
        rows = await db.scalars(select(OutboxRow).order_by(OutboxRow.id))
        return [(row.workflow_id, row.name, row.payload["event_id"]) for row in rows]


async def test_an_event_has_the_payment_look_again(
    clients: Clients, db_sessions: Sessions, payment: UUID
) -> None:
    answer = await deliver(clients, event(metadata={"payment_id": str(payment)}))

    assert answer.status_code == 200
    assert await told(db_sessions) == [(f"payment-{payment}", "provider_noticed", "evt_1")]
    async with db_sessions() as db:
        stored = (await db.scalars(select(ProviderEvent))).one()
    assert (stored.id, stored.payment_id, stored.api_version) == (
        "evt_1",
        payment,
        stripe.api_version,
    )


async def test_an_event_of_another_api_version_is_taken_and_said(
    clients: Clients, db_sessions: Sessions, payment: UUID
) -> None:
    other = json.dumps({**json.loads(event()), "id": "evt_2", "api_version": "2020-08-27"})
    with structlog.testing.capture_logs() as ordinary:
        await deliver(clients, event())
    with structlog.testing.capture_logs() as said:
        await deliver(clients, other.encode())

    assert [row[2] for row in await told(db_sessions)] == ["evt_1", "evt_2"]
    warnings = [(line["sent"], line["ours"]) for line in said if line["log_level"] == "warning"]
    assert warnings == [("2020-08-27", stripe.api_version)]
    assert [line for line in ordinary if line["log_level"] == "warning"] == []


async def test_a_second_delivery_is_taken_and_changes_nothing(
    clients: Clients, db_sessions: Sessions, payment: UUID
) -> None:
    await deliver(clients, event())

    answer = await deliver(clients, event())

    assert answer.json() == {"known": True, "repeated": True}
    assert len(await told(db_sessions)) == 1


@pytest.mark.parametrize(
    "content",
    [{}, {"id": "ch_1", "payment_intent": "pi_1"}, {"metadata": {"payment_id": "no uuid"}}],
    ids=["the intent itself", "a charge of it", "metadata that is not ours"],
)
async def test_a_payment_is_found_by_its_intent_where_the_metadata_does_not_say(
    clients: Clients, db_sessions: Sessions, payment: UUID, content: dict[str, Any]
) -> None:
    await deliver(clients, event(**content))

    assert [row[0] for row in await told(db_sessions)] == [f"payment-{payment}"]


async def test_an_event_of_no_concern_is_stored_and_taken(
    clients: Clients, db_sessions: Sessions
) -> None:
    answer = await deliver(clients, event("radar.early_fraud_warning.created", id="issfr_1"))

    assert answer.status_code == 200
    assert answer.json()["known"] is False
    assert await told(db_sessions) == []


@pytest.mark.parametrize("case", ["wrong secret", "stale", "tampered", "no event"])
async def test_what_is_not_signed_by_stripe_is_refused_and_not_kept(
    clients: Clients, db_sessions: Sessions, payment: UUID, case: str
) -> None:
    body = event()
    deliveries: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "wrong secret": lambda: deliver(clients, body, secret="whsec_other"),  # noqa: S106
        "stale": lambda: deliver(clients, body, at=int(time.time()) - 301),
        "tampered": lambda: deliver(clients, body + b" ", signed=body),
        "no event": lambda: deliver(clients, b'{"id": 1}'),
    }

    answer = await deliveries[case]()

    assert answer.status_code == 400
    async with db_sessions() as db:
        assert (await db.scalars(select(ProviderEvent))).all() == []


async def test_a_webhook_without_a_signature_is_refused(clients: Clients) -> None:
    async with clients.with_key(None) as client:
        assert (await client.post("/webhooks/stripe", content=event())).status_code == 400


async def test_a_large_webhook_is_refused_before_it_is_read(clients: Clients) -> None:
    async with clients.with_key(None) as client:
        answer = await client.post("/webhooks/stripe", content=b" " * 600_000)

    assert answer.status_code == 413
