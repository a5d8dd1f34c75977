"""Quirks of models, each by its effect: what a message means, and what a call becomes."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import adjusting
from gateway.adjusting import adjusted
from gateway.dialect import Call
from gateway.protocols import DIALECTS
from gateway.quirks import NONE, Quirks
from gateway.sendable import sendable
from holdfast.contracts.facts import (
    MeterSampled,
    TokenPresented,
    TransactionEnded,
    TransactionStarted,
)
from holdfast.domain.quirks import MEANINGS, Quirk, Rule

NOW = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def with_quirk(quirk: Quirk, value: Any = True) -> Quirks:
    return Quirks({quirk: Rule(name="r", quirk=quirk, value=value)}, BERLIN)


def fact_of(
    action: str, payload: dict[str, Any], quirks: Quirks, protocol: str = "ocpp1.6"
) -> tuple[Any, str | None]:
    handler = DIALECTS[protocol].handlers[action]
    reading, finding = adjusting.read(handler, action, payload, NOW, quirks)
    return reading.fact, finding


def meter(*values: dict[str, Any], **more: Any) -> dict[str, Any]:
    meter_value = {"timestamp": "2026-07-20T11:59:00Z", "sampledValue": list(values)}
    return {"connectorId": 1, "transactionId": 7, "meterValue": [meter_value], **more}


STOP = {"transactionId": 7, "meterStop": 12.345, "timestamp": "2026-07-20T11:59:00Z"}
START = {
    "connectorId": 1,
    "idTag": "04AB_17619300",
    "meterStart": 5,
    "timestamp": "2026-07-20T11:59:00Z",
}


def test_stop_carries_kwh() -> None:
    fact, finding = fact_of("StopTransaction", STOP, with_quirk(Quirk.STOP_CARRIES_KWH))

    assert isinstance(fact, TransactionEnded)
    assert fact.meter_stop_mwh == 12_345_000
    assert finding == "adjusted: stop_carries_kwh"


@pytest.mark.parametrize("unit", [{}, {"unit": "Wh"}, {"unit": ""}])
def test_meter_values_carry_kwh(unit: dict[str, str]) -> None:
    payload = meter({"value": "1.5", **unit}, {"value": "230", "measurand": "Voltage"})

    fact, finding = fact_of("MeterValues", payload, with_quirk(Quirk.METER_VALUES_CARRY_KWH))

    assert isinstance(fact, MeterSampled)
    assert fact.samples[0].energy_mwh == 1_500_000
    assert finding == "adjusted: meter_values_carry_kwh"


def test_meter_values_that_say_kwh_are_left_alone() -> None:
    payload = meter({"value": "1.5", "unit": "kWh"})

    assert adjusted(payload, "MeterValues", with_quirk(Quirk.METER_VALUES_CARRY_KWH)) == (
        payload,
        None,
    )


def test_ignore_meter_start() -> None:
    fact, _ = fact_of("StartTransaction", START, with_quirk(Quirk.IGNORE_METER_START))

    assert isinstance(fact, TransactionStarted)
    assert fact.meter_start_mwh is None


def test_energy_multiplier() -> None:
    quirks = with_quirk(Quirk.ENERGY_MULTIPLIER, "0.1")
    stop, _ = fact_of("StopTransaction", STOP | {"meterStop": 100}, quirks)
    sampled, _ = fact_of("MeterValues", meter({"value": "100"}), quirks)

    assert stop.meter_stop_mwh == 10_000
    assert sampled.samples[0].energy_mwh == 10_000


def test_power_from_current() -> None:
    currents = [
        {"value": str(amps), "measurand": "Current.Import", "phase": phase}
        for phase, amps in (("L1", 10), ("L2", 6), ("L3", 0))
    ]
    voltage = {"value": "240", "measurand": "Voltage", "phase": "L1-N"}
    quirks = with_quirk(Quirk.POWER_FROM_CURRENT, 230)

    fact, _ = fact_of("MeterValues", meter(*currents, voltage), quirks)
    told, finding = fact_of(
        "MeterValues", meter(*currents, {"value": "1", "measurand": "Power.Active.Import"}), quirks
    )

    assert fact.samples[0].power_w == 10 * 240 + 6 * 230
    assert (told.samples[0].power_w, finding) == (1, None)


def test_export_register_is_import() -> None:
    export = {"value": "700", "measurand": "Energy.Active.Export.Register"}
    quirks = with_quirk(Quirk.EXPORT_REGISTER_IS_IMPORT)

    alone, _ = fact_of("MeterValues", meter(export), quirks)
    beside, _ = fact_of("MeterValues", meter({"value": "9"}, export), quirks)

    assert alone.samples[0].energy_mwh == 700_000
    assert beside.samples[0].energy_mwh == 9_000


def test_sum_connector_zero() -> None:
    quirks = with_quirk(Quirk.SUM_CONNECTOR_ZERO)

    whole, _ = fact_of("MeterValues", meter({"value": "700"}, connectorId=0), quirks)
    part, finding = fact_of("MeterValues", meter({"value": "700"}), quirks)

    assert whole.transaction_id is None
    assert (part.transaction_id, finding) == ("7", None)


def test_id_tag_suffix_serial() -> None:
    quirks = with_quirk(Quirk.ID_TAG_SUFFIX_SERIAL, "_")

    start, _ = fact_of("StartTransaction", START, quirks)
    asked, _ = fact_of("Authorize", {"idTag": "04AB_17619300"}, quirks)
    plain, finding = fact_of("Authorize", {"idTag": "04AB"}, quirks)
    later, _ = fact_of(
        "Authorize", {"idToken": {"idToken": "04AB_1", "type": "ISO14443"}}, quirks, "ocpp2.0.1"
    )

    assert isinstance(asked, TokenPresented)
    assert {start.token_uid, asked.token_uid, plain.token_uid, later.token_uid} == {"04AB"}
    assert finding is None


def test_sequence_always_zero() -> None:
    event = {
        "eventType": "Updated",
        "timestamp": "2026-07-20T11:59:00Z",
        "seqNo": 0,
        "triggerReason": "MeterValuePeriodic",
        "transactionInfo": {"transactionId": "t"},
    }
    fact, _ = fact_of(
        "TransactionEvent", event, with_quirk(Quirk.SEQUENCE_ALWAYS_ZERO), "ocpp2.0.1"
    )

    assert fact.sequence is None


def test_local_time_labelled_utc() -> None:
    quirks = with_quirk(Quirk.LOCAL_TIME_LABELLED_UTC)

    labelled, _ = fact_of("StopTransaction", STOP, quirks)
    honest, finding = fact_of(
        "StopTransaction", STOP | {"timestamp": "2026-07-20T11:59:00+02:00"}, quirks
    )
    sampled, _ = fact_of("MeterValues", meter({"value": "1"}), quirks)

    assert labelled.at == honest.at == datetime(2026, 7, 20, 9, 59, tzinfo=UTC)
    assert sampled.samples[0].at == labelled.at
    assert finding is None


def test_what_was_adjusted_keeps_the_key_of_what_was_sent() -> None:
    """Else a rule that is edited would make the repeat of a stored message look new (G2)."""
    for action, payload, quirks in (
        ("StopTransaction", STOP, with_quirk(Quirk.STOP_CARRIES_KWH)),
        ("StartTransaction", START, with_quirk(Quirk.ID_TAG_SUFFIX_SERIAL, "_")),
        ("MeterValues", meter({"value": "1.5"}), with_quirk(Quirk.METER_VALUES_CARRY_KWH)),
    ):
        meant, finding = fact_of(action, payload, quirks)
        sent, _ = fact_of(action, payload, NONE)
        assert finding is not None
        assert meant.key == sent.key


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["timestamp", "sampledValue", "value", "measurand", "unit", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = ["connectorId", "transactionId", "meterValue", "meterStart", "meterStop", "idTag", "seqNo"]
VALUES = {"seconds": 1, "multiplier": "0.001", "volts": 230, "separator": "_", "flag": True}
EVERYTHING = Quirks(
    {
        quirk: Rule(name="r", quirk=quirk, value=VALUES[meaning.value])
        for quirk, meaning in MEANINGS.items()
    },
    BERLIN,
)


@given(
    st.dictionaries(st.sampled_from([*NAMES, "timestamp", "idToken"]), JSON, max_size=6),
    st.sampled_from(["MeterValues", "StartTransaction", "StopTransaction", "TransactionEvent"]),
)
def test_no_payload_breaks_an_adjustment_and_the_payload_stays_as_it_was(
    payload: dict[str, Any], action: str
) -> None:
    before = deepcopy(payload)

    meant, finding = adjusted(payload, action, EVERYTHING)

    assert payload == before
    assert (meant == payload) == (finding is None)


def profile(unit: str, **more: Any) -> dict[str, Any]:
    periods = [
        {"startPeriod": 0, "limit": 11_000.0 if unit == "W" else 16.0},
        {"startPeriod": 60, "limit": 2_000.0 if unit == "W" else 8.0, "numberPhases": 1},
    ]
    return {
        "chargingProfileId": 1,
        "stackLevel": 3,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": unit, "chargingSchedulePeriod": periods},
    } | more


def limits(call: Call) -> list[float]:
    schedule = call.payload["csChargingProfiles"]["chargingSchedule"]
    return [period["limit"] for period in schedule["chargingSchedulePeriod"]]


def set_profile(unit: str, connector: int = 0) -> Call:
    return Call(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile(unit)}
    )


def test_profiles_in_amperes_only() -> None:
    quirks = with_quirk(Quirk.PROFILES_IN_AMPERES_ONLY, 230)
    asked = set_profile("W")

    sent = sendable(asked, quirks)

    assert limits(sent) == [15.9, 8.6]  # rounded down: never more than was allowed
    schedule = sent.payload["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "A"
    assert limits(asked) == [11_000.0, 2_000.0]
    assert sendable(set_profile("A"), quirks) == set_profile("A")


def test_profiles_in_watts_only() -> None:
    sent = sendable(set_profile("A"), with_quirk(Quirk.PROFILES_IN_WATTS_ONLY, 230))

    assert limits(sent) == [16 * 230 * 3, 8 * 230]


@given(st.decimals(min_value=0, max_value=100_000, places=3), st.sampled_from([1, 2, 3]))
def test_a_converted_limit_is_never_above_the_one_that_was_asked_for(
    watts: Decimal, phases: int
) -> None:
    call = set_profile("W")
    period = call.payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]
    period |= {"limit": float(watts), "numberPhases": phases}

    sent = sendable(call, with_quirk(Quirk.PROFILES_IN_AMPERES_ONLY, 230))

    assert Decimal(str(limits(sent)[0])) * 230 * phases <= Decimal(str(float(watts)))


def test_ignores_stack_level() -> None:
    sent = sendable(set_profile("W"), with_quirk(Quirk.IGNORES_STACK_LEVEL))

    assert sent.payload["csChargingProfiles"]["stackLevel"] == 0


def test_refuses_connector_zero_profiles() -> None:
    quirks = with_quirk(Quirk.REFUSES_CONNECTOR_ZERO_PROFILES)

    sent = sendable(set_profile("W"), quirks)

    assert sent.payload["connectorId"] == 1
    assert sent.payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
    assert sendable(set_profile("W", connector=2), quirks) == set_profile("W", connector=2)


def test_soc_not_allowed_in_sampled_data() -> None:
    quirks = with_quirk(Quirk.SOC_NOT_ALLOWED_IN_SAMPLED_DATA)
    old = Call(
        "ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "Voltage, SoC,Frequency"}
    )
    new = Call(
        "SetVariables",
        {
            "setVariableData": [
                {
                    "component": {"name": "SampledDataCtrlr"},
                    "variable": {"name": "TxUpdatedMeasurands"},
                    "attributeValue": "SoC,Voltage",
                }
            ]
        },
    )

    assert sendable(old, quirks).payload["value"] == "Voltage,Frequency"
    assert sendable(new, quirks).payload["setVariableData"][0]["attributeValue"] == "Voltage"


def test_a_station_without_quirks_gets_the_very_call() -> None:
    call = set_profile("W")

    assert sendable(call, NONE) is call
