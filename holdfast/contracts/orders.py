"""Orders to a station: version-neutral, durable until answered or too late."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from temporalio import activity, workflow

from holdfast.contracts.message import Message, declared

WORKFLOW = "StationOrder"

STATION_CONNECTED = "station_connected"  # signal: try again now

OrderKind = Literal[
    "start",  # {"token_uid" is not in the payload: read from the session row}
    "stop",  # {"transaction_id": str}
    "reset",  # {"type": "soft" | "hard", "evse": int | None}
    "unlock",  # {"evse": int, "connector": int}
    "availability",  # {"evse": int, "connector": int | None, "operative": bool}
    "trigger",  # {"message": str, "evse": int | None, "connector": int | None}
    "configure",  # {"variables": {name: value}}  ("Component.Variable" for 2.x)
    "read_configuration",  # {"names": [str]}  (empty: all, 1.6)
    "base_report",  # {"base": "full" | "configuration" | "summary"}
    "report",  # {"components": [{"component", "variable"}], "criteria": [str]}
    "monitor",  # {"monitors": [{"component", "variable", "type", "value", "severity"}]}
    "clear_monitors",  # {"ids": [int]}
    "monitoring_report",  # {"components": [...], "criteria": [str]}
    "monitoring_base",  # {"base": "all" | "factory_default" | "hard_wired_only"}
    "monitoring_level",  # {"severity": int}
    "data_transfer",  # {"vendor_id": str, "message_id": str | None, "data": Any}
    "clear_cache",  # {}
    "local_list_version",  # {}
    # {"version": int, "update": "full" | "differential", "entries": [{"uid", "type", "status",
    #  "expires_at", "group_id"}]}; an entry without a status is taken off the list
    "local_list",
    "charging_profile",  # {"evse": int, "profile": {…}} (contracts.charging_profile)
    "dynamic_schedule",  # 2.1: {"id": int, "limit" | "discharge_limit" | "setpoint": W or A}
    "priority_charging",  # 2.1: {"transaction_id": str, "activate": bool}
    "energy_transfer",  # 2.1: {"transaction_id": str, "modes": [str]}: what the driver may use
    "clear_charging_profile",  # {"id" | "evse" | "purpose" | "stack_level": …}
    "charging_profiles",  # {"evse": int | None, "purpose": str | None}: what is installed (2.x)
    "composite_schedule",  # {"evse": int, "duration_s": int, "unit": "A" | "W" | None}
    # {"reservation": int, "evse": int, "token": {"uid", "type"}, "expires_at": str,
    #  "group_id": str | None, "connector_type": str | None (2.x)}
    "reserve",
    "cancel_reservation",  # {"reservation": int}
    "update_firmware",  # {"location", "retrieve_at", "install_at", "certificate", "signature"}
    "log",  # {"type": "diagnostics" | "security", "location": str, "from", "to"}
    "transaction_status",  # {"transaction_id": str | None}
    "installed_certificates",  # {"uses": [str]}
    # {"use": "central_system" | "manufacturer" | "v2g" | "mo", "certificate": PEM}
    "install_certificate",
    "delete_certificate",  # {"hash": {"algorithm", "issuer_name", "issuer_key", "serial"}}
    "certificate_signed",  # {"use": "station" | "v2g", "chain": str, "request_id": int | None}
    "password",  # {}: the gateway takes the pending one from the station's row
    "network_profile",  # {"slot": int, "profile": {…}}
    "display_message",  # {"message": {…}}
    "display_messages",  # {"ids": [int], "priority", "state"}
    "clear_display_message",  # {"id": int}
    "customer_information",  # {"token" | "customer" | "certificate", "report": bool, "clear": bool}
    "default_tariff",  # 2.1: {"evse": int, "tariff": {…}} (TariffType of OCPP 2.1)
    "tariffs",  # 2.1: {"evse": int}: which are installed
    "clear_tariffs",  # 2.1: {"ids": [str], "evse": int | None}
    "transaction_tariff",  # 2.1: {"transaction_id": str, "tariff": {…}}
    "der_control",  # 2.1: {"id": str, "type": str, "default": bool, "settings": {…}}
    "der_controls",  # 2.1: {"id": str | None, "type": str | None, "default": bool | None}
    "clear_der_control",  # 2.1: {"id": str | None, "type": str | None, "default": bool}
    "battery_swap",  # 2.1: {"token": {"uid", "type"}}
    "cost",  # {"transaction_id": str, "total_minor": int, "currency": str}
    "call",  # {"action": str, "payload": {...}}: any OCPP action, as it is
]

ORDER_KINDS: tuple[OrderKind, ...] = get_args(OrderKind)


class StartOrder(Message):
    """An order row exists; deliver it. The payload stays in the row: it may name a token."""

    order_id: UUID
    organization: str
    organization_id: UUID
    station_id: UUID
    station: str  # OCPP identity
    site_id: UUID | None = None
    session_id: UUID | None = None
    kind: str
    not_after: datetime
    rebuilt: bool = False
    # Where the socket was when the order was placed: the first attempt goes there unasked, and the
    # gateway itself checks the row and the generation.
    task_queue: str | None = None
    generation: int | None = None
    priority: int = 5


class OrderRef(Message):
    """Names an order."""

    order_id: UUID


class Whereabouts(Message):
    """Where the station's socket is. `task_queue` null: nowhere."""

    task_queue: str | None = None
    generation: int | None = None
    closed: bool = False  # the order's row is already final
    state: str | None = None  # of the row


class SendOrder(Message):
    """Send it on the socket of this generation."""

    order_id: UUID
    generation: int
    timeout_s: float = 30.0  # for each call that the order takes
    station_id: UUID | None = None
    priority: int = 5


class OrderAnswer(Message):
    """What came of it: state is one of store.tables.orders.ORDER_STATES.

    `waiting` is not the end: it is sent again `again_s` seconds later.
    """

    state: str
    status: str | None = None  # the station's own word: Accepted, Rejected, …
    again_s: float | None = None


class FinishOrder(Message):
    """Write the final state where the gateway could not: expired, timed_out, cancelled."""

    order_id: UUID
    state: str


class EventSignal(Message):
    """Something changed: look again."""

    event_id: str


@activity.defn(name="orders.locate")
async def locate_station(order: OrderRef) -> Whereabouts:
    """Which gateway holds the station's socket now."""
    declared()


@activity.defn(name="orders.send")
async def send_order(order: SendOrder) -> OrderAnswer:
    """On the gateway's own queue: one call on the socket, its answer written to the row.

    Raises ApplicationError type NotConnectedHere (before anything was sent) where the socket is
    not here or has another generation, and NotAccepted where the station's registration does not
    allow the order yet. An order that was sent, and of which nobody knows, is `timed_out`; only one
    that may be repeated is `waiting` again.
    """
    declared()


@activity.defn(name="orders.finish")
async def finish_order(order: FinishOrder) -> OrderAnswer:
    """Write the final state, and tell the session of a start that will not come."""
    declared()


@workflow.defn(name=WORKFLOW)
class StationOrderDeclaration:
    """Id `order-<uuid>`, queue `orders`."""

    @workflow.run
    async def run(self, start: StartOrder) -> OrderAnswer:
        """Wait for the station until `not_after`, send, record what came of it."""
        declared()
