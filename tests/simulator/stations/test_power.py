"""Charging profiles: which limit holds when, and that the simulated power keeps to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.stations.power import Situation, composite, in_unit, limit_w, profile_from
from simulator.stations.station import ConnectorBusy, SimulatedStation
from tests.simulator.stations.back_office import BackOffice
from tests.simulator.stations.conftest import FAST, station_16, station_201

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SESSION = Situation(evse=1, transaction_id="T1", started_at=NOON, max_power_w=22_000)


def profile(number: int, purpose: str, limit: float, **changes: Any) -> dict[str, Any]:
    periods = changes.pop("periods", [{"startPeriod": 0, "limit": limit}])
    schedule = {"id": 1, "chargingRateUnit": changes.pop("unit", "W")}
    schedule |= {"chargingSchedulePeriod": periods} | changes.pop("schedule", {})
    return {
        "id": number,
        "stackLevel": changes.pop("stack", 0),
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": changes.pop("kind", "Relative"),
        "chargingSchedule": [schedule],
    } | changes


def limit(*raw: dict[str, Any], at: datetime = NOON, evse: int = 0) -> int:
    return limit_w([profile_from(one, evse) for one in raw], at, SESSION)


def test_without_profiles_the_evse_gives_what_it_has() -> None:
    assert limit() == 22_000


def test_the_highest_stack_of_a_purpose_wins() -> None:
    low, high = (
        profile(1, "TxDefaultProfile", 5_000),
        profile(2, "TxDefaultProfile", 9_000, stack=3),
    )

    assert limit(low, high) == limit(high, low) == 9_000


def test_a_transactions_own_profile_replaces_the_default_and_the_station_caps_both() -> None:
    default, own = profile(1, "TxDefaultProfile", 5_000), profile(2, "TxProfile", 9_000)
    whole = profile(3, "ChargingStationMaxProfile", 7_000)

    assert limit(default, own) == 9_000
    assert limit(default, own, whole) == 7_000


def test_another_transactions_profile_does_not_concern_this_one() -> None:
    assert limit(profile(1, "TxProfile", 1_000, transactionId="T2")) == 22_000


def test_amperes_count_per_phase() -> None:
    three = profile(1, "TxProfile", 16, unit="A")
    one = profile(1, "TxProfile", 0, unit="A", periods=[_period(0, 16, numberPhases=1)])

    assert (limit(three), limit(one)) == (16 * 230 * 3, 16 * 230)
    assert in_unit(16 * 230 * 3, "A", 3) == 16.0


def test_a_profile_ends_with_its_duration_and_outside_its_validity() -> None:
    short = profile(1, "TxProfile", 4_000, schedule={"duration": 600})
    later = profile(2, "TxDefaultProfile", 2_000, validFrom=(NOON + timedelta(hours=1)).isoformat())

    assert limit(short, at=NOON + timedelta(seconds=599)) == 4_000
    assert limit(short, at=NOON + timedelta(seconds=600)) == 22_000
    assert limit(later) == 22_000
    assert limit(later, at=NOON + timedelta(hours=2)) == 2_000


def test_a_daily_profile_comes_again() -> None:
    night = profile(
        1,
        "TxDefaultProfile",
        0,
        kind="Recurring",
        recurrencyKind="Daily",
        periods=[_period(0, 3_000), _period(6 * 3600, 11_000)],
        schedule={"startSchedule": "2026-03-01T00:00:00Z"},
    )

    assert limit(night, at=datetime(2026, 3, 9, 5, tzinfo=UTC)) == 3_000
    assert limit(night, at=datetime(2026, 3, 9, 7, tzinfo=UTC)) == 11_000


def test_a_composite_schedule_has_a_period_for_each_change() -> None:
    stepped = profile(
        1, "TxProfile", 0, periods=[_period(0, 6_000), _period(600, 9_000), _period(1200, 30_000)]
    )
    whole = profile(2, "ChargingStationMaxProfile", 8_000, schedule={"duration": 900})
    parsed = [profile_from(stepped, 1), profile_from(whole, 0)]

    assert composite(parsed, NOON, 3_600, SESSION) == [
        (0, 6_000),
        (600, 8_000),
        (900, 9_000),
        (1200, 22_000),
    ]


async def test_a_profile_caps_the_power_of_a_running_session_and_zero_suspends_it(
    office: BackOffice,
) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        transaction = await station.plug_in(1, "CARD1", energy_wh=20_000, stay_s=60)
        assert transaction is not None
        cap = profile(1, "TxProfile", 3_000, transactionId=transaction.key)
        accepted = await office.call("CS-201", "SetChargingProfile", _set(cap))
        await office.until(lambda: station.connectors[1].reading().power_w == 3_000)
        schedule = await office.call(
            "CS-201", "GetCompositeSchedule", {"duration": 60, "evseId": 1}
        )
        zero = profile(1, "TxProfile", 0, transactionId=transaction.key)
        await office.call("CS-201", "SetChargingProfile", _set(zero))
        await office.until(lambda: transaction.state == "SuspendedEVSE")
        cleared = await office.call("CS-201", "ClearChargingProfile", {"chargingProfileId": 1})
        await office.until(lambda: transaction.state == "Charging")

    assert accepted == cleared == {"status": "Accepted"}
    assert schedule["schedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 3_000.0}]


async def test_a_profile_for_a_transaction_that_is_not_there_is_rejected(
    office: BackOffice,
) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        lost = profile(1, "TxProfile", 3_000, transactionId="never")

        assert await office.call("CS-201", "SetChargingProfile", _set(lost)) == {
            "status": "Rejected"
        }


async def test_a_reserved_connector_takes_only_its_token(office: BackOffice) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    order = {"connectorId": 1, "expiryDate": until, "idTag": "MINE", "reservationId": 9}
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        assert await office.call("CP-16", "ReserveNow", order) == {"status": "Accepted"}
        await office.until(
            lambda: office.of("StatusNotification")[-1].payload["status"] == "Reserved"
        )
        with pytest.raises(ConnectorBusy):
            await station.plug_in(1, "YOURS")
        await station.plug_in(1, "MINE", energy_wh=100, stay_s=30)
        await office.until(lambda: office.of("StartTransaction"))
        again = await office.call("CP-16", "CancelReservation", {"reservationId": 9})

    assert office.of("StartTransaction")[0].payload["reservationId"] == 9
    assert again == {"status": "Rejected"}


def _period(start_s: int, limit_: float, **more: int) -> dict[str, Any]:
    return {"startPeriod": start_s, "limit": limit_} | more


def _set(raw: dict[str, Any]) -> dict[str, Any]:
    return {"evseId": 1 if raw["chargingProfilePurpose"] == "TxProfile" else 0} | {
        "chargingProfile": raw
    }
