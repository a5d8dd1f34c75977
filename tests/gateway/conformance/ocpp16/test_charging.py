"""OCPP 1.6 sections 5.5, 5.7 and 5.16: smart charging."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp16.test_operations import begun

ACCEPTED = {"status": "Accepted"}
LATER = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
PERIODS = [{"start_s": 0, "limit": 16.0}, {"start_s": 600, "limit": 10.0, "phases": 1}]


async def test_5_7_a_a_composite_schedule_is_asked_for(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station,
            "composite_schedule",
            {"evse": 1, "duration_s": 3_600, "unit": "A"},
            {"status": "Accepted", "connectorId": 1},
        )

    assert action == "GetCompositeSchedule"
    assert payload == {"connectorId": 1, "duration": 3_600, "chargingRateUnit": "A"}
    assert done.state == "accepted"


@pytest.mark.parametrize(
    ("order", "payload"),
    [
        ({"id": 12}, {"id": 12}),
        (
            {"evse": 1, "purpose": "tx_default", "stack_level": 3},
            {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 3},
        ),
    ],
    ids=["by its id", "by what it is"],
)
async def test_5_5_a_charging_profiles_are_cleared_by_id_or_by_criteria(
    central: Central, order: dict[str, Any], payload: dict[str, Any]
) -> None:
    async with central.station("ocpp1.6") as station:
        action, sent, done = await central.ordered(
            station, "clear_charging_profile", order, ACCEPTED
        )

    assert (action, sent, done.state) == ("ClearChargingProfile", payload, "accepted")


@pytest.mark.parametrize(
    ("profile", "connector", "wanted"),
    [
        (
            {"purpose": "station_max", "kind": "absolute"},
            0,
            {"chargingProfilePurpose": "ChargePointMaxProfile"},
        ),
        (
            {"purpose": "tx_default", "kind": "recurring", "recurrency": "daily"},
            1,
            {"chargingProfilePurpose": "TxDefaultProfile", "recurrencyKind": "Daily"},
        ),
    ],
    ids=["the whole charge point", "every day on a connector"],
)
async def test_5_16_a_a_charging_profile_has_its_purpose_its_kind_and_its_schedule(
    central: Central, profile: dict[str, Any], connector: int, wanted: dict[str, Any]
) -> None:
    schedule = {"unit": "A", "periods": PERIODS, "start_at": LATER.isoformat()}
    order = {
        "evse": connector,
        "profile": {"id": 1, "stack_level": 2, "schedules": [schedule]} | profile,
    }
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "charging_profile", order, ACCEPTED)

    assert action == "SetChargingProfile"
    assert payload["connectorId"] == connector
    sent = payload["csChargingProfiles"]
    assert sent.items() >= wanted.items()
    assert sent["stackLevel"] == 2
    assert "transactionId" not in sent
    assert sent["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 16.0},
        {"startPeriod": 600, "limit": 10.0, "numberPhases": 1},
    ]
    assert datetime.fromisoformat(sent["chargingSchedule"]["startSchedule"]) == LATER
    assert done.state == "accepted"


async def test_5_16_b_a_profile_of_a_transaction_names_it(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        number = await begun(central, station)
        profile = {
            "id": 2,
            "purpose": "tx",
            "kind": "relative",
            "transaction_id": str(number),
            "schedules": [{"unit": "W", "periods": [{"start_s": 0, "limit": 7400.0}]}],
        }
        _, payload, _ = await central.ordered(
            station, "charging_profile", {"evse": 1, "profile": profile}, ACCEPTED
        )

    assert payload["csChargingProfiles"]["transactionId"] == number
    assert payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxProfile"


async def test_5_16_c_a_profile_that_1_6_cannot_express_is_not_sent(central: Central) -> None:
    profile = {
        "id": 3,
        "purpose": "tx",
        "kind": "relative",
        "schedules": [{"unit": "A", "periods": [{"start_s": 0, "limit": 16.0}]}],
    }
    async with central.station("ocpp1.6") as station:
        order = await central.order(station, "charging_profile", {"evse": 1, "profile": profile})
        done = await central.send(order)
        await station.expect_silence(0.05)

    assert done.state == "rejected"
