"""Payload in, fact out: what stations send and what becomes of it, without a socket."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import schemas
from gateway.protocols import DIALECTS
from gateway.reading import Unreadable, milliwatthours, number, transaction_id, whole
from gateway.v16.meter import meter_values
from gateway.v16.transactions import start_transaction, stop_transaction
from gateway.v201.dialect import OCPP201
from gateway.v201.transactions import transaction_event
from holdfast.contracts.facts import (
    MeterSampled,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sampled(*values: dict[str, Any], stamp: str = "2026-03-01T11:59:00Z") -> MeterSampled:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": stamp, "sampledValue": list(values)}]}
    fact = meter_values(payload, NOW).fact
    assert isinstance(fact, MeterSampled)
    return fact


@pytest.mark.parametrize(
    ("value", "energy_mwh"),
    [
        ({"value": "1234"}, 1_234_000),
        ({"value": 1234}, 1_234_000),
        ({"value": "2909465.9"}, 2_909_465_900),
        ({"value": "0.15003999999999998", "unit": "kWh"}, 150_040),
        ({"value": "32,5", "unit": "Wh"}, 32_500),
        ({"value": "1", "measurand": "Energy.Active.Import.Register"}, 1_000),
        ({"value": ""}, None),
        ({"value": "NaN"}, None),
        ({"value": "-5"}, None),
        ({"value": "1e999999999"}, None),
        ({"value": "x" * 5000}, None),
        ({"value": "5", "unit": "Hz"}, None),
        ({"value": "5", "format": "SignedData"}, None),
        ({"value": "5", "measurand": "Energy.Active.Export.Register"}, None),
    ],
)
def test_a_register_is_read_whatever_its_form(
    value: dict[str, Any], energy_mwh: int | None
) -> None:
    assert sampled(value).samples[0].energy_mwh == energy_mwh


def test_the_whole_connector_counts_before_its_phases() -> None:
    phases = [
        {"value": "1", "unit": "kW", "measurand": "Power.Active.Import", "phase": f"L{phase}"}
        for phase in (1, 2, 3)
    ]
    whole_connector = {"value": "3300", "unit": "W", "measurand": "Power.Active.Import"}

    assert sampled(*phases).samples[0].power_w == 3000
    assert sampled(*phases, whole_connector).samples[0].power_w == 3300


@pytest.mark.parametrize(
    ("stamp", "at", "clock"),
    [
        ("2026-03-01T13:30:00+02", datetime(2026, 3, 1, 11, 30, tzinfo=UTC), "ok"),
        ("2026-03-01T11:30:00", datetime(2026, 3, 1, 11, 30, tzinfo=UTC), "ok"),
        ("1970-01-01T00:00:00Z", NOW, "before_2015"),
        ("2099-01-01T00:00:00Z", NOW, "ahead"),
        ("soon", NOW, "unreadable"),
    ],
)
def test_a_stamp_is_judged(stamp: str, at: datetime, clock: str) -> None:
    sample = sampled({"value": "1"}, stamp=stamp).samples[0]

    assert (sample.at, sample.clock) == (at, clock)


def test_a_start_is_known_by_what_stays_the_same_when_it_is_sent_again() -> None:
    start = {
        "connectorId": 2,
        "idTag": "abc",
        "timestamp": "2026-03-01T11:00:00Z",
        "meterStart": 5,
    }

    first = start_transaction(start, NOW).fact
    second = start_transaction(start | {"reservationId": 3}, NOW + timedelta(hours=1)).fact
    other = start_transaction(start | {"meterStart": 6}, NOW).fact

    assert isinstance(first, TransactionStarted)
    assert (first.evse, first.connector, first.meter_start_mwh) == (2, 1, 5_000)
    assert first.key == second.key
    assert first.key != other.key


@pytest.mark.parametrize("identifier", [-1, 0, 2**63 - 1, "abc", 1e25])
def test_ids_that_we_never_gave_do_not_make_two_stops_one(identifier: object) -> None:
    stop = {"transactionId": identifier, "timestamp": "2026-03-01T11:00:00Z", "meterStop": 5}

    first = stop_transaction(stop, NOW).fact
    second = stop_transaction(stop | {"meterStop": 6}, NOW).fact

    assert isinstance(first, TransactionEnded)
    assert first.key != second.key


def test_sending_an_event_again_as_offline_is_the_same_event() -> None:
    event = {
        "eventType": "Updated",
        "timestamp": "2026-03-01T11:00:00Z",
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 4,
        "transactionInfo": {"transactionId": "T"},
    }

    first = transaction_event(event, NOW)
    again = transaction_event(event | {"offline": True}, NOW)
    other = transaction_event(event | {"triggerReason": "Trigger"}, NOW)

    assert isinstance(first.fact, TransactionUpdated)
    assert again.fact.key == first.fact.key
    assert other.fact.key != first.fact.key
    assert other.twin == first.twin


def test_a_multiplier_is_a_power_of_ten() -> None:
    value = {"value": 24.5, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
    payload = {"evseId": 1, "meterValue": [{"sampledValue": [value]}]}
    fact = OCPP201.handlers["MeterValues"].read(payload, NOW).fact

    assert isinstance(fact, MeterSampled)
    assert fact.samples[0].energy_mwh == 24_500_000


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "connectorId",
        "evseId",
        "evse",
        "idTag",
        "idToken",
        "transactionId",
        "transactionInfo",
        "meterValue",
        "transactionData",
        "timestamp",
        "meterStart",
        "meterStop",
        "seqNo",
        "eventType",
        "status",
        "reason",
    ]
)


@pytest.mark.parametrize("protocol", DIALECTS)
@given(payload=st.dictionaries(FIELDS, JSON, max_size=6))
def test_no_payload_breaks_a_reader(protocol: str, payload: dict[str, Any]) -> None:
    for action, handler in DIALECTS[protocol].handlers.items():
        schemas.violation(protocol, action, payload)
        try:
            handler.read(payload, NOW)
        except Unreadable:
            continue


@given(JSON)
def test_lenient_numbers_never_raise(value: object) -> None:
    number(value)
    whole(value)
    transaction_id(value)
    milliwatthours(value, 1000)


def test_lenient_numbers_are_exact() -> None:
    assert number("0.1") == Decimal("0.1")
    assert whole("12") == 12
    assert whole(12.5) is None
    assert whole(True) is None
    assert transaction_id(7.0) == "7"
