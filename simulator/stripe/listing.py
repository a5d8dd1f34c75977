"""Lists and expansion, the same for every kind of object.

Newest first; `starting_after` and `ending_before` are ids; `created` is an instant or a range
(docs.stripe.com/api/pagination, /expanding_objects).
"""

from collections.abc import Sequence
from typing import Any

from simulator.stripe.account import Account, public
from simulator.stripe.errors import JsonObject, invalid
from simulator.stripe.operation import Call
from simulator.stripe.store import Wanted

LIMIT_DEFAULT = 10
EXPAND_DEPTH_MAX = 4
EXPANDABLE = {
    "latest_charge": "charge",
    "customer": "customer",
    "payment_method": "payment_method",
    "payment_intent": "payment_intent",
    "default_payment_method": "payment_method",
}


def listed(call: Call, kind: str, url: str, equal: Sequence[str] = (), **fixed: str) -> JsonObject:
    """The page that the call asks for. `equal` names parameters that filter by equality."""
    params = call.params
    wanted_equal: dict[str, list[str]] = {name: [value] for name, value in fixed.items()}
    for name in equal:
        if params.get(name) is not None:
            value = params[name]
            wanted_equal[name] = value if isinstance(value, list) else [value]
    created = params.get("created", {})
    wanted = Wanted(
        kind=kind,
        limit=params.get("limit", LIMIT_DEFAULT),
        equal=wanted_equal,
        created=created if isinstance(created, dict) else {"gte": created, "lte": created},
        after=position(call.account, kind, params, "starting_after"),
        before=position(call.account, kind, params, "ending_before"),
    )
    found, more = call.account.store.page(call.account.name, wanted)
    return {"object": "list", "data": found, "has_more": more, "url": url}


def position(account: Account, kind: str, params: JsonObject, name: str) -> int | None:
    if name not in params:
        return None
    found = account.store.position(account.name, kind, params[name])
    if found is None:
        raise invalid(
            f"No such {kind}: '{params[name][:100]}'", code="resource_missing", param=name
        )
    return found


def expanded(account: Account, body: JsonObject, paths: Sequence[str]) -> JsonObject:
    """The public body, with the objects instead of their ids where `expand` asks for it."""
    shown: JsonObject = visible(body)
    for path in paths:
        parts = path.split(".")
        if len(parts) > EXPAND_DEPTH_MAX:
            raise invalid(f"You cannot expand more than 4 levels of a property ({path})")
        expand_path(account, shown, parts, path)
    return shown


def visible(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: visible(inner) for name, inner in public(value).items()}
    return [visible(inner) for inner in value] if isinstance(value, list) else value


def expand_path(account: Account, body: JsonObject, parts: Sequence[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if name not in body:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = body[name]
    if isinstance(value, str):
        if name not in EXPANDABLE:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        found = account.store.find(account.name, value)
        value = body[name] = visible(found) if found else value
    for inner in value if isinstance(value, list) else [value]:
        if rest and isinstance(inner, dict):
            expand_path(account, inner, rest, path)
