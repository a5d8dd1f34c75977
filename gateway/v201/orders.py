"""Orders in OCPP 2.0.1's words."""

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext
from gateway.v201.orders_charging import charging
from gateway.v201.orders_control import control
from gateway.v201.orders_display import display
from gateway.v201.orders_local import local
from gateway.v201.orders_security import SECURITY
from gateway.v201.orders_tokens import token_201
from gateway.v201.orders_variables import VARIABLES

# Answers that mean "done" or "will be done"; every other word is a refusal.
ACCEPTED_STATUSES = frozenset(
    {"Accepted", "AcceptedCanceled", "Scheduled", "Unlocked", "Unpublished", "RebootRequired"}
)
TRIGGERS = frozenset(
    {
        "BootNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "PublishFirmwareStatusNotification",
        "SignChargingStationCertificate",
        "SignCombinedCertificate",
        "SignV2GCertificate",
        "StatusNotification",
        "TransactionEvent",
    }
)

_TRANSLATIONS = {
    **control("OCPP 2.0.1", token_201, TRIGGERS),
    **VARIABLES,
    **charging(v21=False),
    **local(token_201),
    **display("OCPP 2.0.1", token_201),
    **SECURITY,
}


def translate_order(kind: str, order: Order, context: OrderContext) -> tuple[Call, ...]:
    """The calls for an order, sent one after another. Raises NotInThisVersion."""
    translate = _TRANSLATIONS.get(kind)
    if translate is None:
        raise NotInThisVersion(f"OCPP 2.0.1 has no order {kind}")
    return translate(order, context)
