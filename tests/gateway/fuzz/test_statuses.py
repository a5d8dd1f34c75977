"""The newest status wins whatever came last, and a clock in 1970 or 2099 freezes nothing (G3)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.fuzz.conftest import Pair
from tests.gateway.fuzz.effort import effort
from tests.gateway.fuzz.telling import Teller
from tests.gateway.fuzz.transactions import BEGAN, Where, stamp

STATUSES = {
    "ocpp1.6": ("Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Faulted"),
    "ocpp2.0.1": ("Available", "Occupied", "Reserved", "Unavailable", "Faulted"),
}
# What a station's clock can say besides the time: no minute of the past, or none at all.
ODD_STAMPS = ("1970-01-01T00:00:00Z", "2099-06-01T00:00:00Z", "0001-01-01T00:00:00Z", "soon")
WHERE: tuple[Where, ...] = ("same", "same", "same", "other", "socket")


@dataclass(frozen=True)
class Told:
    """One status: `minute` of the past, or an odd stamp, which counts as now."""

    connector: int
    status: str
    when: int | str
    where: Where

    @property
    def stamp(self) -> str:
        if isinstance(self.when, str):
            return self.when
        return stamp(BEGAN + timedelta(minutes=self.when))

    def payload(self, protocol: str) -> dict[str, Any]:
        if protocol == "ocpp1.6":
            return {
                "connectorId": self.connector,
                "status": self.status,
                "errorCode": "NoError",
                "timestamp": self.stamp,
            }
        return {
            "evseId": self.connector,
            "connectorId": 1,
            "connectorStatus": self.status,
            "timestamp": self.stamp,
        }


@st.composite
def statuses(draw: st.DrawFn) -> tuple[str, list[Told]]:
    """What a station says of its two connectors, in no order at all, and some of it twice."""
    protocol = draw(st.sampled_from(sorted(STATUSES)))
    one = st.builds(
        Told,
        connector=st.integers(1, 2),
        status=st.sampled_from(STATUSES[protocol]),
        when=st.integers(0, 9) | st.sampled_from(ODD_STAMPS),
        where=st.sampled_from(WHERE),
    )
    said = draw(st.lists(one, min_size=1, max_size=8))
    again = draw(st.lists(st.sampled_from(said), max_size=3))
    return protocol, [*said, *again] if draw(st.booleans()) else [*again, *said]


def newest(said: list[Told]) -> dict[int, Told]:
    """By connector, by the rules of DESIGN 2: a repeat changes nothing, of two with the same time
    the later message counts, and one with an impossible time counts as of its arrival."""
    found: dict[int, tuple[float, Told]] = {}
    heard: set[tuple[int, str, str]] = set()
    for turn, told in enumerate(said):
        if isinstance(told.when, int):
            if (told.connector, told.status, told.stamp) in heard:
                continue
            heard.add((told.connector, told.status, told.stamp))
        at = told.when if isinstance(told.when, int) else 1_000 + turn
        if told.connector not in found or at >= found[told.connector][0]:
            found[told.connector] = at, told
    return {connector: told for connector, (_, told) in found.items()}


@effort(30)
@given(told=statuses())
async def test_the_newest_status_wins_and_no_clock_freezes_it(
    pair: Pair, told: tuple[str, list[Told]]
) -> None:
    protocol, said = told
    teller = await Teller.of(pair, protocol)
    for one in said:
        await teller.tell("StatusNotification", one.payload(protocol), one.where)
    assert await shown(pair, teller) == {
        connector: one.status.lower() for connector, one in newest(said).items()
    }
    for connector in (1, 2):
        now = Told(connector, "Faulted", datetime.now(UTC).isoformat(), "same")
        await teller.tell("StatusNotification", now.payload(protocol))
    await teller.close()
    assert await shown(pair, teller) == {1: "faulted", 2: "faulted"}


async def shown(pair: Pair, teller: Teller) -> dict[int, str]:
    """Connector to status, as operators see it."""
    rows = await pair.rows(
        "SELECT evse, status FROM connectors WHERE station_id = %s", teller.station_id
    )
    return {row["evse"]: row["status"].replace("_", "") for row in rows}
