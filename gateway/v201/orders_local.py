"""The authorization cache and the local list in OCPP 2.x's words (C11, block D)."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import split, without_none
from gateway.stamps import stamp
from gateway.v201.orders_tokens import Token

LIST_STATUSES = {
    "accepted": "Accepted",
    "blocked": "Blocked",
    "expired": "Expired",
    "invalid": "Invalid",
    "no_credit": "NoCredit",
    "unknown": "Unknown",
}


def local(token: Token) -> Mapping[str, Translate]:
    """What the version does with these kinds."""

    def entry(one: Order) -> dict[str, Any]:
        named = {"idToken": token(one.get("uid"), one.get("type"))}
        if one.get("status") is None:
            return named
        group = one.get("group_id")
        info = without_none(
            {
                "status": LIST_STATUSES.get(str(one["status"]).lower(), "Invalid"),
                "cacheExpiryDateTime": stamp(one.get("expires_at")),
                "groupIdToken": token(group, "Central") if group else None,
            }
        )
        return named | {"idTokenInfo": info}

    def send_list(order: Order, context: OrderContext) -> tuple[Call, ...]:
        """D01: the first part replaces the list or begins the difference, the others add."""
        full = order.get("update") == "full"
        entries = [entry(one) for one in order["entries"]]
        _check(entries, full=full)
        parts = split(entries, context.limits.local_list)
        first = int(order["version"]) - len(parts) + 1
        if first < 1:
            raise NotInThisVersion(
                f"the list takes {len(parts)} messages, each with a version of its own: "
                f"use a version of at least {len(parts)}"
            )
        return tuple(
            Call(
                "SendLocalList",
                without_none(
                    {
                        "versionNumber": first + index,
                        "updateType": "Full" if full and index == 0 else "Differential",
                        "localAuthorizationList": part or None,
                    }
                ),
            )
            for index, part in enumerate(parts)
        )

    return {
        "clear_cache": lambda _order, _context: (Call("ClearCache", {}),),
        "local_list_version": lambda _order, _context: (Call("GetLocalListVersion", {}),),
        "local_list": send_list,
    }


def _check(entries: Sequence[Mapping[str, Any]], *, full: bool) -> None:
    """D01.FR.06 and 13: each token once, and in a full list none to be taken off it."""
    tokens = {(one["idToken"]["idToken"].casefold(), one["idToken"]["type"]) for one in entries}
    if len(tokens) < len(entries):
        raise NotInThisVersion("a token is on the list twice")
    if full and any("idTokenInfo" not in one for one in entries):
        raise NotInThisVersion("a full list says of every token what it is; leave out the others")
