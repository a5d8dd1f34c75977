"""OCPP 2.0.1: which action is read and answered by what."""

from gateway.dialect import Dialect, Handler, empty_answer
from gateway.kept import data_answer, data_transfer
from gateway.signing import sign_certificate, signing_answer
from gateway.v201.authorize import authorize, authorize_answer
from gateway.v201.contracts import (
    certificate_status_answer,
    contract_certificate_answer,
    get_certificate_status,
    get_contract_certificate,
)
from gateway.v201.device_model import (
    notify_event,
    notify_monitoring_report,
    notify_report,
)
from gateway.v201.events import EVENTS
from gateway.v201.meter import meter_values
from gateway.v201.orders import ACCEPTED_STATUSES, translate_order
from gateway.v201.station import (
    boot_answer,
    boot_notification,
    firmware_status,
    heartbeat,
    heartbeat_answer,
    status_notification,
)
from gateway.v201.transactions import TOTAL_FIELD, transaction_answer, transaction_event

OCPP201 = Dialect(
    protocol="ocpp2.0.1",
    handlers={
        "Authorize": Handler(authorize, authorize_answer, asks=True),
        "BootNotification": Handler(boot_notification, boot_answer),
        "DataTransfer": Handler(data_transfer, data_answer),
        "FirmwareStatusNotification": Handler(firmware_status, empty_answer),
        "Get15118EVCertificate": Handler(
            get_contract_certificate, contract_certificate_answer, asks=True
        ),
        "GetCertificateStatus": Handler(
            get_certificate_status, certificate_status_answer, asks=True
        ),
        "Heartbeat": Handler(heartbeat, heartbeat_answer),
        "MeterValues": Handler(meter_values, empty_answer, lenient=True),
        "NotifyEvent": Handler(notify_event, empty_answer, lenient=True),
        "NotifyMonitoringReport": Handler(notify_monitoring_report, empty_answer, lenient=True),
        "NotifyReport": Handler(notify_report, empty_answer, lenient=True),
        "SignCertificate": Handler(sign_certificate, signing_answer),
        "StatusNotification": Handler(status_notification, empty_answer),
        "TransactionEvent": Handler(
            transaction_event, transaction_answer, lenient=True, total_field=TOTAL_FIELD
        ),
    }
    | EVENTS,
    translate_order=translate_order,
    accepted_statuses=ACCEPTED_STATUSES,
    unaccepted_are_refused=True,
)
