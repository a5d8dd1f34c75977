"""Payment intents: create, retrieve, update, confirm, capture, cancel, list.

docs.stripe.com/api/payment_intents. The operations and their refusals; what a step does to the
intent and its charge is in `authorizations`.
"""

from simulator.stripe import authorizations, errors, form
from simulator.stripe.account import Account, subset
from simulator.stripe.authorizations import Attempt
from simulator.stripe.currencies import require_chargeable, require_known
from simulator.stripe.customers import living
from simulator.stripe.errors import JsonObject, invalid
from simulator.stripe.form import Check, optional
from simulator.stripe.ids import client_secret, new_id
from simulator.stripe.listing import listed, visible
from simulator.stripe.operation import Call, Operation
from simulator.stripe.payment_methods import require_usable, resolve

CANCELLABLE = ("requires_payment_method", "requires_capture", "requires_confirmation",
               "requires_action", "processing")  # fmt: skip
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
AMOUNT_OPEN = CONFIRMABLE
CONFIRM_ONLY = ("off_session", "return_url", "error_on_requires_action")
PLAIN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor",
         "statement_descriptor_suffix", "transfer_group")  # fmt: skip
IF_AVAILABLE: Check = form.one_of("if_available", "never")
OPTIONS: Check = form.nested(
    card=form.nested(
        request_extended_authorization=IF_AVAILABLE,
        request_incremental_authorization=IF_AVAILABLE,
        request_multicapture=IF_AVAILABLE,
        request_overcapture=IF_AVAILABLE,
        request_three_d_secure=form.one_of("any", "automatic", "challenge"),
        setup_future_usage=form.one_of("none", "off_session", "on_session"),
    )
)
REDIRECTS = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
    "Because some of these payment methods might redirect your customer off of your page, you "
    "must provide a `return_url`. If you don't want to accept redirect-based payment methods, "
    "set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)


def create(call: Call) -> JsonObject:
    params, account = call.params, call.account
    form.require(params, "amount", "currency")
    currency = require_known(params["currency"])
    require_chargeable(params["amount"], currency)
    if not params.get("confirm"):
        for name in CONFIRM_ONLY:
            if name in params:
                raise invalid(
                    f"The parameter `{name}` cannot be passed when creating a PaymentIntent "
                    "unless `confirm` is set to true.",
                    param=name,
                )
    if params.get("customer"):
        living(account, params["customer"])
    intent = blank(account, params, currency)
    if params.get("payment_method"):
        put_method(account, intent, params["payment_method"])
    account.save(intent)
    account.emit("payment_intent.created", intent)
    if params.get("confirm"):
        start(call, intent)
    return intent


def blank(account: Account, params: JsonObject, currency: str) -> JsonObject:
    intent_id = new_id("pi")
    automatic = params.get("automatic_payment_methods")
    allowed = params.get("allowed_payment_method_types")
    if allowed is None and automatic is None:
        automatic = {"enabled": True}
    if automatic and automatic.get("enabled"):
        automatic = {"allow_redirects": automatic.get("allow_redirects", "always"), "enabled": True}
    else:
        automatic = None
    nothing = dict.fromkeys(
        ("application", "application_fee_amount", "canceled_at", "cancellation_reason",
         "customer_account", "excluded_payment_method_types", "last_payment_error",
         "latest_charge", "next_action", "on_behalf_of", "payment_method",
         "payment_method_configuration_details", "processing", "review", "shipping", "source",
         "transfer_data", *PLAIN)
    )  # fmt: skip
    intent: JsonObject = {
        **nothing,
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": allowed,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "automatic_payment_methods": automatic,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": client_secret(intent_id),
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": account.now(),
        "currency": currency,
        "customer": params.get("customer"),
        "livemode": False,
        "metadata": form.merged({}, params.get("metadata", {})),
        "payment_method_options": {"card": card_options(params)},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        "_sim": {"off_session": False},
    }
    return intent | subset(params, PLAIN)


def card_options(params: JsonObject) -> JsonObject:
    given = params.get("payment_method_options", {}).get("card", {})
    return {
        "installments": None,
        "mandate_options": None,
        "network": None,
        "request_three_d_secure": "automatic",
        **given,
    }


def put_method(account: Account, intent: JsonObject, method_id: str) -> None:
    method = resolve(account, method_id)
    require_usable(method, intent["customer"])
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def start(call: Call, intent: JsonObject) -> None:
    """Confirm with what the call says, after checking that it may be confirmed at all."""
    params = call.params
    if intent["payment_method"] is None:
        raise unexpected(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken.",
            intent,
        )
    off_session = bool(params.get("off_session"))
    automatic = intent["automatic_payment_methods"]
    redirects = automatic is not None and automatic["allow_redirects"] == "always"
    if redirects and not params.get("return_url") and not off_session:
        raise invalid(REDIRECTS, param="return_url")
    require_usable(resolve(call.account, intent["payment_method"]), intent["customer"])
    how = Attempt(
        off_session=off_session,
        return_url=params.get("return_url"),
        error_on_requires_action=bool(params.get("error_on_requires_action")),
        page_url=f"{call.base_url}/_sim/3ds/{intent['id']}",
    )
    authorizations.attempt(call.account, intent, how)


def unexpected(message: str, intent: JsonObject) -> errors.Refused:
    return errors.state(
        message, code="payment_intent_unexpected_state", payment_intent=visible(intent)
    )


def named(call: Call) -> JsonObject:
    return call.account.get("payment_intent", call.id, in_path=True)


def confirm(call: Call) -> JsonObject:
    intent = named(call)
    if intent["status"] not in CONFIRMABLE:
        why = (
            "it has already succeeded after being previously confirmed"
            if intent["status"] in ("succeeded", "requires_capture")
            else f"it has a status of {intent['status']}"
        )
        raise unexpected(f"You cannot confirm this PaymentIntent because {why}.", intent)
    change(call, intent)
    start(call, intent)
    return intent


def change(call: Call, intent: JsonObject) -> None:
    """Apply what an update or a confirmation says about the intent itself."""
    params = call.params
    if "metadata" in params:
        intent["metadata"] = form.merged(intent["metadata"], params["metadata"])
    intent |= subset(params, (*PLAIN, "capture_method"))
    given = params.get("payment_method_options", {}).get("card", {})
    intent["payment_method_options"]["card"] |= given
    if params.get("allowed_payment_method_types"):
        intent |= {
            "allowed_payment_method_types": params["allowed_payment_method_types"],
            "automatic_payment_methods": None,
        }
    if params.get("payment_method"):
        put_method(call.account, intent, params["payment_method"])


def update(call: Call) -> JsonObject:
    intent, params = named(call), call.params
    changes_terms = set(params) - {*PLAIN, "metadata", "expand"} or "setup_future_usage" in params
    if changes_terms and intent["status"] not in AMOUNT_OPEN:
        raise unexpected(
            "This PaymentIntent's terms could not be updated because it has a status of "
            f"{intent['status']}.",
            intent,
        )
    if "currency" in params or "amount" in params:
        currency = require_known({**intent, **params}["currency"])
        amount: int = {**intent, **params}["amount"]
        require_chargeable(amount, currency)
        intent |= {"amount": amount, "currency": currency}
    if params.get("customer"):
        if intent["customer"] not in (None, params["customer"]):
            raise invalid("You cannot modify `customer` on a PaymentIntent.", param="customer")
        intent["customer"] = living(call.account, params["customer"])["id"]
    change(call, intent)
    call.account.save(intent)
    return intent


def capture(call: Call) -> JsonObject:
    intent, params = named(call), call.params
    if intent["status"] != "requires_capture":
        raise unexpected(
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            "captured: requires_capture.",
            intent,
        )
    amount: int = {"amount_to_capture": intent["amount_capturable"], **params}["amount_to_capture"]
    if amount > intent["amount_capturable"]:
        raise errors.state(
            f"The payment could not be captured because the requested capture amount ({amount}) "
            f"is greater than the amount you can capture ({intent['amount_capturable']}).",
            code="amount_too_large",
            param="amount_to_capture",
            payment_intent=visible(intent),
        )
    if params.get("final_capture") is False:
        raise invalid("Multicapture is not available for this payment.", param="final_capture")
    if "metadata" in params:
        intent["metadata"] = form.merged(intent["metadata"], params["metadata"])
    intent |= subset(params, ("statement_descriptor", "statement_descriptor_suffix"))
    authorizations.capture(call.account, intent, amount)
    return intent


def cancel(call: Call) -> JsonObject:
    intent = named(call)
    if intent["status"] not in CANCELLABLE:
        raise unexpected(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. "
            "Only a PaymentIntent with one of the following statuses may be canceled: "
            + ", ".join(CANCELLABLE)
            + ".",
            intent,
        )
    authorizations.cancel(call.account, intent, call.params.get("cancellation_reason"))
    return intent


def list_all(call: Call) -> JsonObject:
    return listed(call, "payment_intent", "/v1/payment_intents", equal=("customer",))


FUTURE: Check = form.one_of("off_session", "on_session", unset=True)
# Since 2026-10-28.endive `payment_method_types` is no parameter any more, only an answer.
SHARED: dict[str, Check] = {
    "allowed_payment_method_types": form.items(form.one_of("card")),
    "capture_method": form.one_of("automatic", "automatic_async", "manual"),
    "expand": form.expand,
    "payment_method": form.filled,
    "payment_method_options": OPTIONS,
    "receipt_email": optional,
    "setup_future_usage": FUTURE,
}
DESCRIBING: dict[str, Check] = {
    "description": optional,
    "metadata": form.metadata,
    "statement_descriptor": optional,
    "statement_descriptor_suffix": optional,
    "transfer_group": optional,
}
CONFIRMING: dict[str, Check] = {
    "error_on_requires_action": form.boolean,
    "off_session": form.either(form.boolean, form.one_of("one_off", "recurring")),
    "return_url": form.filled,
    "use_stripe_sdk": form.boolean,
}
TERMS: dict[str, Check] = {
    "amount": form.integer(minimum=1),
    "currency": form.filled,
    "customer": form.filled,
}
CREATE: dict[str, Check] = {
    **SHARED,
    **DESCRIBING,
    **CONFIRMING,
    **TERMS,
    "automatic_payment_methods": form.nested(
        enabled=form.boolean, allow_redirects=form.one_of("always", "never")
    ),
    "confirm": form.boolean,
    "confirmation_method": form.one_of("automatic", "manual"),
}
CAPTURE: dict[str, Check] = {
    "amount_to_capture": form.integer(minimum=1),
    "expand": form.expand,
    "final_capture": form.boolean,
    "metadata": form.metadata,
    "statement_descriptor": optional,
    "statement_descriptor_suffix": optional,
}
REASONS = form.one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned")
PATH = "/v1/payment_intents"
OPERATIONS = (
    Operation(name="payment_intents.create", method="POST", path=PATH, handler=create,
              params=CREATE),
    Operation(name="payment_intents.list", method="GET", path=PATH, handler=list_all,
              params={**form.LISTING, "created": form.created_range, "customer": form.filled}),
    Operation(name="payment_intents.retrieve", method="GET", path=PATH + "/{id}", handler=named,
              params={"expand": form.expand, "client_secret": form.filled}),
    Operation(name="payment_intents.update", method="POST", path=PATH + "/{id}", handler=update,
              params={**SHARED, **DESCRIBING, **TERMS}),
    Operation(name="payment_intents.confirm", method="POST", path=PATH + "/{id}/confirm",
              handler=confirm, params={**SHARED, **CONFIRMING}),
    Operation(name="payment_intents.capture", method="POST", path=PATH + "/{id}/capture",
              handler=capture, params=CAPTURE),
    Operation(name="payment_intents.cancel", method="POST", path=PATH + "/{id}/cancel",
              handler=cancel, params={"cancellation_reason": REASONS, "expand": form.expand}),
)  # fmt: skip
