"""The 2.0.1 station as a CSMS sees it. Source: OCPP 2.0.1 edition 3 part 2."""

import pytest

from simulator.stations.station import SimulatedStation
from tests.simulator.stations.back_office import BackOffice, Json, back_office
from tests.simulator.stations.conftest import FAST, hungry_car, station_201


def register_mwh(event: Json) -> int:
    """The register in a transaction event."""
    (value,) = (
        float(one["value"])
        for one in event["meterValue"][0]["sampledValue"]
        if one["measurand"] == "Energy.Active.Import.Register"
    )
    return round(value * 1_000)


async def test_a_session_is_told_in_numbered_events_whose_registers_agree(
    office: BackOffice,
) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        car = hungry_car(energy_wh=1, stay_s=0.7, max_power_w=22_000)
        running = await station.plug_in(1, "CARD1", car=car)
        await office.until(lambda: office.events("Ended"))
        await office.until(lambda: station.queue_length == 0)

    events = office.events()
    assert running is not None
    assert [one["seqNo"] for one in events] == list(range(len(events)))
    assert {one["transactionInfo"]["transactionId"] for one in events} == {running.key}
    assert events[0]["idToken"] == {"idToken": "CARD1", "type": "ISO14443"}
    states = [one["transactionInfo"]["chargingState"] for one in events]
    assert list(dict.fromkeys(states)) == ["EVConnected", "Charging", "SuspendedEV", "Idle"]
    assert register_mwh(events[-1]) - register_mwh(events[0]) == 1_000
    assert running.delivered_wh() == 1
    assert running.confirmed
    assert events[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"


async def test_a_started_event_may_come_before_the_token(office: BackOffice) -> None:
    config = station_201(transaction_start="cable")

    async with SimulatedStation(config, office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=100, stay_s=60)
        await office.until(lambda: len(office.events()) >= 2)

    started, authorized = office.events()[:2]
    assert (started["eventType"], started["triggerReason"]) == ("Started", "CablePluggedIn")
    assert "idToken" not in started
    assert authorized["triggerReason"] == "Authorized"
    assert authorized["idToken"]["idToken"] == "CARD1"


async def test_dc_meter_values_tell_the_state_of_charge(office: BackOffice) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(2, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.events("Started"))

    sampled = office.events("Started")[0]["meterValue"][0]["sampledValue"]
    (soc,) = [one["value"] for one in sampled if one["measurand"] == "SoC"]
    assert 8 <= soc <= 70
    assert office.events("Started")[0]["evse"] == {"id": 2, "connectorId": 1}


async def test_a_remote_start_is_linked_by_its_id_and_stopped_by_the_transaction(
    office: BackOffice,
) -> None:
    token = {"idToken": "APP1", "type": "Central"}
    order = {"idToken": token, "remoteStartId": 4711, "evseId": 1}

    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        started = await office.call("CS-201", "RequestStartTransaction", order)
        await office.until(lambda: office.events("Started"))
        key = office.events("Started")[0]["transactionInfo"]["transactionId"]
        running = await office.call("CS-201", "GetTransactionStatus", {"transactionId": key})
        again = await office.call("CS-201", "RequestStartTransaction", order)
        stop = {"transactionId": key}
        stopped = await office.call("CS-201", "RequestStopTransaction", stop)
        await office.until(lambda: office.events("Ended") and station.queue_length == 0)
        over = await office.call("CS-201", "GetTransactionStatus", {"transactionId": key})

    first, last = office.events("Started")[0], office.events("Ended")[0]
    assert (started["status"], again["status"], stopped["status"]) == (
        "Accepted",
        "Rejected",
        "Accepted",
    )
    assert (first["triggerReason"], first["transactionInfo"]["remoteStartId"]) == (
        "RemoteStart",
        4711,
    )
    assert running["ongoingIndicator"] is True
    assert over == {"ongoingIndicator": False, "messagesInQueue": False}
    assert (last["triggerReason"], last["transactionInfo"]["stoppedReason"]) == (
        "RemoteStop",
        "Remote",
    )


async def test_a_refused_token_in_the_events_answer_ends_the_transaction(
    office: BackOffice,
) -> None:
    office.refused_tokens.add("STOLEN")

    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        station.go_offline(0.2)
        await station.plug_in(1, "STOLEN", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.events("Ended"))

    assert office.events("Started")[0]["offline"] is True
    assert office.events("Ended")[0]["transactionInfo"]["stoppedReason"] == "DeAuthorized"


async def test_variables_are_read_set_and_reported(office: BackOffice) -> None:
    interval: Json = {
        "component": {"name": "SampledDataCtrlr"},
        "variable": {"name": "TxUpdatedInterval"},
    }
    strange: Json = {"component": {"name": "Disco"}, "variable": {"name": "Colour"}}

    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        data = [interval | {"attributeValue": "7"}, strange | {"attributeValue": "red"}]
        changed = await office.call("CS-201", "SetVariables", {"setVariableData": data})
        data = [interval, strange]
        read = await office.call("CS-201", "GetVariables", {"getVariableData": data})
        report = {"requestId": 5, "reportBase": "FullInventory"}
        accepted = await office.call("CS-201", "GetBaseReport", report)
        await office.until(lambda: any(not one.payload["tbc"] for one in office.of("NotifyReport")))

    parts = [one.payload for one in office.of("NotifyReport")]
    assert [one["attributeStatus"] for one in changed["setVariableResult"]] == [
        "Accepted",
        "UnknownComponent",
    ]
    assert read["getVariableResult"][0]["attributeValue"] == "7"
    assert accepted == {"status": "Accepted"}
    assert [one["seqNo"] for one in parts] == list(range(len(parts)))
    assert {one["requestId"] for one in parts} == {5}


async def test_a_reset_on_idle_waits_for_the_transaction(office: BackOffice) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=100, stay_s=60)
        answer = await office.call("CS-201", "Reset", {"type": "OnIdle"})
        assert len(office.of("BootNotification")) == 1
        station.unplug(1)
        await office.until(lambda: len(office.of("BootNotification")) == 2)

    assert answer == {"status": "Scheduled"}
    assert office.of("BootNotification")[1].payload["reason"] == "RemoteReset"
    ended = office.of("TransactionEvent")[-1]
    assert (ended.payload["eventType"], ended.socket) == ("Ended", 1)


async def test_an_immediate_reset_ends_the_transaction_after_the_boot(office: BackOffice) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=100, stay_s=60)
        await office.until(lambda: office.events("Started"))
        await office.call("CS-201", "Reset", {"type": "Immediate"})
        await office.until(lambda: office.events("Ended"))

    ended = office.events("Ended")[0]
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert office.of("TransactionEvent")[-1].socket == 2


async def test_orders_about_the_evse_and_unknown_actions_are_answered(office: BackOffice) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=100, stay_s=60)
        busy = await office.call("CS-201", "UnlockConnector", {"evseId": 1, "connectorId": 1})
        free = await office.call("CS-201", "UnlockConnector", {"evseId": 2, "connectorId": 1})
        out = {"operationalStatus": "Inoperative", "evse": {"id": 2}}
        changed = await office.call("CS-201", "ChangeAvailability", out)
        event = {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
        triggered = await office.call("CS-201", "TriggerMessage", event)
        await office.until(
            lambda: any(one["triggerReason"] == "Trigger" for one in office.events())
        )
        unknown = await office.call("CS-201", "Heartbeat", {})
        await office.until(
            lambda: office.of("StatusNotification")[-1].payload["connectorStatus"] == "Unavailable"
        )

    assert busy == {"status": "OngoingAuthorizedTransaction"}
    assert free == {"status": "Unlocked"}
    assert changed == {"status": "Accepted"}
    assert triggered == {"status": "Accepted"}
    assert unknown == {"error": "NotImplemented"}


async def test_a_server_that_does_not_take_the_subprotocol_is_left_alone() -> None:
    async with back_office(BackOffice(subprotocols=["ocpp1.6"])) as office:
        async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
            await office.until(lambda: station.counters["connect_failed"] >= 2)

        assert not station.is_online
        assert office.received == []


@pytest.mark.parametrize("missing", ["idToken", "remoteStartId"])
async def test_an_order_that_lacks_something_is_a_format_violation(
    office: BackOffice, missing: str
) -> None:
    order = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}
    del order[missing]

    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        answer = await office.call("CS-201", "RequestStartTransaction", order)

    assert answer == {"error": "FormatViolation"}
    office.violations.clear()  # the test's own order broke the schema
