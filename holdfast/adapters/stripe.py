"""Stripe as our payment provider. It repeats nothing by itself: Temporal does, with stored keys.

docs.stripe.com/api; API version pinned by the SDK. An answer that does not say what happened is
`ProviderUnsure`, never a failure.
"""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar, cast

import stripe

from holdfast.contracts.ports import Intent, ProviderRefused, ProviderUnsure, ProviderUnusable
from holdfast.settings import Settings

API_VERSION = stripe.api_version  # pinned by the SDK; webhook endpoints are to have the same
TIMEOUT_S = 20.0
LIST_PAGES_MAX = 20
PAGE = 100
EXPAND = ["latest_charge"]

Answer = TypeVar("Answer")


def stripe_client(
    settings: Settings, http: stripe.HTTPXClient | None = None
) -> stripe.StripeClient | None:
    """A client as the settings say; None where no key is configured."""
    if settings.stripe_api_key is None:
        return None
    base = settings.stripe_api_base
    return stripe.StripeClient(
        settings.stripe_api_key.get_secret_value(),
        max_network_retries=0,
        base_addresses={"api": base} if base is not None else {},
        http_client=http or stripe.HTTPXClient(timeout=TIMEOUT_S),
    )


class StripePayments:
    """Payment intents on the official SDK. `client` is for what is not a payment intent."""

    def __init__(self, client: stripe.StripeClient, http: stripe.HTTPXClient) -> None:
        self.client = client
        self._http = http

    @classmethod
    def opened(cls, settings: Settings) -> Self | None:
        """As the settings say; None where no key is configured. `close` it."""
        http = stripe.HTTPXClient(timeout=TIMEOUT_S)
        client = stripe_client(settings, http)
        return None if client is None else cls(client, http)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close_async()  # type: ignore[no-untyped-call] # the SDK's

    async def create_intent(self, parameters: Mapping[str, Any], key: str) -> Intent:
        """POST /v1/payment_intents."""
        return await self._asked(
            self.client.v1.payment_intents.create_async(
                params=cast(Any, {**parameters, "expand": EXPAND}),
                options={"idempotency_key": key},
            )
        )

    async def capture_intent(self, intent: str, parameters: Mapping[str, Any], key: str) -> Intent:
        """POST /v1/payment_intents/{id}/capture."""
        return await self._asked(
            self.client.v1.payment_intents.capture_async(
                intent,
                params=cast(Any, {**parameters, "expand": EXPAND}),
                options={"idempotency_key": key},
            )
        )

    async def cancel_intent(self, intent: str, parameters: Mapping[str, Any], key: str) -> Intent:
        """POST /v1/payment_intents/{id}/cancel."""
        return await self._asked(
            self.client.v1.payment_intents.cancel_async(
                intent,
                params=cast(Any, {**parameters, "expand": EXPAND}),
                options={"idempotency_key": key},
            )
        )

    async def read_intent(self, intent: str) -> Intent:
        """GET /v1/payment_intents/{id}."""
        return await self._asked(
            self.client.v1.payment_intents.retrieve_async(intent, params={"expand": EXPAND})
        )

    async def find_intent(
        self, payment_id: str, created_after: datetime, customer: str | None
    ) -> Intent | None:
        """List, newest first, from a little before we sent; Stripe's search lags behind."""
        after = int((created_after - timedelta(minutes=10)).timestamp())
        params: dict[str, Any] = {"created": {"gte": after}, "limit": PAGE}
        if customer is not None:
            params["customer"] = customer
        for _ in range(LIST_PAGES_MAX):
            page = await _guarded(
                self.client.v1.payment_intents.list_async(params=cast(Any, params))
            )
            for found in page.data:
                if (_plain(found).get("metadata") or {}).get("payment_id") == payment_id:
                    return await self.read_intent(found.id)
            if not page.has_more or not page.data:
                return None
            params["starting_after"] = page.data[-1].id
        raise ProviderUnsure(f"payment {payment_id} was not among {LIST_PAGES_MAX * PAGE} intents")

    async def _asked(self, call: Awaitable[stripe.PaymentIntent]) -> Intent:
        return read(_plain(await _guarded(call)))


async def _guarded(call: Awaitable[Answer]) -> Answer:
    """Each of Stripe's errors as one of ours. No text of Stripe's that could name a person."""
    try:
        return await call
    except stripe.CardError as error:
        raise ProviderRefused(
            error.code or "card_declined", decline_code=_decline(error), intent=_embedded(error)
        ) from error
    except stripe.IdempotencyError as error:
        raise ProviderUnusable("an idempotency key was used with other parameters") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderUnusable("Stripe does not accept our key") from error
    except stripe.RateLimitError as error:
        raise ProviderUnsure("rate limited", retry_after_s=_retry_after(error)) from error
    except stripe.InvalidRequestError as error:
        code = error.code or f"invalid_request {error.param or ''}".strip()
        raise ProviderRefused(code, intent=_embedded(error)) from error
    except stripe.StripeError as error:
        replayed = _header(error, "idempotent-replayed") == "true"
        raise ProviderUnsure(
            f"{type(error).__name__} {error.http_status or 'without an answer'}",
            replayed=replayed and (error.http_status or 0) >= 500,
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # A body that is not what the API describes: we do not know what was done.
        raise ProviderUnsure(f"an unreadable answer: {type(error).__name__}") from error


def _plain(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value.to_dict())


def read(data: Mapping[str, Any]) -> Intent:
    """A payment intent object as ours."""
    error = data.get("last_payment_error") or {}
    charge = data.get("latest_charge")
    card: Mapping[str, Any] = {}
    if isinstance(charge, Mapping):
        card = (charge.get("payment_method_details") or {}).get("card") or {}
    before = card.get("capture_before")
    action = data.get("next_action") or {}
    return Intent(
        id=str(data["id"]),
        status=str(data["status"]),
        currency=str(data["currency"]).upper(),
        amount=int(data["amount"]),
        capturable=int(data.get("amount_capturable") or 0),
        received=int(data.get("amount_received") or 0),
        decline_code=error.get("decline_code") or error.get("code"),
        capture_before=None if before is None else datetime.fromtimestamp(int(before), UTC),
        next_action_url=(action.get("redirect_to_url") or {}).get("url"),
        cancellation_reason=data.get("cancellation_reason"),
        metadata=dict(data.get("metadata") or {}),
    )


def _embedded(error: stripe.StripeError) -> Intent | None:
    """The intent that Stripe puts into a refusal."""
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    found = (body.get("error") or {}).get("payment_intent")
    return read(found) if isinstance(found, Mapping) else None


def _decline(error: stripe.CardError) -> str | None:
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    return (body.get("error") or {}).get("decline_code") or error.code


def _header(error: stripe.StripeError, name: str) -> str | None:
    headers = error.headers or {}
    return next((str(value) for key, value in headers.items() if key.lower() == name), None)


def _retry_after(error: stripe.StripeError) -> float | None:
    try:
        return min(60.0, float(_header(error, "retry-after") or ""))
    except ValueError:
        return None
