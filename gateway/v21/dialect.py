"""OCPP 2.1: 2.0.1's messages, and what 2.1 changes and adds."""

from dataclasses import replace

from gateway.dialect import Handler
from gateway.v21.certificate_chains import (
    certificate_chain_status_answer,
    get_certificate_chain_status,
)
from gateway.v21.events import EVENTS
from gateway.v21.orders import ACCEPTED_STATUSES, translate_order
from gateway.v21.transactions import transaction_event
from gateway.v201.contracts import contract_certificate_answer21, get_contract_certificate
from gateway.v201.dialect import OCPP201
from gateway.v201.transactions import TOTAL_FIELD, transaction_answer

OCPP21 = replace(
    OCPP201,
    protocol="ocpp2.1",
    handlers={
        **OCPP201.handlers,
        **EVENTS,
        "Get15118EVCertificate": Handler(
            get_contract_certificate, contract_certificate_answer21, asks=True
        ),
        "GetCertificateChainStatus": Handler(
            get_certificate_chain_status, certificate_chain_status_answer, asks=True
        ),
        "TransactionEvent": Handler(
            transaction_event, transaction_answer, lenient=True, total_field=TOTAL_FIELD
        ),
    },
    translate_order=translate_order,
    accepted_statuses=ACCEPTED_STATUSES,
    sends=True,
)
