"""Orders that would keep a station's secret in the clear are refused: other ways exist for them.

An order's payload rests in its row, readable by everybody who may read orders. A password goes to a
station by a rotation, which keeps it sealed; a network profile of ours carries no credentials.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from holdfast.services.refusal import Invalid

PASSWORDS = frozenset({"authorizationkey", "basicauthpassword"})
# Of NetworkConnectionProfileType, its APN and its VPN (OCPP 2.0.1 and 2.1 part 2).
PROFILE_SECRETS = frozenset({"basicauthpassword", "password", "key", "simpin", "apnpassword"})
ROTATE = (
    "a password is not kept in an order: rotate it by "
    "POST /stations/{identity}/security/password-rotations"
)
CHANGE = (
    "credentials are not kept in an order: the station keeps those it has where its profile is "
    "changed by POST /stations/{identity}/security/network-changes"
)
DEPTH_MAX = 6


def refuse_secrets(kind: str, payload: Mapping[str, Any]) -> None:
    """Raises Invalid, which names the place and never the value."""
    if kind == "configure":
        for name in payload.get("variables") or ():
            _refuse_password(f"variables.{name}", str(name))
    elif kind == "network_profile":
        _refuse_fields("profile", payload.get("profile"))
        refuse_user("profile.url", str((payload.get("profile") or {}).get("url", "")))
    elif kind == "call":
        _refuse_in_call(str(payload.get("action")), payload.get("payload"))


def _refuse_in_call(action: str, payload: Any) -> None:
    if not isinstance(payload, Mapping):
        return
    if action == "ChangeConfiguration":
        _refuse_password("payload.key", str(payload.get("key")))
    elif action == "SetVariables":
        for at, one in enumerate(_listed(payload.get("setVariableData"))):
            variable = one.get("variable")
            name = variable.get("name") if isinstance(variable, Mapping) else None
            _refuse_password(f"payload.setVariableData.{at}.variable.name", str(name))
    elif action == "SetNetworkProfile":
        _refuse_fields("payload", payload)
        data = payload.get("connectionData")
        if isinstance(data, Mapping):
            place = "payload.connectionData.ocppCsmsUrl"
            refuse_user(place, str(data.get("ocppCsmsUrl", "")))


def refuse_user(where: str, url: str) -> None:
    """An address with a user and a password in it. Raises Invalid; the value is not repeated."""
    try:
        has_user = "@" in urlsplit(url).netloc
    except ValueError:
        has_user = "@" in url
    if has_user:
        raise Invalid(where, "", CHANGE)


def _refuse_password(where: str, name: str) -> None:
    if PASSWORDS & set(re.split(r"[^a-z]+", name.casefold())):
        raise Invalid(where[:200], name, ROTATE)


def _refuse_fields(where: str, found: Any, depth: int = 0) -> None:
    if isinstance(found, Mapping) and depth < DEPTH_MAX:
        for name, value in found.items():
            place = f"{where}.{name}"[:200]
            if str(name).casefold() in PROFILE_SECRETS and value not in (None, ""):
                raise Invalid(place, name, CHANGE)
            _refuse_fields(place, value, depth + 1)


def _listed(found: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in (found if isinstance(found, list) else ()) if isinstance(one, Mapping))
