"""Setup intents: a card made ready for charges without the driver.

docs.stripe.com/api/setup_intents.
"""

from simulator.stripe import errors, form
from simulator.stripe.account import Account, subset
from simulator.stripe.authorizations import Attempt, next_action
from simulator.stripe.cards import authentication_failure, decline_error
from simulator.stripe.customers import living
from simulator.stripe.errors import JsonObject, invalid
from simulator.stripe.form import Check, optional
from simulator.stripe.ids import client_secret, new_id
from simulator.stripe.listing import listed, visible
from simulator.stripe.operation import Call, Operation
from simulator.stripe.payment_intents import CONFIRMABLE, REDIRECTS
from simulator.stripe.payment_methods import attach_to, require_usable, resolve, test_card

PLAIN = ("description",)


def create(call: Call) -> JsonObject:
    params, account = call.params, call.account
    if "return_url" in params and not params.get("confirm"):
        raise invalid(
            "The parameter `return_url` cannot be passed when creating a SetupIntent unless "
            "`confirm` is set to true.",
            param="return_url",
        )
    if params.get("customer"):
        living(account, params["customer"])
    intent = blank(account, params)
    if params.get("payment_method"):
        put_method(account, intent, params["payment_method"])
    account.save(intent)
    account.emit("setup_intent.created", intent)
    if params.get("confirm"):
        start(call, intent)
    return intent


def blank(account: Account, params: JsonObject) -> JsonObject:
    intent_id = new_id("seti")
    given = params.get("automatic_payment_methods")
    allowed = params.get("allowed_payment_method_types")
    if given is None and allowed is None:
        given = {"enabled": True}
    automatic = None
    if given and given.get("enabled"):
        automatic = {"allow_redirects": given.get("allow_redirects", "always"), "enabled": True}
    nothing = dict.fromkeys(
        ("application", "cancellation_reason", "customer_account", "description",
         "excluded_payment_method_types", "flow_directions", "last_setup_error",
         "latest_attempt", "mandate", "next_action", "on_behalf_of", "payment_method",
         "payment_method_configuration_details", "single_use_mandate")
    )  # fmt: skip
    return {
        **nothing,
        "id": intent_id,
        "object": "setup_intent",
        "allowed_payment_method_types": allowed,
        "automatic_payment_methods": automatic,
        "client_secret": client_secret(intent_id),
        "created": account.now(),
        "customer": params.get("customer"),
        "livemode": False,
        "metadata": form.merged({}, params.get("metadata", {})),
        "payment_method_options": {
            "card": {
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
                **params.get("payment_method_options", {}).get("card", {}),
            }
        },
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
        **subset(params, PLAIN),
    }


def put_method(account: Account, intent: JsonObject, method_id: str) -> None:
    method = resolve(account, method_id)
    require_usable(method, intent["customer"])
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def unexpected(message: str, intent: JsonObject) -> errors.Refused:
    return errors.state(message, code="setup_intent_unexpected_state", setup_intent=visible(intent))


def start(call: Call, intent: JsonObject) -> None:
    account, params = call.account, call.params
    if intent["payment_method"] is None:
        raise unexpected(
            "You cannot confirm this SetupIntent because it's missing a payment method.", intent
        )
    automatic = intent["automatic_payment_methods"]
    redirects = automatic is not None and automatic["allow_redirects"] == "always"
    if redirects and not params.get("return_url"):
        raise invalid(REDIRECTS, param="return_url")
    method = resolve(account, intent["payment_method"])
    if test_card(method).authentication == "never":
        finish(account, intent, method, authenticated=False)
        return
    how = Attempt(
        off_session=False,
        return_url=params.get("return_url"),
        error_on_requires_action=False,
        page_url=f"{call.base_url}/_sim/3ds/{intent['id']}",
    )
    intent |= {"status": "requires_action", "next_action": next_action(how)}
    account.save(intent)
    account.emit("setup_intent.requires_action", intent)


def finish(
    account: Account, intent: JsonObject, method: JsonObject, *, authenticated: bool
) -> None:
    """The bank agrees, or the card error is raised with the intent inside."""
    card = test_card(method)
    if card.decline is not None and not card.attachable:
        error = decline_error(card.decline)
        fail(account, intent, method, error)
        raise errors.card(error, payment_method=visible(method), setup_intent=visible(intent))
    method["_sim"]["set_up"] |= authenticated and intent["usage"] == "off_session"
    account.save(method)
    if intent["customer"]:
        attach_to(account, method, intent["customer"])
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    account.save(intent)
    account.emit("setup_intent.succeeded", intent)


def fail(account: Account, intent: JsonObject, method: JsonObject, error: JsonObject) -> None:
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_setup_error": {**error, "payment_method": visible(method)},
    }
    account.save(intent)
    account.emit("setup_intent.setup_failed", intent)


def finish_authentication(account: Account, intent: JsonObject, *, passed: bool) -> None:
    """The driver came back from the bank's page."""
    if intent["status"] != "requires_action":
        raise unexpected(
            f"This SetupIntent has a status of {intent['status']}: no authentication is open.",
            intent,
        )
    method = resolve(account, intent["payment_method"])
    if passed:
        finish(account, intent, method, authenticated=True)
    else:
        fail(account, intent, method, authentication_failure("setup_intent"))


def named(call: Call) -> JsonObject:
    return call.account.get("setup_intent", call.id, in_path=True)


def change(call: Call, intent: JsonObject) -> None:
    params = call.params
    if "metadata" in params:
        intent["metadata"] = form.merged(intent["metadata"], params["metadata"])
    intent |= subset(params, PLAIN)
    if params.get("customer"):
        if intent["customer"] not in (None, params["customer"]):
            raise invalid("You cannot modify `customer` on a SetupIntent.", param="customer")
        intent["customer"] = living(call.account, params["customer"])["id"]
    if params.get("payment_method"):
        put_method(call.account, intent, params["payment_method"])


def confirm(call: Call) -> JsonObject:
    intent = named(call)
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(
            f"You cannot confirm this SetupIntent because it has a status of {intent['status']}.",
            intent,
        )
    change(call, intent)
    start(call, intent)
    return intent


def update(call: Call) -> JsonObject:
    intent = named(call)
    if set(call.params) - {"metadata", "description", "expand"}:
        require_open(intent, "update")
    change(call, intent)
    call.account.save(intent)
    return intent


def require_open(intent: JsonObject, verb: str) -> None:
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(
            f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
            intent,
        )


def cancel(call: Call) -> JsonObject:
    intent = named(call)
    require_open(intent, "cancel")
    intent |= {
        "status": "canceled",
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    call.account.save(intent)
    call.account.emit("setup_intent.canceled", intent)
    return intent


def list_all(call: Call) -> JsonObject:
    return listed(call, "setup_intent", "/v1/setup_intents", equal=("customer", "payment_method"))


OPTIONS: Check = form.nested(
    card=form.nested(request_three_d_secure=form.one_of("any", "automatic", "challenge"))
)
SHARED: dict[str, Check] = {
    "customer": form.filled,
    "description": optional,
    "expand": form.expand,
    "metadata": form.metadata,
    "payment_method": form.filled,
}
CREATE: dict[str, Check] = {
    **SHARED,
    "allowed_payment_method_types": form.items(form.one_of("card")),
    "automatic_payment_methods": form.nested(
        enabled=form.boolean, allow_redirects=form.one_of("always", "never")
    ),
    "confirm": form.boolean,
    "payment_method_options": OPTIONS,
    "return_url": form.filled,
    "usage": form.one_of("off_session", "on_session"),
    "use_stripe_sdk": form.boolean,
}
CONFIRM: dict[str, Check] = {
    "expand": form.expand,
    "payment_method": form.filled,
    "return_url": form.filled,
    "use_stripe_sdk": form.boolean,
}
LISTING: dict[str, Check] = {
    **form.LISTING,
    "created": form.created_range,
    "customer": form.filled,
    "payment_method": form.filled,
}
CANCEL: dict[str, Check] = {
    "cancellation_reason": form.one_of("abandoned", "duplicate", "requested_by_customer"),
    "expand": form.expand,
}
PATH = "/v1/setup_intents"
OPERATIONS = (
    Operation(name="setup_intents.create", method="POST", path=PATH, handler=create,
              params=CREATE),
    Operation(name="setup_intents.list", method="GET", path=PATH, handler=list_all,
              params=LISTING),
    Operation(name="setup_intents.retrieve", method="GET", path=PATH + "/{id}", handler=named,
              params={"expand": form.expand, "client_secret": form.filled}),
    Operation(name="setup_intents.update", method="POST", path=PATH + "/{id}", handler=update,
              params=SHARED),
    Operation(name="setup_intents.confirm", method="POST", path=PATH + "/{id}/confirm",
              handler=confirm, params=CONFIRM),
    Operation(name="setup_intents.cancel", method="POST", path=PATH + "/{id}/cancel",
              handler=cancel, params=CANCEL),
)  # fmt: skip
