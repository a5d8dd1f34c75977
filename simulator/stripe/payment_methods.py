"""Payment methods: test cards as Stripe shows them. docs.stripe.com/api/payment_methods.

The card number itself is never kept: `_sim` names the row of the test card table by last four
digits of a well-known number, and whether 3DS set the card up for later use.
"""

import hashlib
from datetime import UTC, datetime

from simulator.stripe import errors, form
from simulator.stripe.account import Account
from simulator.stripe.cards import BY_NUMBER, BY_TOKEN, TestCard, decline_error
from simulator.stripe.errors import JsonObject, invalid
from simulator.stripe.form import Check, optional
from simulator.stripe.ids import new_id
from simulator.stripe.listing import listed
from simulator.stripe.operation import Call, Operation
from simulator.stripe.store import Wanted

METHODS_PER_CUSTOMER_MAX = 400
BILLING: Check = form.nested(
    address=form.address, email=optional, name=optional, phone=optional, tax_id=optional
)
CARD: Check = form.nested(
    number=form.filled,
    exp_month=form.integer(minimum=1, maximum=12),
    exp_year=form.integer(minimum=1),
    cvc=form.filled,
    token=form.filled,
)
ALREADY_USED = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
    "attachment, shared with a connected account without Customer attachment, or was detached "
    "from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must "
    "attach it to a Customer first."
)


def build(account: Account, card: TestCard, month: int, year: int, **given: object) -> JsonObject:
    mark = hashlib.sha256(f"{account.name}:{card.number}".encode()).hexdigest()[:16]
    no_address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    billing: JsonObject = {
        "address": no_address, "email": None, "name": None, "phone": None, "tax_id": None,
    }  # fmt: skip
    given_billing = given.get("billing_details")
    if isinstance(given_billing, dict):
        billing |= given_billing
        billing["address"] = no_address | (given_billing.get("address") or {})
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": given.get("allow_redisplay") or "unspecified",
        "billing_details": billing,
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "unchecked",
            },
            "country": "US",
            "display_brand": card.brand,
            "exp_month": month,
            "exp_year": year,
            "fingerprint": mark,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": account.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "type": "card",
        "_sim": {"number": card.number, "set_up": False, "spent": False},
    }


def test_card(method: JsonObject) -> TestCard:
    return BY_NUMBER[method["_sim"]["number"]]


def from_token(account: Account, token: str, **given: object) -> JsonObject:
    year = datetime.fromtimestamp(account.now(), UTC).year + 2
    return build(account, BY_TOKEN[token], 12, year, **given)


def resolve(account: Account, method_id: str, *, in_path: bool = False) -> JsonObject:
    """The payment method; a `pm_card_…` shortcut becomes a new one, as at Stripe."""
    if method_id in BY_TOKEN:
        method = from_token(account, method_id)
        account.save(method)
        return method
    return account.get("payment_method", method_id, param="payment_method", in_path=in_path)


def require_usable(method: JsonObject, customer: str | None) -> None:
    """Whether an intent of `customer` may use the method."""
    if method["_sim"]["spent"]:
        raise invalid(ALREADY_USED, param="payment_method")
    if method["customer"] is not None and customer is None:
        raise invalid(
            "The payment method you provided is attached to a customer so for security purposes "
            "you must provide the customer in the request. Please include the Customer in the "
            "`customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    if method["customer"] not in (None, customer):
        raise invalid(
            f"The customer does not have a payment method with the ID {method['id']}. "
            "The payment method must be attached to the customer.",
            param="payment_method",
        )


def attach_to(account: Account, method: JsonObject, customer: str) -> None:
    if method["customer"] == customer:
        return
    method["customer"] = customer
    account.save(method)
    account.emit("payment_method.attached", method)


def detach(account: Account, method: JsonObject) -> None:
    """A detached card may not be used again."""
    previous = {"customer": method["customer"]}
    method["customer"] = None
    method["_sim"]["spent"] = True
    account.save(method)
    account.emit("payment_method.detached", method, previous)


def attached_to(account: Account, customer: str) -> list[JsonObject]:
    wanted = Wanted(
        kind="payment_method", limit=METHODS_PER_CUSTOMER_MAX, equal={"customer": [customer]}
    )
    return account.store.page(account.name, wanted)[0]


def create(call: Call) -> JsonObject:
    form.require(call.params, "type")
    form.require(call.params, "card")
    given = {name: value for name, value in call.params.items() if name not in ("card", "type")}
    details = call.params["card"]
    if "token" in details:
        if details["token"] not in BY_TOKEN:
            raise errors.missing("token", details["token"][:60], param="card[token]")
        method = from_token(call.account, details["token"], **given)
    else:
        for name in ("number", "exp_month", "exp_year"):
            if name not in details:
                raise invalid(
                    f"Missing required param: card[{name}].",
                    code="parameter_missing",
                    param=f"card[{name}]",
                )
        card = known_card(details["number"].replace(" ", ""))
        year = details["exp_year"] + (2000 if details["exp_year"] < 100 else 0)
        require_unexpired(call.account, details["exp_month"], year)
        method = build(call.account, card, details["exp_month"], year, **given)
    call.account.save(method)
    return method


def known_card(number: str) -> TestCard:
    if number not in BY_NUMBER:
        raise errors.card(
            {
                "code": "incorrect_number",
                "message": "Your card number is not one of the test cards.",
                "param": "number",
            }
        )
    return BY_NUMBER[number]


def require_unexpired(account: Account, month: int, year: int) -> None:
    today = datetime.fromtimestamp(account.now(), UTC)
    if (year, month) < (today.year, today.month):
        wrong = "year" if year < today.year else "month"
        raise errors.card(
            {
                "code": f"invalid_expiry_{wrong}",
                "message": f"Your card's expiration {wrong} is invalid.",
                "param": f"exp_{wrong}",
            }
        )


def retrieve(call: Call) -> JsonObject:
    return resolve(call.account, call.id, in_path=True)


def update(call: Call) -> JsonObject:
    method = call.account.get("payment_method", call.id, in_path=True)
    if "metadata" in call.params:
        method["metadata"] = form.merged(method["metadata"], call.params["metadata"])
    if "billing_details" in call.params:
        method["billing_details"] |= call.params["billing_details"]
    call.account.save(method)
    call.account.emit("payment_method.updated", method)
    return method


def attach(call: Call) -> JsonObject:
    account = call.account
    form.require(call.params, "customer")
    customer = account.get("customer", call.params["customer"], param="customer")
    if customer.get("deleted"):
        raise errors.missing("customer", customer["id"], param="customer")
    method = resolve(account, call.id, in_path=True)
    if method["_sim"]["spent"]:
        raise invalid(ALREADY_USED)
    if method["customer"] not in (None, customer["id"]):
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    card = test_card(method)
    if card.decline is not None and not card.attachable:
        raise errors.card(decline_error(card.decline))
    attach_to(account, method, customer["id"])
    return method


def detach_one(call: Call) -> JsonObject:
    method = call.account.get("payment_method", call.id, in_path=True)
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
    detach(call.account, method)
    return method


def list_all(call: Call) -> JsonObject:
    return listed(call, "payment_method", "/v1/payment_methods", equal=("customer", "type"))


EXPAND = {"expand": form.expand}
DETAILS: dict[str, Check] = {
    **EXPAND,
    "allow_redisplay": form.one_of("always", "limited", "unspecified"),
    "billing_details": BILLING,
    "metadata": form.metadata,
}
PATH = "/v1/payment_methods"
OPERATIONS = (
    Operation(name="payment_methods.create", method="POST", path=PATH, handler=create,
              params={**DETAILS, "card": CARD, "type": form.one_of("card")}),
    Operation(name="payment_methods.list", method="GET", path=PATH, handler=list_all,
              params={**form.LISTING, "customer": form.filled, "type": form.one_of("card")}),
    Operation(name="payment_methods.retrieve", method="GET", path=PATH + "/{id}",
              handler=retrieve, params=EXPAND),
    Operation(name="payment_methods.update", method="POST", path=PATH + "/{id}",
              handler=update, params=DETAILS),
    Operation(name="payment_methods.attach", method="POST", path=PATH + "/{id}/attach",
              handler=attach, params={**EXPAND, "customer": form.filled}),
    Operation(name="payment_methods.detach", method="POST", path=PATH + "/{id}/detach",
              handler=detach_one, params=EXPAND),
)  # fmt: skip
