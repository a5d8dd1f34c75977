"""Customers: create, retrieve, update, delete, list. docs.stripe.com/api/customers."""

from simulator.stripe import form
from simulator.stripe.account import Account, subset
from simulator.stripe.errors import JsonObject, invalid, missing
from simulator.stripe.form import Check, optional
from simulator.stripe.ids import new_id, random_tail
from simulator.stripe.listing import listed
from simulator.stripe.operation import Call, Operation
from simulator.stripe.payment_methods import attached_to, detach

SHIPPING: Check = form.nested(address=form.address, name=optional, phone=optional)
WRITABLE: dict[str, Check] = {
    "address": form.address,
    "description": optional,
    "email": optional,
    "expand": form.expand,
    "invoice_settings": form.nested(default_payment_method=optional),
    "metadata": form.metadata,
    "name": optional,
    "phone": optional,
    "preferred_locales": form.items(form.filled),
    "shipping": SHIPPING,
}
PLAIN = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping")


def create(call: Call) -> JsonObject:
    params = dict(call.params)
    account = call.account
    settings = invoice_settings(account, params, None)
    customer: JsonObject = {
        "id": new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": None,
        "invoice_prefix": random_tail(8).upper(),
        "invoice_settings": settings,
        "livemode": False,
        "metadata": form.merged({}, params.get("metadata", {})),
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **subset(params, PLAIN),
    }
    account.save(customer)
    account.emit("customer.created", customer)
    return customer


def invoice_settings(account: Account, params: JsonObject, customer: str | None) -> JsonObject:
    default = params.get("invoice_settings", {}).get("default_payment_method")
    if default is not None:
        method = account.get("payment_method", default, param="invoice_settings")
        if method["customer"] != customer or customer is None:
            raise invalid(
                "The payment method must be attached to the customer.",
                param="invoice_settings[default_payment_method]",
            )
    return {
        "custom_fields": None,
        "default_payment_method": default,
        "footer": None,
        "rendering_options": None,
    }


def retrieve(call: Call) -> JsonObject:
    """A deleted customer is still found, as its tombstone."""
    return call.account.get("customer", call.id, in_path=True)


def living(account: Account, customer_id: str, *, in_path: bool = False) -> JsonObject:
    """The customer, unless it was deleted. `in_path`: whether the URL names it."""
    param = "id" if in_path else "customer"
    customer = account.get("customer", customer_id, param=param, in_path=in_path)
    if customer.get("deleted"):
        raise missing("customer", customer_id, param=param, in_path=in_path)
    return customer


def update(call: Call) -> JsonObject:
    account = call.account
    customer = living(account, call.id, in_path=True)
    previous = {name: customer[name] for name in call.params if name in customer}
    if "metadata" in call.params:
        customer["metadata"] = form.merged(customer["metadata"], call.params["metadata"])
    if "invoice_settings" in call.params:
        customer["invoice_settings"] = invoice_settings(account, call.params, call.id)
    customer.update(subset(call.params, PLAIN))
    account.save(customer)
    account.emit("customer.updated", customer, previous)
    return customer


def delete(call: Call) -> JsonObject:
    account = call.account
    customer = living(account, call.id, in_path=True)
    for method in attached_to(account, call.id):
        detach(account, method)
    account.emit("customer.deleted", customer)
    tombstone: JsonObject = {"id": call.id, "object": "customer", "deleted": True}
    account.save({**tombstone, "created": customer["created"]})
    return tombstone


def list_all(call: Call) -> JsonObject:
    return listed(call, "customer", "/v1/customers", equal=("email",))


def list_payment_methods(call: Call) -> JsonObject:
    living(call.account, call.id, in_path=True)
    url = f"/v1/customers/{call.id}/payment_methods"
    return listed(call, "payment_method", url, equal=("type",), customer=call.id)


def retrieve_payment_method(call: Call) -> JsonObject:
    method = call.account.get("payment_method", call.ids["method"], in_path=True)
    if method["customer"] != call.id:
        raise invalid("No such payment method on this customer", code="resource_missing")
    return method


EXPAND = {"expand": form.expand}
OPERATIONS = (
    Operation(name="customers.create", method="POST", path="/v1/customers", handler=create,
              params=WRITABLE),
    Operation(name="customers.list", method="GET", path="/v1/customers", handler=list_all,
              params={**form.LISTING, "created": form.created_range, "email": form.filled}),
    Operation(name="customers.retrieve", method="GET", path="/v1/customers/{id}",
              handler=retrieve, params=EXPAND),
    Operation(name="customers.update", method="POST", path="/v1/customers/{id}", handler=update,
              params=WRITABLE),
    Operation(name="customers.delete", method="DELETE", path="/v1/customers/{id}",
              handler=delete),
    Operation(name="customers.payment_methods.list", method="GET",
              path="/v1/customers/{id}/payment_methods", handler=list_payment_methods,
              params={**form.LISTING, "type": form.one_of("card")}),
    Operation(name="customers.payment_methods.retrieve", method="GET",
              path="/v1/customers/{id}/payment_methods/{method}",
              handler=retrieve_payment_method, params=EXPAND),
)  # fmt: skip
