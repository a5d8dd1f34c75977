"""Events: list and retrieve. They are made in `account.emit`. docs.stripe.com/api/events."""

from simulator.stripe import form
from simulator.stripe.errors import JsonObject, invalid
from simulator.stripe.listing import listed
from simulator.stripe.operation import Call, Operation

TYPES_MAX = 20


def retrieve(call: Call) -> JsonObject:
    return call.account.get("event", call.id, in_path=True)


def list_all(call: Call) -> JsonObject:
    """`type` and `types` exclude each other, as at Stripe."""
    params = call.params
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", param="types")
    if len(params.get("types", [])) > TYPES_MAX:
        raise invalid(f"You may specify up to {TYPES_MAX} types.", param="types")
    if "types" in params:
        params["type"] = params["types"]
    return listed(call, "event", "/v1/events", equal=("type",))


OPERATIONS = (
    Operation(name="events.list", method="GET", path="/v1/events", handler=list_all,
              params={**form.LISTING, "created": form.created_range, "type": form.filled,
                      "types": form.items(form.filled)}),
    Operation(name="events.retrieve", method="GET", path="/v1/events/{id}", handler=retrieve,
              params={"expand": form.expand}),
)  # fmt: skip
