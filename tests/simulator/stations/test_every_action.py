"""Every action of every version: what a station answers, and what it says, meets the schema."""

import pytest

from simulator.stations.config import EvseConfig, Protocol, StationConfig
from simulator.stations.messages import Message, PayloadWrong
from simulator.stations.schemas import PROTOCOLS, actions, finding, schema
from simulator.stations.speech import CannotSay, say, sayings_of
from simulator.stations.station import SimulatedStation
from simulator.stations.v16_orders import ORDERS_16, Orders16
from simulator.stations.v21_orders import ORDERS_21
from simulator.stations.v201_orders import ORDERS_2X, Orders201
from tests.simulator.stations.conftest import FAST
from tests.simulator.stations.payloads import payload_for


class Overheard(SimulatedStation):
    """Not on a line: what it would say is in `said`."""

    def __init__(self, protocol: Protocol) -> None:
        config = StationConfig(
            identity="S1", protocol=protocol, evses=(EvseConfig(), EvseConfig(current_type="DC"))
        )
        super().__init__(config, "ws://127.0.0.1:9/{identity}", timing=FAST)
        self.said: list[Message] = []

    def tell(self, message: Message) -> None:
        self.said.append(message)

    def send(self, message: Message) -> None:
        self.said.append(message)


def answered_by(protocol: str) -> set[str]:
    if protocol == "ocpp1.6":
        return {*ORDERS_16, *Orders16._METHODS}
    newer = ORDERS_21 if protocol == "ocpp2.1" else {}
    return {*ORDERS_2X, *newer, *Orders201._METHODS}


ASKED = [(protocol, action) for protocol in PROTOCOLS for action in sorted(answered_by(protocol))]
SAID = [(protocol, action) for protocol in PROTOCOLS for action in sorted(sayings_of(protocol))]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_action_of_the_package_is_missing(protocol: Protocol) -> None:
    assert answered_by(protocol) | set(sayings_of(protocol)) == actions(protocol)
    assert answered_by(protocol) & set(sayings_of(protocol)) == {"DataTransfer"}


@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
@pytest.mark.parametrize(("protocol", "action"), ASKED)
async def test_the_answer_and_what_follows_meet_the_schema(
    protocol: Protocol, action: str, full: bool
) -> None:
    station = Overheard(protocol)
    wanted = schema(protocol, action, "request")
    assert wanted is not None
    payload = payload_for(wanted, full=full)
    assert finding(protocol, action, "request", payload) is None

    answer = station.dialect.answer(action, payload)
    if answer.then is not None:
        answer.then()
    await station.stop()

    assert finding(protocol, action, "answer", answer.payload) is None
    for message in station.said:
        assert finding(protocol, message.action, "request", message.payload) is None


@pytest.mark.parametrize(("protocol", "action"), SAID)
def test_what_a_station_says_meets_the_schema(protocol: Protocol, action: str) -> None:
    message = say(Overheard(protocol), action)

    assert finding(protocol, message.action, "request", message.payload) is None


def test_a_call_that_breaks_its_schema_is_refused_and_so_is_a_strange_saying() -> None:
    station = Overheard("ocpp2.1")

    with pytest.raises(PayloadWrong):
        station.dialect.answer("Reset", {"type": "Sideways"})
    with pytest.raises(CannotSay):
        say(station, "StartTransaction")
