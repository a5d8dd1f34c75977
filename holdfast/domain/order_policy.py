"""What may be done with an order besides sending it: repeat, supersede, ask about, hold back.

Plain rules over the kinds of `contracts.orders`; nothing here knows an OCPP version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ATTEMPTS_MAX = 4
PAUSES_S = (5.0, 20.0, 60.0)  # before the second, third and fourth attempt

# Saying it twice is saying it once: reading, setting, and what names its own object. Neither what
# moves a car's energy or a lock, nor what starts a job, nor what only its author understands.
REPEATABLE = frozenset(
    {
        "availability",
        "base_report",
        "cancel_reservation",
        "certificate_signed",
        "charging_profile",
        "charging_profiles",
        "clear_cache",
        "clear_charging_profile",
        "clear_der_control",
        "clear_display_message",
        "clear_monitors",
        "clear_tariffs",
        "composite_schedule",
        "configure",
        "cost",
        "default_tariff",
        "delete_certificate",
        "der_control",
        "der_controls",
        "display_message",
        "display_messages",
        "dynamic_schedule",
        "energy_transfer",
        "install_certificate",
        "installed_certificates",
        "local_list",
        "local_list_version",
        "monitor",
        "monitoring_base",
        "monitoring_level",
        "monitoring_report",
        "network_profile",
        "priority_charging",
        "read_configuration",
        "report",
        "reserve",
        "tariffs",
        "transaction_status",
        "transaction_tariff",
        "trigger",
    }
)
# An outcome that nobody knows is asked about (`question`), since the act cannot be repeated.
ASKED_ABOUT = frozenset({"start", "stop", "unlock"})
# The answer only says that the result will come in messages, which carry this number.
NUMBERED = frozenset(
    {
        "base_report",
        "battery_swap",
        "certificate_signed",
        "charging_profiles",
        "customer_information",
        "der_controls",
        "display_messages",
        "log",
        "monitoring_report",
        "report",
        "update_firmware",
    }
)
# What a station that is not accepted yet may be asked: to tell of itself, and to be set up
# (OCPP 1.6 section 4.2, 2.0.1 B02). Never to charge.
BEFORE_ACCEPTANCE = frozenset(
    {
        "base_report",
        "certificate_signed",
        "configure",
        "delete_certificate",
        "install_certificate",
        "installed_certificates",
        "log",
        "network_profile",
        "password",
        "read_configuration",
        "report",
        "trigger",
        "update_firmware",
    }
)
# Words of an answer that mean "not now": the same may be accepted later.
LATER_ERRORS = frozenset({"InternalError", "GenericError"})
LATER_STATUSES = frozenset({"Busy"})
LATER_REASONS = frozenset({"Busy", "FwUpdateInProgress", "InternalError", "OutOfMemory"})

PRIORITY_USUAL = 5  # 1 is the first to go, 9 the last
_PRIORITIES = {"stop": 1, "unlock": 2, "start": 2, "charging_profile": 3, "dynamic_schedule": 3}


def priority(kind: str) -> int:
    """Among the orders that wait for one station: the smaller goes first, then the older."""
    return _PRIORITIES.get(kind, PRIORITY_USUAL)


def pause_before_next(kind: str, attempts: int) -> float | None:
    """Seconds until it may be sent again after so many attempts; None: it may not."""
    if kind not in REPEATABLE or attempts >= ATTEMPTS_MAX:
        return None
    return PAUSES_S[min(attempts, len(PAUSES_S)) - 1] if attempts else PAUSES_S[0]


def allowed_before_acceptance(kind: str, payload: Mapping[str, Any], registration: str) -> bool:
    """Whether a station that is not accepted may get it. A rejected one gets nothing."""
    if registration != "pending":
        return False
    if kind == "call":
        return payload.get("action") not in (
            "RemoteStartTransaction",
            "RemoteStopTransaction",
            "RequestStartTransaction",
            "RequestStopTransaction",
        )
    return kind in BEFORE_ACCEPTANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """What an order changes. A newer order of the same kind and object, while the older still
    waits, takes its place; one that does not `replace` leaves the older where it is."""

    key: str
    replaces: bool = True


_WHOLE_STATION = frozenset(
    {"clear_cache", "monitoring_base", "monitoring_level", "password", "update_firmware"}
)
_NAMED_BY = {
    "certificate_signed": ("use",),
    "cost": ("transaction_id",),
    "default_tariff": ("evse",),
    "dynamic_schedule": ("id",),
    "network_profile": ("slot",),
    "availability": ("evse", "connector"),
    "priority_charging": ("transaction_id",),
    "transaction_tariff": ("transaction_id",),
    "energy_transfer": ("transaction_id",),
}


def object_of(kind: str, payload: Mapping[str, Any]) -> Object | None:
    """What the order changes, or None where no order can take its place."""
    if kind in _WHOLE_STATION:
        return Object(key="")
    if kind in _NAMED_BY:
        return Object(key=_key(payload, _NAMED_BY[kind]))
    if kind == "configure":
        return Object(key=" ".join(sorted(payload.get("variables") or {})))
    if kind == "local_list":
        # A newer difference does not hold what the older one changes.
        return Object(key="", replaces=payload.get("update") == "full")
    if kind == "charging_profile":
        profile = payload.get("profile") or {}
        slot = ("purpose", "stack_level", "transaction_id", "valid_from", "valid_to")
        return Object(key=f"{payload.get('evse') or 0} {_key(profile, slot)}")
    if kind == "display_message":
        return Object(key=_key(payload.get("message") or {}, ("id",)))
    return None


def _key(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(str(values.get(name, "")) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An order that finds out what became of another."""

    kind: str
    payload: Mapping[str, Any]


def question(
    kind: str, payload: Mapping[str, Any], *, evse: int | None, protocol: str | None
) -> Question | None:
    """What to ask after an order whose outcome is not known. `evse`: the session's, if any.

    OCPP 2.x can be asked about a transaction; every version tells the state of a connector.
    """
    if kind not in ASKED_ABOUT:
        return None
    if kind == "stop" and protocol not in (None, "ocpp1.6"):
        return Question(
            kind="transaction_status", payload={"transaction_id": payload.get("transaction_id")}
        )
    place = payload.get("evse") or evse
    return Question(kind="trigger", payload={"message": "StatusNotification", "evse": place})
