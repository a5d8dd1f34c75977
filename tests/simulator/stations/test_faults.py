"""What goes wrong on command, and what must come through all the same."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from simulator.stations.config import StationConfig
from simulator.stations.faults import FaultUnknown, inject
from simulator.stations.station import SimulatedStation
from tests.simulator.stations.back_office import BackOffice, back_office
from tests.simulator.stations.conftest import FAST, IMPATIENT, hungry_car, station_16, station_201


async def test_what_happened_offline_comes_later_in_order(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "offline", "seconds": 0.9})
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.4)
        await asyncio.sleep(0.5)
        waiting, seen = station.queue_length, len(office.of("StartTransaction"))
        await office.until(lambda: running is not None and running.confirmed)

    actions = [one.action for one in office.received if one.socket == 2]
    transaction = [one for one in actions if one != "StatusNotification"]
    assert seen == 0
    assert waiting >= 4
    assert running is not None
    assert running.started_offline
    assert transaction[0] == "StartTransaction"
    assert transaction[-1] == "StopTransaction"
    assert set(transaction[1:-1]) == {"MeterValues"}
    assert all(
        one.payload["transactionId"] == 7001
        for one in office.received
        if one.action in ("MeterValues", "StopTransaction")
    )
    # No boot on a mere reconnect.
    assert len(office.of("BootNotification")) == 1


async def test_events_of_an_offline_station_say_so(office: BackOffice) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: station.queue_length == 0)
        inject(station, {"kind": "offline", "seconds": 0.4})
        await office.until(lambda: office.accepted_sockets == 2)
        station.unplug(1)
        await office.until(lambda: running is not None and running.confirmed)

    offline = [one["seqNo"] for one in office.events() if one.get("offline")]
    assert len(offline) >= 2
    assert [one["seqNo"] for one in office.events()] == list(range(len(office.events())))
    assert "offline" not in office.events()[0]


@pytest.mark.parametrize("config", [station_16(), station_201()], ids=["1.6", "2.0.1"])
async def test_an_unanswered_message_is_sent_again_under_a_new_id(
    office: BackOffice, config: StationConfig
) -> None:
    first = "StartTransaction" if config.protocol == "ocpp1.6" else "TransactionEvent"
    office.silent[first] = 2

    async with SimulatedStation(config, office.url, timing=IMPATIENT) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: len(office.of(first)) >= 3)

    sent = office.of(first)[:3]
    assert len({one.message_id for one in sent}) == 3
    assert sent[0].payload == sent[1].payload == sent[2].payload


async def test_a_message_survives_the_socket_that_died_under_it(office: BackOffice) -> None:
    office.deaf_to.add("StartTransaction")

    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.of("StartTransaction"))
        office.deaf_to.clear()
        inject(station, {"kind": "drop"})
        await office.until(lambda: any(one.answered for one in office.of("StartTransaction")))

    sockets = {one.socket for one in office.of("StartTransaction")}
    assert {1, 2} <= sockets
    assert len({str(one.payload) for one in office.of("StartTransaction")}) == 1


async def test_a_refused_message_is_tried_three_times_and_then_dropped(office: BackOffice) -> None:
    office.refusing["MeterValues"] = 3

    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.5)
        await office.until(lambda: running is not None and running.confirmed)

    assert running is not None
    assert running.faults == ["dropped MeterValues"]
    assert station.counters["dropped_refused"] == 1


async def test_one_call_is_outstanding_at_a_time(office: BackOffice) -> None:
    office.delay_s = 0.02

    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.4)
        await station.plug_in(2, "CARD2", energy_wh=10_000, stay_s=0.4)
        await office.until(lambda: len(office.events("Ended")) == 2)

    assert office.outstanding_most == 1


async def test_pipelined_frames_do_not_wait_for_answers(office: BackOffice) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "offline", "seconds": 0.5})
        inject(station, {"kind": "pipeline", "times": 5})
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.6)
        office.delay_s = 0.05
        await office.until(lambda: running is not None and running.confirmed)

    assert office.outstanding_most >= 4
    assert [one["seqNo"] for one in office.events()] == list(range(len(office.events())))


@pytest.mark.parametrize("config", [station_16(), station_201()], ids=["1.6", "2.0.1"])
async def test_a_duplicate_comes_under_a_new_id_with_the_same_words(
    office: BackOffice, config: StationConfig
) -> None:
    first = "StartTransaction" if config.protocol == "ocpp1.6" else "TransactionEvent"

    async with SimulatedStation(config, office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "duplicate"})
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: len(office.of(first)) >= 2)
        await office.until(lambda: station.queue_length == 0)

    one, other = office.of(first)[:2]
    assert one.message_id != other.message_id
    assert one.payload == other.payload
    assert station.counters["duplicate_answers_differ"] == 0


async def test_a_station_notices_when_a_duplicate_gets_another_answer(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "duplicate"})
        office.delay_s = 0.05
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.transaction_ids)
        office.transaction_ids = {"forgotten": 1, "everything": 2}
        await office.until(lambda: station.counters["duplicated"] and station.queue_length == 0)

    assert station.counters["duplicate_answers_differ"] == 1


@pytest.mark.parametrize("config", [station_16(), station_201()], ids=["1.6", "2.0.1"])
async def test_a_late_sample_comes_after_the_end(office: BackOffice, config: StationConfig) -> None:
    async with SimulatedStation(config, office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "late_meter"})
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.45)
        await office.until(
            lambda: (
                office.received[-1].action == "MeterValues"
                if office.of("StopTransaction")
                else office.events("Ended") and office.events()[-1]["eventType"] == "Updated"
            )
        )
        await office.until(lambda: station.queue_length == 0)

    if config.protocol == "ocpp1.6":
        stop, late = office.of("StopTransaction")[0].payload, office.received[-1].payload
        assert late["transactionId"] == stop["transactionId"]
        assert late["meterValue"][0]["timestamp"] < stop["timestamp"]
    else:
        ended, event = office.events("Ended")[0], office.events()[-1]
        assert event["seqNo"] < ended["seqNo"]


@pytest.mark.parametrize(
    ("order", "is_right"),
    [
        ({"kind": "clock", "epoch": True}, lambda at: at.year == 1970),
        (
            {"kind": "clock", "offset_s": -7200},
            lambda at: 7190 < (datetime.now(UTC) - at).total_seconds() < 7230,
        ),
        (
            {"kind": "clock", "offset_s": 86400},
            lambda at: -86430 < (datetime.now(UTC) - at).total_seconds() < -86370,
        ),
    ],
    ids=["1970", "two hours behind", "a day ahead"],
)
async def test_a_wrong_clock_is_on_every_stamp_but_not_in_the_truth(
    office: BackOffice, order: dict[str, object], is_right: Callable[[datetime], bool]
) -> None:
    async with SimulatedStation(station_201(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, order)
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.3)
        await office.until(lambda: running is not None and running.confirmed)

    assert running is not None
    assert all(is_right(datetime.fromisoformat(one["timestamp"])) for one in office.events())
    assert abs((datetime.now(UTC) - running.started_at).total_seconds()) < 30


@pytest.mark.parametrize("keep", [True, False], ids=["goes on", "ends by power loss"])
async def test_a_reboot_in_a_session(office: BackOffice, keep: bool) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.of("MeterValues"))
        inject(station, {"kind": "reboot", "keep": keep})
        await office.until(lambda: len(office.of("BootNotification")) == 2)
        if keep:
            seen = len(office.of("MeterValues"))
            await office.until(lambda: len(office.of("MeterValues")) > seen + 1)
            station.unplug(1)
        await office.until(lambda: running is not None and running.confirmed)

    reason = office.of("StopTransaction")[0].payload["reason"]
    assert (reason == "PowerLoss") is not keep
    assert len(office.of("StartTransaction")) == 1


async def test_a_reboot_may_keep_silent_about_itself(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "reboot", "boot_notification": False})
        await office.until(lambda: office.accepted_sockets == 2 and station.is_online)

    assert len(office.of("BootNotification")) == 1


@pytest.mark.parametrize(("close_frame", "code"), [(True, 1000), (False, 1006)])
async def test_a_dropped_socket_comes_back(
    office: BackOffice, close_frame: bool, code: int
) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "drop", "close_frame": close_frame})
        await office.until(lambda: office.accepted_sockets == 2 and station.is_online)
        await office.until(
            lambda: [one.socket for one in office.of("StatusNotification")].count(2) == 2
        )

    assert office.closings[0] == code


async def test_an_eager_station_tells_its_status_behind_the_boot() -> None:
    async with back_office(BackOffice(delay_s=0.1)) as office:
        station = SimulatedStation(station_16(), office.url, timing=FAST)
        inject(station, {"kind": "eager_boot"})
        async with station:
            await office.until(lambda: len(office.received) >= 3)
            assert not station.is_online

    assert [one.action for one in office.received] == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
    ]
    assert office.outstanding_most == 3


async def test_a_remote_stop_can_be_accepted_and_ignored(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=60)
        await office.until(lambda: office.of("MeterValues"))
        inject(station, {"kind": "ignore_remote_stop"})
        order = {"transactionId": 7001}
        first = await office.call("CP-16", "RemoteStopTransaction", order)
        still = station.connectors[1].transaction
        second = await office.call("CP-16", "RemoteStopTransaction", order)
        await office.until(lambda: office.of("StopTransaction"))

    assert first == second == {"status": "Accepted"}
    assert still is not None
    assert station.counters["remote_stops_ignored"] == 1


async def test_a_station_can_forget_to_tell_the_end(office: BackOffice) -> None:
    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await office.until(lambda: station.is_online)
        inject(station, {"kind": "no_stop"})
        running = await station.plug_in(1, "CARD1", energy_wh=10_000, stay_s=0.2)
        await office.until(lambda: running is not None and running.ended_at)
        await office.until(lambda: station.queue_length == 0)

    assert running is not None
    assert (running.faults, running.confirmed) == (["no_stop"], False)
    assert office.of("StopTransaction") == []


async def test_an_end_can_come_without_a_start(office: BackOffice) -> None:
    async with (
        SimulatedStation(station_16(), office.url, timing=FAST) as old,
        SimulatedStation(station_201(), office.url, timing=FAST) as new,
    ):
        await office.until(lambda: old.is_online and new.is_online)
        for station in (old, new):
            inject(station, {"kind": "no_start"})
            car = hungry_car(energy_wh=100, stay_s=0.2, max_power_w=11_000)
            await station.plug_in(1, "CARD1", car=car)
        await office.until(lambda: office.of("StopTransaction") and office.events("Ended"))

    assert office.of("StartTransaction") == []
    assert office.of("StopTransaction")[0].payload["transactionId"] == -1
    assert office.events("Started") == []


async def test_a_station_dials_until_somebody_listens() -> None:
    async with back_office() as office:
        pass  # the port is free again, and known

    async with SimulatedStation(station_16(), office.url, timing=FAST) as station:
        await asyncio.sleep(0.2)
        assert not station.is_online
        running = await station.plug_in(1, "CARD1", energy_wh=100, stay_s=60)
        async with back_office(office):
            await office.until(lambda: running is not None and running.start_confirmed)

    assert station.counters["connect_failed"] >= 2


@pytest.mark.parametrize(
    "order", [{}, {"kind": "explode"}, {"kind": "offline"}, {"kind": "duplicate", "times": -1}]
)
async def test_a_fault_that_makes_no_sense_is_refused(order: dict[str, object]) -> None:
    station = SimulatedStation(station_16(), "ws://127.0.0.1:1/{identity}", timing=FAST)

    with pytest.raises(FaultUnknown):
        inject(station, order)

    station.ledger.close()
