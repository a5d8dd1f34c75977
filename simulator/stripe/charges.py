"""Charges: what each attempt of an intent at a card left behind. docs.stripe.com/api/charges."""

from simulator.stripe import form
from simulator.stripe.account import Account
from simulator.stripe.cards import Decline
from simulator.stripe.errors import JsonObject
from simulator.stripe.ids import new_id, random_tail
from simulator.stripe.listing import listed
from simulator.stripe.operation import Call, Operation

STATEMENT = "CHARGING"
NEVER_SET = (
    "application", "application_fee", "application_fee_amount", "balance_transaction",
    "failure_balance_transaction", "receipt_number", "receipt_url", "shipping", "source",
    "source_transfer", "transfer_data",
)  # fmt: skip
OF_THE_INTENT = (
    "currency", "customer", "description", "metadata", "on_behalf_of", "receipt_email",
    "review", "statement_descriptor", "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip


def card_details(
    method: JsonObject, amount: int, capture_before: int | None, authenticated: bool
) -> JsonObject:
    """`payment_method_details.card`; features that need special pricing are unavailable."""
    card = method["card"]
    details: JsonObject = {
        name: card[name]
        for name in ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding",
                     "last4", "regulated_status", "wallet")
    }  # fmt: skip
    if capture_before is not None:
        details["capture_before"] = capture_before
    return details | {
        "amount_authorized": amount,
        "authorization_code": random_tail(6).upper(),
        "checks": {**card["checks"], "cvc_check": "pass"},
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": random_tail(15),
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "three_d_secure": authentication() if authenticated else None,
    }


def authentication() -> JsonObject:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": random_tail(36),
        "version": "2.2.0",
    }


def outcome(decline: Decline | None) -> JsonObject:
    return {
        "advice_code": decline.advice_code if decline else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "risk_score": 10,
        "seller_message": "The bank did not return any further details with this decline."
        if decline
        else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def build(
    account: Account,
    intent: JsonObject,
    method: JsonObject,
    *,
    decline: Decline | None = None,
    capture_before: int | None = None,
    captured: bool = False,
    authenticated: bool = False,
) -> JsonObject:
    """`decline` makes it a failed one; `capture_before` (Unix s) one that waits for capture."""
    amount = intent["amount"]
    charge: JsonObject = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if captured else 0,
        "amount_refunded": 0,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": STATEMENT,
        "captured": captured,
        "created": account.now(),
        "disputed": False,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "outcome": outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": card_details(method, amount, capture_before, authenticated),
            "type": "card",
        },
        "radar_options": {},
        "refunded": False,
        "status": "failed" if decline else "succeeded",
    }
    return dict.fromkeys(NEVER_SET) | {name: intent[name] for name in OF_THE_INTENT} | charge


def release_rest(account: Account, charge: JsonObject, rest: int) -> None:
    """What was held and not taken goes back: two shapes are seen in the wild.

    `uncaptured` (the default): the charge only shows that less was captured. `refunded`: the rest
    appears as a refund with its events, as older accounts show it. Chosen at `/_sim/shape`.
    """
    if rest <= 0 or account.store.setting(account.name, "release_shape") != "refunded":
        return
    refund: JsonObject = {
        "id": new_id("re"),
        "object": "refund",
        "amount": rest,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": account.now(),
        "currency": charge["currency"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    charge["amount_refunded"] += rest
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    charge["refunds"] = {
        "object": "list",
        "data": [refund],
        "has_more": False,
        "url": f"/v1/charges/{charge['id']}/refunds",
    }
    account.save(refund)
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge)


def retrieve(call: Call) -> JsonObject:
    return call.account.get("charge", call.id, in_path=True)


def list_all(call: Call) -> JsonObject:
    return listed(call, "charge", "/v1/charges", equal=("customer", "payment_intent"))


OPERATIONS = (
    Operation(name="charges.retrieve", method="GET", path="/v1/charges/{id}", handler=retrieve,
              params={"expand": form.expand}),
    Operation(name="charges.list", method="GET", path="/v1/charges", handler=list_all,
              params={**form.LISTING, "created": form.created_range, "customer": form.filled,
                      "payment_intent": form.filled}),
)  # fmt: skip
