"""The 1.6 station as a central system sees it. Source: OCPP 1.6 edition 2."""

import asyncio
from functools import partial

import pytest

from simulator.stations.ledger import Ledger
from simulator.stations.settings import Settings
from simulator.stations.station import ConnectorBusy, SimulatedStation, TokenRefused
from tests.simulator.stations.back_office import BackOffice
from tests.simulator.stations.conftest import FAST, hungry_car, station_16


async def test_a_station_boots_and_tells_the_status_of_each_connector(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST):
        await office.until(lambda: len(office.of("StatusNotification")) == 2)

    assert office.received[0].action == "BootNotification"
    assert [one.payload["status"] for one in office.of("StatusNotification")] == ["Available"] * 2


@pytest.mark.parametrize(
    ("verdict", "interval"),
    [("Pending", 1), ("Rejected", 0)],
    ids=["pending, for a second", "rejected, for as long as the station likes"],
)
async def test_a_station_that_is_not_accepted_asks_again_and_says_nothing_else(
    office: BackOffice, verdict: str, interval: int
) -> None:
    office.boots += [{"status": verdict, "interval": interval}]

    async with SimulatedStation(station_16(), office.url, timing=FAST):
        await office.until(lambda: len(office.of("BootNotification")) == 2)
        await office.until(lambda: office.of("StatusNotification"))

    assert [one.action for one in office.received[:3]] == [
        "BootNotification",
        "BootNotification",
        "StatusNotification",
    ]


async def test_a_pending_station_boots_at_once_when_it_is_told_to(office: BackOffice) -> None:
    office.boots += [{"status": "Pending", "interval": 600}]

    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: office.of("BootNotification"))
        order = {"requestedMessage": "BootNotification"}
        answer = await office.call("CP-16", "TriggerMessage", order)
        await office.until(lambda: station.is_online)

    assert answer == {"status": "Accepted"}


async def test_a_session_runs_from_plug_to_unplug_with_registers_that_agree(
    office: BackOffice,
) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.5)
        await office.until(lambda: office.of("StopTransaction"))
        await office.until(lambda: station.queue_length == 0)

    start, stop = office.of("StartTransaction")[0].payload, office.of("StopTransaction")[0].payload
    assert running is not None
    assert office.of("Authorize")[0].payload == {"idTag": "CARD1"}
    assert stop["transactionId"] == 7001
    assert stop["meterStop"] - start["meterStart"] == running.delivered_wh()
    # 3.3 to 11 kW for half a second.
    assert 0 <= running.delivered_wh() <= 3
    assert running.confirmed
    samples = office.of("MeterValues")
    assert len(samples) >= 3
    assert all(one.payload["transactionId"] == 7001 for one in samples)


async def test_meter_values_carry_register_power_currents_and_voltages(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.3)
        await office.until(lambda: office.of("MeterValues"))

    sampled = office.of("MeterValues")[0].payload["meterValue"][0]["sampledValue"]
    values = {(one["measurand"], one.get("phase")): float(one["value"]) for one in sampled}
    power_w = values["Power.Active.Import", None]
    amperes = [value for (name, _), value in values.items() if name == "Current.Import"]
    assert power_w in (3_300, 6_600, 11_000)
    assert sum(amperes) * 230 == pytest.approx(power_w, rel=0.02)
    assert ("Energy.Active.Import.Register", None) in values


async def test_a_full_car_suspends_and_stays_until_its_driver_comes(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        car = hungry_car(energy_wh=1, stay_s=0.8, max_power_w=11_000)
        running = await station.plug_in(1, "CARD1", car=car)
        await office.until(lambda: office.of("StopTransaction"))

    words = [
        one.payload["status"]
        for one in office.of("StatusNotification")
        if one.payload["connectorId"] == 1
    ]
    assert running is not None
    assert words[:4] == ["Available", "Preparing", "Charging", "SuspendedEV"]
    assert running.delivered_wh() in (1, 2)  # whole Wh at both ends


async def test_a_refused_token_leaves_without_a_transaction(office: BackOffice) -> None:
    office.refused_tokens.add("STOLEN")

    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        with pytest.raises(TokenRefused):
            await station.plug_in(1, "STOLEN", energy_wh=100, stay_s=5)

    assert office.of("StartTransaction") == []
    assert station.connectors[1].car is None


async def test_a_token_refused_at_the_start_ends_what_began_offline(office: BackOffice) -> None:
    office.refused_tokens.add("STOLEN")

    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        station.go_offline(0.2)
        await station.plug_in(1, "STOLEN", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.of("StopTransaction"))

    assert office.of("StopTransaction")[0].payload["reason"] == "DeAuthorized"


async def test_a_taken_connector_takes_no_second_car(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=100, stay_s=60)

        with pytest.raises(ConnectorBusy):
            await station.plug_in(1, "CARD2", energy_wh=100, stay_s=60)

        await station.plug_in(2, "CARD2", energy_wh=100, stay_s=60)


async def test_a_remote_start_brings_a_car_and_a_remote_stop_ends_it(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        order = {"idTag": "APP1", "connectorId": 2}
        started = await office.call("CP-16", "RemoteStartTransaction", order)
        await office.until(lambda: office.of("MeterValues"))
        stopped = await office.call("CP-16", "RemoteStopTransaction", {"transactionId": 7001})
        unknown = await office.call("CP-16", "RemoteStopTransaction", {"transactionId": 1})
        await office.until(lambda: office.of("StopTransaction"))

    assert (started, stopped) == ({"status": "Accepted"}, {"status": "Accepted"})
    assert unknown == {"status": "Rejected"}
    assert office.of("StartTransaction")[0].payload["connectorId"] == 2
    assert office.of("StopTransaction")[0].payload["reason"] == "Remote"


async def test_a_car_without_a_token_waits_for_the_remote_start(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        assert await station.plug_in(1, None, energy_wh=100, stay_s=60) is None
        assert station.connectors[1].status == "Preparing"
        await office.call("CP-16", "RemoteStartTransaction", {"idTag": "APP1"})
        await office.until(lambda: office.of("StartTransaction"))

    assert office.of("StartTransaction")[0].payload["connectorId"] == 1


@pytest.mark.parametrize(("kind", "close_code"), [("Soft", 1000), ("Hard", 1006)])
async def test_a_reset_really_drops_the_socket_and_boots_again(
    office: BackOffice, kind: str, close_code: int
) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.of("MeterValues"))
        assert await office.call("CP-16", "Reset", {"type": kind}) == {"status": "Accepted"}
        await office.until(lambda: len(office.of("BootNotification")) == 2)
        await office.until(lambda: office.of("StopTransaction"))

    stop = office.of("StopTransaction")[0]
    assert office.closings[0] == close_code
    assert stop.payload["reason"] == f"{kind}Reset"
    assert stop.socket == (1 if kind == "Soft" else 2)


async def test_settings_are_read_and_changed_under_their_1_6_keys(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        change = {"key": "MeterValueSampleInterval", "value": "7"}
        changed = await office.call("CP-16", "ChangeConfiguration", change)
        wrong = await office.call("CP-16", "ChangeConfiguration", change | {"value": "soon"})
        fixed = {"key": "NumberOfConnectors", "value": "9"}
        refused = await office.call("CP-16", "ChangeConfiguration", fixed)
        strange = {"key": "Colour", "value": "red"}
        unknown = await office.call("CP-16", "ChangeConfiguration", strange)
        keys = {"key": ["MeterValueSampleInterval", "NumberOfConnectors", "Colour"]}
        read = await office.call("CP-16", "GetConfiguration", keys)
        every = await office.call("CP-16", "GetConfiguration", {})

    statuses = [one["status"] for one in (changed, wrong, refused, unknown)]
    assert statuses == ["Accepted", "Rejected", "Rejected", "NotSupported"]
    assert {one["key"]: one["value"] for one in read["configurationKey"]} == {
        "MeterValueSampleInterval": "7",
        "NumberOfConnectors": "2",
    }
    assert read["unknownKey"] == ["Colour"]
    assert "AuthorizationKey" not in {one["key"] for one in every["configurationKey"]}


async def test_unlock_availability_and_triggers_are_obeyed(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        out = {"connectorId": 1, "type": "Inoperative"}
        later = await office.call("CP-16", "ChangeAvailability", out)
        at_once = await office.call("CP-16", "ChangeAvailability", out | {"connectorId": 2})
        unlocked = await office.call("CP-16", "UnlockConnector", {"connectorId": 1})
        await office.until(lambda: office.of("StopTransaction"))
        for wanted in ("Heartbeat", "MeterValues", "FirmwareStatusNotification"):
            seen = len(office.of(wanted))
            order = {"requestedMessage": wanted}
            assert (await office.call("CP-16", "TriggerMessage", order))["status"] == "Accepted"
            await office.until(partial(_has_more, office, wanted, seen))
        nowhere = {"requestedMessage": "Heartbeat", "connectorId": 9}
        unsaid = await office.call("CP-16", "TriggerMessage", nowhere)
        statuses = [one.status for one in station.connectors.values()]
        back = {"connectorId": 0, "type": "Operative"}
        whole = await office.call("CP-16", "ChangeAvailability", back)
        await office.until(lambda: station.connectors[2].status == "Available")

    assert whole == {"status": "Accepted"}
    assert (later["status"], at_once["status"]) == ("Scheduled", "Accepted")
    assert unlocked == {"status": "Unlocked"}
    assert unsaid == {"status": "Rejected"}
    assert office.of("StopTransaction")[0].payload["reason"] == "UnlockCommand"
    assert statuses == ["Unavailable"] * 2


def _has_more(office: BackOffice, action: str, than: int) -> bool:
    return len(office.of(action)) > than


async def test_what_it_does_not_know_is_answered_with_not_implemented(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        answer = await office.call("CP-16", "Heartbeat", {})

    assert answer == {"error": "NotImplemented"}


async def test_the_heartbeat_follows_the_interval_of_the_boot(office: BackOffice) -> None:
    office.boots += [{"status": "Accepted", "interval": 1}]

    async with SimulatedStation(station_16(), office.url, timing=FAST):
        await office.until(lambda: office.of("Heartbeat"))


async def test_a_new_password_is_used_from_the_next_connection_on(office: BackOffice) -> None:
    office.passwords["CP-16"] = "first-password-0001"
    config = station_16(password="first-password-0001")  # noqa: S106 - the test's own

    async with SimulatedStation(config, office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        change = {"key": "AuthorizationKey", "value": "second-password-002"}
        office.passwords["CP-16"] = "second-password-002"
        await office.call("CP-16", "ChangeConfiguration", change)
        await office.until(lambda: office.accepted_sockets == 2)

    assert office.unauthorized == 0


def test_a_rotated_password_holds_until_the_fleet_file_says_another() -> None:
    ledger = Ledger(None)
    Settings("CP-16", ledger, {"password": "from-the-file"}).change("password", "rotated")

    same = Settings("CP-16", ledger, {"password": "from-the-file"})
    other = Settings("CP-16", ledger, {"password": "from-a-newer-file"})

    assert same.text("password") == "rotated"
    assert other.text("password") == "from-a-newer-file"
    ledger.close()


async def test_a_wrong_password_gets_no_socket(office: BackOffice) -> None:
    office.passwords["CP-16"] = "right-password-0001"
    config = station_16(password="wrong-password-0001")  # noqa: S106 - the test's own

    async with SimulatedStation(config, office.url, timing=FAST) as station:
        await office.until(lambda: office.unauthorized >= 2)
        await asyncio.sleep(0)

    assert not station.is_online
    assert office.accepted_sockets == 0
