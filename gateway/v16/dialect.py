"""OCPP 1.6J: which action is read and answered by what."""

from gateway.dialect import Dialect, Handler, empty_answer
from gateway.kept import data_answer, data_transfer
from gateway.signing import sign_certificate, signing_answer
from gateway.v16.authorize import authorize, authorize_answer
from gateway.v16.events import EVENTS
from gateway.v16.meter import meter_values
from gateway.v16.orders import ACCEPTED_STATUSES, translate_order
from gateway.v16.station import (
    boot_answer,
    boot_notification,
    firmware_status,
    heartbeat,
    heartbeat_answer,
    status_notification,
)
from gateway.v16.transactions import (
    start_answer,
    start_transaction,
    stop_answer,
    stop_transaction,
)

OCPP16 = Dialect(
    protocol="ocpp1.6",
    handlers={
        "Authorize": Handler(authorize, authorize_answer),
        "BootNotification": Handler(boot_notification, boot_answer),
        "DataTransfer": Handler(data_transfer, data_answer),
        "FirmwareStatusNotification": Handler(firmware_status, empty_answer),
        "Heartbeat": Handler(heartbeat, heartbeat_answer),
        "MeterValues": Handler(meter_values, empty_answer, lenient=True),
        "StartTransaction": Handler(start_transaction, start_answer, lenient=True),
        "SignCertificate": Handler(sign_certificate, signing_answer),
        "StatusNotification": Handler(status_notification, empty_answer),
        "StopTransaction": Handler(stop_transaction, stop_answer, lenient=True),
    }
    | EVENTS,
    translate_order=translate_order,
    accepted_statuses=ACCEPTED_STATUSES,
    unaccepted_are_refused=False,
)
