"""Webhook endpoints: create, list, retrieve, update, delete. docs.stripe.com/api/webhook_endpoints.

The signing secret is shown once, in the answer to create, as at Stripe.
"""

from simulator.stripe import form
from simulator.stripe.account import Account, subset
from simulator.stripe.deliveries import ENDPOINTS_MAX
from simulator.stripe.errors import JsonObject, invalid
from simulator.stripe.form import Check, optional
from simulator.stripe.ids import new_id, random_tail
from simulator.stripe.listing import listed
from simulator.stripe.operation import Call, Operation
from simulator.stripe.store import Wanted

FLAG_ENDPOINT = "we_from_start_up"


def require_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.",
                      code="url_invalid", param="url")  # fmt: skip


def build(account: Account, endpoint_id: str, url: str, secret: str) -> JsonObject:
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": account.now(),
        "description": None,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
        "_sim": {"secret": secret},
    }


def put_flag_endpoint(account: Account, url: str, secret: str) -> None:
    """The endpoint named at start-up: one row however often the server starts.

    Deliveries that were queued before a restart go to the address given now.
    """
    require_url(url)
    account.save(build(account, FLAG_ENDPOINT, url, secret))


def create(call: Call) -> JsonObject:
    params, account = call.params, call.account
    form.require(params, "url", "enabled_events")
    require_url(params["url"])
    wanted = Wanted(kind="webhook_endpoint", limit=ENDPOINTS_MAX)
    if len(account.store.page(account.name, wanted)[0]) >= ENDPOINTS_MAX:
        raise invalid(f"You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")
    secret = f"whsec_{random_tail(32)}"
    endpoint = build(account, new_id("we"), params["url"], secret)
    endpoint |= subset(params, ("enabled_events", "description", "api_version"))
    endpoint["metadata"] = form.merged({}, params.get("metadata", {}))
    account.save(endpoint)
    return {**endpoint, "secret": secret}


def named(call: Call) -> JsonObject:
    return call.account.get("webhook_endpoint", call.id, in_path=True)


def update(call: Call) -> JsonObject:
    endpoint = named(call)
    endpoint |= subset(call.params, ("url", "enabled_events", "description"))
    require_url(endpoint["url"])
    if "disabled" in call.params:
        endpoint["status"] = "disabled" if call.params["disabled"] else "enabled"
    if "metadata" in call.params:
        endpoint["metadata"] = form.merged(endpoint["metadata"], call.params["metadata"])
    call.account.save(endpoint)
    return endpoint


def delete(call: Call) -> JsonObject:
    endpoint = named(call)
    call.account.store.remove(call.account.name, endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def list_all(call: Call) -> JsonObject:
    return listed(call, "webhook_endpoint", "/v1/webhook_endpoints")


SHARED: dict[str, Check] = {
    "description": optional,
    "enabled_events": form.items(form.filled),
    "expand": form.expand,
    "metadata": form.metadata,
    "url": form.filled,
}
PATH = "/v1/webhook_endpoints"
OPERATIONS = (
    Operation(name="webhook_endpoints.create", method="POST", path=PATH, handler=create,
              params={**SHARED, "api_version": form.filled}),
    Operation(name="webhook_endpoints.list", method="GET", path=PATH, handler=list_all,
              params=form.LISTING),
    Operation(name="webhook_endpoints.retrieve", method="GET", path=PATH + "/{id}",
              handler=named, params={"expand": form.expand}),
    Operation(name="webhook_endpoints.update", method="POST", path=PATH + "/{id}",
              handler=update, params={**SHARED, "disabled": form.boolean}),
    Operation(name="webhook_endpoints.delete", method="DELETE", path=PATH + "/{id}",
              handler=delete),
)  # fmt: skip
