"""Every action that a station may send is read, and every answer to it is one that its schema
allows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest

from gateway import schemas
from gateway.dialect import Outcome
from gateway.protocols import DIALECTS
from holdfast.contracts.facts import EventReported, FirmwareReported, TransactionUpdated
from holdfast.domain.authorization import AuthorizationStatus, Decision
from tests.gateway.samples import STAMP, payload_of, schema_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HANDLED = [
    (protocol, action) for protocol, dialect in DIALECTS.items() for action in dialect.handlers
]
ANSWERED = [pair for pair in HANDLED if not DIALECTS[pair[0]].handlers[pair[1]].unconfirmed]

OUTCOMES = [
    *(Outcome(at=NOW, registration=word) for word in ("accepted", "pending", "rejected")),
    *(
        Outcome(
            at=NOW,
            transaction_number=7,
            decision=Decision(status=status, expires_at=NOW + timedelta(days=1)),
        )
        for status in AuthorizationStatus
    ),
]


@pytest.mark.parametrize(("protocol", "action"), HANDLED, ids=map("-".join, HANDLED))
@pytest.mark.parametrize("full", [False, True], ids=["smallest", "full"])
def test_a_message_that_the_schema_allows_is_read(protocol: str, action: str, full: bool) -> None:
    payload = payload_of(protocol, action, full=full)

    assert schemas.violation(protocol, action, payload) is None
    fact = DIALECTS[protocol].handlers[action].read(payload, NOW).fact

    assert type(fact).__name__ != "Fact"


@pytest.mark.parametrize(("protocol", "action"), ANSWERED, ids=map("-".join, ANSWERED))
def test_every_answer_is_one_that_the_schema_allows(protocol: str, action: str) -> None:
    schema = schema_of(protocol, action, response=True)
    assert schema is not None
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    handler = DIALECTS[protocol].handlers[action]

    for full in (False, True):
        fact = handler.read(payload_of(protocol, action, full=full), NOW).fact
        for outcome in OUTCOMES:
            answer = handler.answer(fact, outcome)
            problems = [str(error.kind) for error in validator.iter_errors(answer)]
            assert problems == [], (answer, outcome)


def test_a_message_to_which_nothing_answers_has_no_schema_of_an_answer() -> None:
    unconfirmed = [pair for pair in HANDLED if pair not in ANSWERED]

    assert unconfirmed == [("ocpp2.1", "NotifyPeriodicEventStream")]
    assert schema_of(*unconfirmed[0], response=True) is None


def event(protocol: str, action: str, payload: dict[str, Any]) -> EventReported:
    fact = DIALECTS[protocol].handlers[action].read(payload, NOW).fact
    assert isinstance(fact, EventReported)
    return fact


def test_an_event_with_a_stamp_of_its_own_is_known_again_and_one_without_may_happen_twice() -> None:
    alarm = {"controlType": "EnterService", "timestamp": STAMP, "gridEventFault": "OverVoltage"}

    first = event("ocpp2.1", "NotifyDERAlarm", alarm)
    log = event("ocpp1.6", "LogStatusNotification", {"status": "Uploaded", "requestId": 4})

    assert first.key == event("ocpp2.1", "NotifyDERAlarm", dict(alarm)).key
    assert first.key != event("ocpp2.1", "NotifyDERAlarm", alarm | {"alarmEnded": True}).key
    assert (first.kind, first.name, first.at.isoformat()) == (
        "der_alarm",
        "OverVoltage",
        "2026-03-01T11:59:00+00:00",
    )
    assert first.details == {"controlType": "EnterService", "gridEventFault": "OverVoltage"}
    assert (log.key, log.kind, log.name, log.request_id) == (None, "log", "Uploaded", 4)


def test_a_clock_that_stands_in_1970_does_not_make_every_security_event_the_same() -> None:
    said = {"type": "TamperDetectionActivated", "timestamp": "1970-01-01T00:00:00Z"}

    for protocol in DIALECTS:
        fact = event(protocol, "SecurityEventNotification", said)
        assert (fact.key, fact.clock, fact.at) == (None, "before_2015", NOW)


def test_a_security_event_that_no_list_has_is_kept_under_its_own_name() -> None:
    said = {"type": "Vendor thing", "timestamp": STAMP, "techInfo": "x"}

    for protocol in DIALECTS:
        fact = event(protocol, "SecurityEventNotification", said)
        assert (fact.kind, fact.name, fact.details) == (
            "security",
            "Vendor thing",
            {"techInfo": "x"},
        )


def test_a_signed_firmware_status_is_a_firmware_status() -> None:
    read = DIALECTS["ocpp1.6"].handlers["SignedFirmwareStatusNotification"].read
    fact = read({"status": "SignatureVerified", "requestId": 3}, NOW).fact

    assert fact == FirmwareReported(at=NOW, status="SignatureVerified", request_id=3)


def test_a_vat_number_that_nobody_checked_is_not_accepted() -> None:
    handler = DIALECTS["ocpp2.1"].handlers["VatNumberValidation"]
    fact = handler.read({"vatNumber": "DE123456789", "evseId": 2}, NOW).fact

    answer = handler.answer(fact, Outcome(at=NOW))

    assert (answer["status"], answer["vatNumber"], answer["evseId"]) == (
        "Rejected",
        "DE123456789",
        2,
    )


def test_what_2_1_adds_to_a_transaction_event_stays_with_it() -> None:
    payload = {
        "eventType": "Updated",
        "timestamp": STAMP,
        "triggerReason": "OperationModeChanged",
        "seqNo": 3,
        "evseSleep": False,
        "costDetails": {"totalCost": {"currency": "EUR"}},
        "transactionInfo": {"transactionId": "T", "operationMode": "CentralSetpoint"},
        "idToken": {"idToken": "A" * 64, "type": "a type of this vendor"},
    }

    fact = DIALECTS["ocpp2.1"].handlers["TransactionEvent"].read(payload, NOW).fact

    assert isinstance(fact, TransactionUpdated)
    assert (fact.token_uid, fact.token_type) == ("A" * 64, "a type of this vendo")
    assert fact.extras == {
        "cost_details": {"totalCost": {"currency": "EUR"}},
        "evse_sleep": False,
        "operation_mode": "CentralSetpoint",
    }
