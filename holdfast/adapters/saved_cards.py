"""Saving an account holder's card at Stripe, for charges off session (SetupIntent)."""

from dataclasses import dataclass
from uuid import UUID

import stripe
from stripe.params import SetupIntentCreateParams

ACTION_STATUS = "requires_action"


class CardRefused(Exception):
    """The card cannot be saved; the text is Stripe's own for the driver."""


class CardNeedsDriver(Exception):
    """The bank wants to see the driver (3-D Secure): the card must be set up on a page."""


class CardsUnavailable(Exception):
    """Stripe did not answer, or not usefully: try again, it is safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCard:
    """What we keep of a card: Stripe's ids and what a driver knows it by."""

    customer: str
    payment_method: str
    brand: str | None
    last4: str | None


class StripeCards:
    """Customers and their cards. Keys come from the account, so that a repeat makes nothing new."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    async def save(self, account_id: UUID, customer: str | None, payment_method: str) -> SavedCard:
        """Make the customer if there is none, and set the card up for use without the driver.

        Raises CardRefused, CardNeedsDriver, CardsUnavailable.
        """
        try:
            return await self._save(account_id, customer, payment_method)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise CardRefused(error.user_message or error.code or "refused") from error
        except stripe.StripeError as error:
            raise CardsUnavailable(type(error).__name__) from error

    async def _save(self, account_id: UUID, customer: str | None, payment_method: str) -> SavedCard:
        if customer is None:
            made = await self._client.v1.customers.create_async(
                {"metadata": {"account_id": str(account_id)}},
                {"idempotency_key": f"holdfast:{account_id}:customer:1"},
            )
            customer = made.id
        asked: SetupIntentCreateParams = {
            "customer": customer,
            "payment_method": payment_method,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "usage": "off_session",
            "confirm": True,
            "metadata": {"account_id": str(account_id)},
        }
        intent = await self._client.v1.setup_intents.create_async(
            asked,
            {"idempotency_key": f"holdfast:{account_id}:setup:{payment_method}"},
        )
        if intent.status == ACTION_STATUS:
            raise CardNeedsDriver("the bank asks the driver to confirm this card")
        if intent.status != "succeeded" or intent.payment_method is None:
            raise CardRefused(f"the card was not set up: {intent.status}")
        method = intent.payment_method
        saved = method if isinstance(method, str) else method.id
        card = (await self._client.v1.payment_methods.retrieve_async(saved)).card
        return SavedCard(
            customer=customer,
            payment_method=saved,
            brand=card.brand if card else None,
            last4=card.last4 if card else None,
        )
