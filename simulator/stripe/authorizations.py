"""What happens when a payment intent meets a card: hold, charge, decline, 3DS, capture, release.

docs.stripe.com/payments/paymentintents/lifecycle. Each function changes the intent, saves it and
emits the events of the change, all in the caller's transaction.
"""

from dataclasses import dataclass

from simulator.stripe import charges, errors
from simulator.stripe.account import Account
from simulator.stripe.cards import (
    Decline,
    TestCard,
    authentication_error,
    authentication_failure,
    decline_error,
)
from simulator.stripe.errors import JsonObject, Refused
from simulator.stripe.listing import visible
from simulator.stripe.payment_methods import attach_to, resolve, test_card

DAY_S = 86_400
HOLD_S = 7 * DAY_S
# docs.stripe.com/payments/place-a-hold-on-a-payment-method: Visa, merchant initiated.
HOLD_VISA_OFF_SESSION_S = 4 * DAY_S + 18 * 3_600
AUTHENTICATION = Decline(
    code="authentication_required",
    decline_code="authentication_required",
    message="Your card was declined. This transaction requires authentication.",
    advice_code="try_again_later",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How a confirmation was asked for. `page_url`: where the driver can pass 3DS."""

    off_session: bool
    return_url: str | None
    error_on_requires_action: bool
    page_url: str


def needs_authentication(card: TestCard, method: JsonObject, *, off_session: bool) -> bool:
    if card.authentication == "until_set_up" and off_session:
        return not method["_sim"]["set_up"]
    return card.authentication != "never"


def attempt(account: Account, intent: JsonObject, how: Attempt) -> None:
    """Ask the bank. Raises the card error, which carries the intent as it then stands."""
    method = resolve(account, intent["payment_method"])
    card = test_card(method)
    intent["_sim"]["off_session"] = how.off_session
    if not needs_authentication(card, method, off_session=how.off_session):
        charge_card(account, intent, method)
        return
    if how.off_session or how.error_on_requires_action:
        refuse(account, intent, method, AUTHENTICATION, authentication_error())
    intent["status"] = "requires_action"
    intent["next_action"] = next_action(how)
    account.save(intent)
    account.emit("payment_intent.requires_action", intent)


def next_action(how: Attempt) -> JsonObject:
    if how.return_url:
        return {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": how.return_url, "url": how.page_url},
        }
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": how.page_url},
    }


def charge_card(
    account: Account, intent: JsonObject, method: JsonObject, *, authenticated: bool = False
) -> None:
    card = test_card(method)
    if card.decline is not None:
        refuse(account, intent, method, card.decline, decline_error(card.decline))
    manual = intent["capture_method"] == "manual"
    if manual:
        visa_later = method["card"]["brand"] == "visa" and intent["_sim"]["off_session"]
        window_s = HOLD_VISA_OFF_SESSION_S if visa_later else HOLD_S
        intent["_sim"]["due_at"] = account.now() + window_s
    charge = charges.build(
        account,
        intent,
        method,
        capture_before=intent["_sim"].get("due_at"),
        captured=not manual,
        authenticated=authenticated,
    )
    intent |= {
        "status": "requires_capture" if manual else "succeeded",
        "amount_capturable": intent["amount"] if manual else 0,
        "amount_received": 0 if manual else intent["amount"],
        "latest_charge": charge["id"],
        "next_action": None,
        "last_payment_error": None,
    }
    account.save(charge)
    account.save(intent)
    keep_for_later(account, intent, method, authenticated=authenticated)
    account.emit("charge.succeeded", charge)
    account.emit(
        "payment_intent.amount_capturable_updated" if manual else "payment_intent.succeeded", intent
    )


def keep_for_later(
    account: Account, intent: JsonObject, method: JsonObject, *, authenticated: bool
) -> None:
    """A card is saved to the customer if the intent says so; otherwise a loose one is spent."""
    if intent["setup_future_usage"] and intent["customer"]:
        method["_sim"]["set_up"] |= authenticated
        attach_to(account, method, intent["customer"])
    elif method["customer"] is None:
        method["_sim"]["spent"] = True
    account.save(method)


def refuse(
    account: Account, intent: JsonObject, method: JsonObject, decline: Decline, error: JsonObject
) -> None:
    """The attempt failed: the intent waits for another card. Always raises."""
    charge = charges.build(account, intent, method, decline=decline)
    shown = visible(method)
    told = {**error, "charge": charge["id"]}
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "last_payment_error": {
            **told,
            "doc_url": errors.DOC_URL + str(error["code"]).replace("_", "-"),
            "payment_method": shown,
        },
    }
    account.save(charge)
    account.save(intent)
    account.emit("charge.failed", charge)
    account.emit("payment_intent.payment_failed", intent)
    raise errors.card(told, payment_method=shown, payment_intent=visible(intent))


def finish_authentication(account: Account, intent: JsonObject, *, passed: bool) -> None:
    """The driver came back from the bank's page. A decline afterwards is not raised: nobody asks.

    Raises a state refusal when the intent does not wait for this.
    """
    if intent["status"] != "requires_action":
        raise errors.state(
            f"This PaymentIntent has a status of {intent['status']}: no authentication is open.",
            code="payment_intent_unexpected_state",
            payment_intent=visible(intent),
        )
    method = resolve(account, intent["payment_method"])
    if passed:
        try:
            charge_card(account, intent, method, authenticated=True)
        except Refused as declined_after:
            if declined_after.status != 402:
                raise
        return
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": authentication_failure("payment_intent")
        | {"payment_method": visible(method)},
    }
    account.save(intent)
    account.emit("payment_intent.payment_failed", intent)


def capture(account: Account, intent: JsonObject, amount: int) -> None:
    """Take `amount` of the hold; the rest goes back."""
    charge = account.get("charge", intent["latest_charge"])
    held = intent["amount_capturable"]
    charge |= {"captured": True, "amount_captured": amount}
    intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    intent["_sim"].pop("due_at", None)
    account.emit("charge.captured", charge)
    charges.release_rest(account, charge, held - amount)
    account.save(charge)
    account.save(intent)
    account.emit("payment_intent.succeeded", intent)


def cancel(account: Account, intent: JsonObject, reason: str | None) -> None:
    """Give a hold back, or give an unfinished payment up."""
    held = intent["amount_capturable"]
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": account.now(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    intent["_sim"].pop("due_at", None)
    if held:
        charge = account.get("charge", intent["latest_charge"])
        if reason == "automatic":
            account.emit("charge.expired", charge)
        charges.release_rest(account, charge, held)
        account.save(charge)
    account.save(intent)
    account.emit("payment_intent.canceled", intent)


def expire_due(account: Account) -> int:
    """Cancel the holds whose `capture_before` has passed. Returns how many."""
    due = account.due()
    for intent in due:
        cancel(account, intent, "automatic")
    return len(due)
