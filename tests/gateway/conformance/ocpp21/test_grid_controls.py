"""OCPP 2.1 block R: controls of distributed energy resources."""

from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, events, now, refused_unsent

PROTOCOL = "ocpp2.1"
FIXED = {"fixedVar": {"priority": 1, "setpoint": 10.0, "unit": "PctMaxVar"}}
CURVE = {
    "curve": {
        "priority": 1,
        "yUnit": "PctMaxW",
        "curveData": [{"x": 97.0, "y": 100.0}, {"x": 103.0, "y": 0.0}],
    }
}
GRADIENT = {"gradient": {"priority": 1, "gradient": 1.0, "softGradient": 1.0}}


def control(kind: str, settings: dict[str, Any], *, default: bool) -> dict[str, Any]:
    """An order to set it."""
    return {"id": "c-1", "type": kind, "default": default, "settings": settings}


async def refused(central: Central, *orders: dict[str, Any]) -> None:
    """Each is never sent."""
    async with central.station(PROTOCOL) as station:
        for order in orders:
            await refused_unsent(central, station, "der_control", order)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "NotSupported", "NotFound"])
async def test_r04_fr_01_a_control_is_set_and_each_answer_understood(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "der_control", control("VoltWatt", CURVE, default=True), {"status": status}
        )

    assert action == "SetDERControl"
    assert payload == {"isDefault": True, "controlId": "c-1", "controlType": "VoltWatt"} | CURVE
    assert done.state == ("accepted" if status == "Accepted" else "rejected")


async def test_r04_fr_12_a_default_has_no_start_and_no_duration(central: Central) -> None:
    timed = {"startTime": now(), "duration": 60.0}
    wanted = {"fixedVar": FIXED["fixedVar"] | timed}
    async with central.station(PROTOCOL) as station:
        _, payload, done = await central.ordered(
            station, "der_control", control("FixedVar", wanted, default=False), ACCEPTED
        )
    assert payload["fixedVar"] == wanted["fixedVar"]
    assert done.state == "accepted"

    await refused(central, control("FixedVar", wanted, default=True))


async def test_r04_fr_14_gradients_and_the_return_to_service_are_always_defaults(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(
            station, "der_control", control("Gradients", GRADIENT, default=True), ACCEPTED
        )
    assert payload["gradient"] == GRADIENT["gradient"]

    await refused(central, control("Gradients", GRADIENT, default=False))


async def test_r04_fr_16_a_control_is_said_in_the_field_of_its_type(central: Central) -> None:
    await refused(
        central,
        control("VoltWatt", FIXED, default=True),
        control("FixedVar", CURVE, default=True),
        control("FixedVar", FIXED | CURVE, default=True),
        control("FixedVar", {}, default=True),
    )


@pytest.mark.parametrize(
    ("order", "payload"),
    [
        ({"id": "c-1"}, {"controlId": "c-1"}),
        ({"type": "VoltWatt", "default": False}, {"controlType": "VoltWatt", "isDefault": False}),
        ({"default": True}, {"isDefault": True}),
    ],
    ids=["one", "of a type", "all defaults"],
)
async def test_r04_fr_37_controls_are_asked_for(
    central: Central, order: dict[str, Any], payload: dict[str, Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        action, sent, done = await central.ordered(station, "der_controls", order, ACCEPTED)

    assert action == "GetDERControl"
    assert sent.pop("requestId") > 0
    assert (sent, done.state) == (payload, "accepted")


async def test_r04_fr_31_each_report_of_controls_is_confirmed_and_kept(central: Central) -> None:
    curve = {
        "id": "c-1",
        "curveType": "VoltWatt",
        "isDefault": True,
        "isSuperseded": False,
        "curve": CURVE["curve"],
    }
    async with central.station(PROTOCOL) as station:
        _, sent, _ = await central.ordered(station, "der_controls", {"default": True}, ACCEPTED)
        for tbc in (True, False):
            told = {"requestId": sent["requestId"], "tbc": tbc, "curve": [curve]}
            assert await station.call("ReportDERControl", told) == {}
        kept = await events(central, station, "der_report")

    assert [row["request_id"] for row in kept] == [sent["requestId"]] * 2
    assert kept[0]["details"]["curve"] == [curve]


@pytest.mark.parametrize(
    ("order", "payload", "status"),
    [
        ({"id": "c-1"}, {"isDefault": False, "controlId": "c-1"}, "Accepted"),
        (
            {"type": "VoltWatt", "default": True},
            {"isDefault": True, "controlType": "VoltWatt"},
            "NotFound",
        ),
    ],
)
async def test_r04_fr_41_controls_are_cleared(
    central: Central, order: dict[str, Any], payload: dict[str, Any], status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        action, sent, done = await central.ordered(
            station, "clear_der_control", order, {"status": status}
        )

    assert (action, sent) == ("ClearDERControl", payload)
    assert (done.state, done.status) == ("accepted", status)


async def test_r04_fr_20_the_begin_and_the_end_of_a_control_are_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        for started in (True, False):
            told = {
                "controlId": "c-1",
                "started": started,
                "timestamp": now(),
                "supersededIds": ["c-0"],
            }
            assert await station.call("NotifyDERStartStop", told) == {}
        kept = await events(central, station, "der_control")

    assert [row["name"] for row in kept] == ["Started", "Stopped"]
    assert {row["details"]["controlId"] for row in kept} == {"c-1"}


@pytest.mark.parametrize("fault", ["OverVoltage", "UnderFrequency", None])
async def test_r05_an_alarm_of_the_grid_is_confirmed_and_kept(
    central: Central, fault: str | None
) -> None:
    told: dict[str, Any] = {"controlType": "HVMustTrip", "timestamp": now()}
    if fault is not None:
        told |= {"gridEventFault": fault, "alarmEnded": False}
    async with central.station(PROTOCOL) as station:
        assert await station.call("NotifyDERAlarm", told) == {}
        (kept,) = await events(central, station, "der_alarm")

    assert kept["name"] == (fault or "HVMustTrip")
