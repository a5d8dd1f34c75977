"""Saving a card, against the Stripe simulator over the wire."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select

from holdfast.adapters.saved_cards import StripeCards
from holdfast.adapters.stripe import StripePayments
from holdfast.services import demo
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Account, AuditEntry
from tests.simulator.stripe.server import KEY, SimulatorProcess, World


@pytest.fixture(scope="module")
def stripe_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    server = SimulatorProcess(tmp_path_factory.mktemp("stripe") / "state.sqlite")
    yield server
    server.end()


@pytest.fixture
async def provider(
    stripe_server: SimulatorProcess, settings: Settings
) -> AsyncIterator[StripePayments]:
    """On a private account of the simulator."""
    with World.on(stripe_server, uuid4().hex) as world:
        opened = StripePayments.opened(
            settings.model_copy(
                update={"stripe_api_key": SecretStr(KEY), "stripe_api_base": world.base_url}
            )
        )
        assert opened is not None
        yield opened
        await opened.close()


@pytest.fixture
async def account(app: FastAPI, client: httpx.AsyncClient, provider: StripePayments) -> str:
    """The path of an account that pays by card; the application has the simulator."""
    app.state.cards = StripeCards(provider.client)
    made = await client.post("/api/v1/accounts", json={"name": "Ada", "billing": "card"})
    return f"/api/v1/accounts/{made.json()['id']}"


async def test_a_card_is_saved_for_charges_without_the_driver(
    client: httpx.AsyncClient, account: str, db_sessions: Sessions
) -> None:
    answer = await client.post(f"{account}/cards", json={"payment_method": "pm_card_visa"})

    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["has_card"], shown["card_brand"], shown["card_last4"]) == (True, "visa", "4242")
    async with db_sessions() as db:
        row = (await db.scalars(select(Account))).one()
        actions = set(await db.scalars(select(AuditEntry.action)))
    assert row.stripe_customer is not None
    assert row.stripe_customer.startswith("cus_")
    assert "account.attach_card" in actions


async def test_a_second_card_replaces_the_first_at_the_same_customer(
    client: httpx.AsyncClient, account: str, db_sessions: Sessions
) -> None:
    await client.post(f"{account}/cards", json={"payment_method": "pm_card_visa"})
    async with db_sessions() as db:
        first = (await db.scalars(select(Account))).one()

    answer = await client.post(f"{account}/cards", json={"payment_method": "pm_card_mastercard"})

    assert answer.json()["card_brand"] == "mastercard"
    async with db_sessions() as db:
        second = (await db.scalars(select(Account))).one()
    assert second.stripe_customer == first.stripe_customer
    assert second.stripe_payment_method != first.stripe_payment_method


async def test_a_declined_card_is_not_saved(client: httpx.AsyncClient, account: str) -> None:
    answer = await client.post(
        f"{account}/cards", json={"payment_method": "pm_card_chargeDeclined"}
    )

    assert answer.status_code == 402
    assert (await client.get(account)).json()["has_card"] is False


async def test_every_card_account_of_the_demo_gets_a_card_once(
    db_sessions: Sessions, settings: Settings, provider: StripePayments, organization: UUID
) -> None:
    async with db_sessions.begin() as db:
        await demo.seed(db, settings.secret_key.get_secret_value())

    async with db_sessions.begin() as db:
        first = await demo.attach_demo_cards(db, provider.client)
    async with db_sessions.begin() as db:
        second = await demo.attach_demo_cards(db, provider.client)

    assert (first, second) == (16, 0)
    async with db_sessions() as db:
        cards = await db.scalars(select(Account).where(Account.billing == "card"))
        assert all(card.stripe_payment_method for card in cards)
